"""The command `soc`.

Exit status: 0 what was asked for held, 1 it did not, 2 it could not be asked: bad input,
or something no model could go on with, 130 interrupted. 2 comes with one line on stderr,
never a traceback.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Sequence

from soc import __version__
from soc.cli.commands import Parser
from soc.cli.status import BAD_INPUT, INTERRUPTED, silence
from soc.errors import SocError

COMMANDS = {
    "check": "soc.cli.check",
    "run": "soc.cli.run",
    "boot": "soc.cli.boot",
    "regs": "soc.cli.regs",
    "flow": "soc.cli.flow",
    "dtb": "soc.cli.dtb",
    "import": "soc.cli.import_",
}
"""Each command's module, which adds it to the parser."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser(words).parse_args(words)
    try:
        status: int = options.command(options)
    except SocError as error:
        print(f"soc: {error}", file=sys.stderr)
        return BAD_INPUT
    except MemoryError:
        print("soc: this host has too little memory for the board", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("soc: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        silence()
        print(f"soc: the operating system says: {error.strerror}", file=sys.stderr)
        return BAD_INPUT
    return status


def _parser(words: list[str]) -> Parser:
    """For all commands, or the one that `words` begin with: what the others need is not loaded then."""
    parser = Parser(
        prog="soc",
        description="A full-system SoC model that proves zero-copy buffer sharing.",
        epilog="example: soc run configs/scenarios/camera-to-display.yaml --out out",
    )
    parser.add_argument("--version", action="version", version=f"soc {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    wanted = words[:1] if words and words[0] in COMMANDS else COMMANDS
    for name in wanted:
        importlib.import_module(COMMANDS[name]).add(commands)
    return parser
