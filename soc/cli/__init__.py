"""The command `soc`.

Exit status: 0 what was asked for held, 1 it did not, 2 it could not be asked: bad input,
or something no model could go on with, 130 interrupted. 2 comes with one line on stderr,
never a traceback.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from soc import __version__
from soc.cli import boot, check, dtb, flow, import_, regs, run
from soc.cli.commands import Parser
from soc.cli.status import BAD_INPUT, INTERRUPTED, silence
from soc.errors import SocError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
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


def _parser() -> Parser:
    parser = Parser(
        prog="soc",
        description="A full-system SoC model that proves zero-copy buffer sharing.",
        epilog="example: soc run configs/scenarios/camera-to-display.yaml --out out",
    )
    parser.add_argument("--version", action="version", version=f"soc {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (check, run, boot, regs, flow, dtb, import_):
        command.add(commands)
    return parser
