"""The command `soc`.

Exit status: 0 what was asked for held, 1 it did not, 2 it could not be asked: bad input,
or something no model could go on with, 130 interrupted. 2 comes with one line on stderr,
never a traceback.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from devices.catalogue import drivers_by_compatible, models, tables
from heaps import catalogue as heaps
from soc import __version__
from soc.devicetree.report import board_report
from soc.devicetree.tree import load_board
from soc.errors import BadInput, SocError
from soc.flows.catalogue import FLOWS
from soc.flows.stage import play_flow
from soc.flows.tables import as_text, listing
from soc.guest import CORE_MODELS
from soc.regdoc import markdown
from soc.report.summary import summary
from soc.report.write import check_writable, write_report
from soc.scenario.bugs import BUGS
from soc.scenario.run import run_scenario
from soc.scenario.spec import load_scenario
from soc.sigint import Interrupts

HELD, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


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
        _silence()
        print(f"soc: the operating system says: {error.strerror}", file=sys.stderr)
        return BAD_INPUT
    return status


def _say(text: str, end: str = "\n") -> None:
    """Print. Where the reader of our output has left, the work goes on without a word."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        _silence()


def _silence() -> None:
    """Lead standard output to nowhere, so that what is still buffered cannot fail at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _check(options: argparse.Namespace) -> int:
    tree = load_board(options.board)
    if not tree.memory:
        raise BadInput("no memory node: this is no board that can run, or no board at all", tree.root.where)
    kinds = CORE_MODELS | {compatible: model.__name__ for compatible, model in models().items()}
    _say(board_report(tree, kinds, drivers_by_compatible() | heaps.drivers_by_compatible()), end="")
    return HELD


def _run(options: argparse.Namespace) -> int:
    scenario = load_scenario(options.scenario, tuple(BUGS))
    out: Path = options.out or Path("out") / scenario.name
    check_writable(out)
    bar = tqdm(total=scenario.frames, desc=scenario.name, unit="frame", disable=options.quiet)

    def progress(shown: int) -> None:
        bar.update(shown - bar.n)

    with bar, Interrupts() as interrupts:
        run = run_scenario(scenario, progress, interrupts.seen)
    _say(summary(run.result))
    write_report(run.result, out, run.pictures)
    _say(f"report: {out / 'report.html'}")
    return HELD if run.result.passed else FAILED


def _regs(options: argparse.Namespace) -> int:
    known = {table.name: table for table in tables()}
    if options.block is None:
        for table in known.values():
            _say(f"{table.name:10} {len(table.registers):3} registers  {table.source}")
        return HELD
    if options.block not in known:
        raise BadInput(f"no block {options.block!r}; known: {', '.join(known)}")
    _say(markdown(known[options.block]), end="")
    return HELD


def _flow(options: argparse.Namespace) -> int:
    if options.name is None:
        _say(listing(FLOWS.values()), end="")
        return HELD
    flow = FLOWS.get(options.name)
    if flow is None:
        raise BadInput(f"no flow {options.name!r}; known: {', '.join(FLOWS)}")
    acts = list(play_flow(flow))
    _say(as_text(flow, acts), end="")
    return HELD if all(act.held for act in acts) else FAILED


class _Parser(argparse.ArgumentParser):
    """argparse whose errors are one line, as every other mistake's."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"soc: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="soc",
        description="A full-system SoC model that proves zero-copy buffer sharing.",
        epilog="example: soc run configs/scenarios/camera-to-display.yaml --out out",
    )
    parser.add_argument("--version", action="version", version=f"soc {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser(
        "check",
        help="read a board and show what the kernel and the models make of it",
        epilog="example: soc check configs/boards/rehearsal.yaml",
    )
    check.add_argument("board", type=Path, metavar="BOARD.yaml")
    check.set_defaults(command=_check)

    run = commands.add_parser(
        "run",
        help="carry out a scenario and judge it",
        description="Carries out a scenario. DIR gets report.json, report.html, first.png and last.png.",
        epilog="example: soc run configs/scenarios/camera-to-display.yaml --out out; "
        "exit status: 0 passed, 1 failed, 2 bad input",
    )
    run.add_argument("scenario", type=Path, metavar="SCENARIO.yaml")
    run.add_argument("--out", type=Path, metavar="DIR", help="where the report goes (default: out/SCENARIO)")
    run.add_argument("--quiet", action="store_true", help="no progress bar")
    run.set_defaults(command=_run)

    regs = commands.add_parser(
        "regs",
        help="show the registers of an IP as its datasheet would",
        epilog="example: soc regs camera; without a name, lists the blocks",
    )
    regs.add_argument("block", nargs="?", metavar="BLOCK")
    regs.set_defaults(command=_regs)

    flow = commands.add_parser(
        "flow",
        help="run one of the sources' flows and show the reference counts step by step",
        description="Runs a flow: each call, who made it, and after it the references by holder. "
        "A mistake that the flow shows must be found and named. = stands for the same holders as before.",
        epilog="example: soc flow exynos-vb2; without a name, lists the flows; "
        "exit status: 0 ended as it says, 1 did not",
    )
    flow.add_argument("name", nargs="?", metavar="FLOW", help="its name; without one, all are listed")
    flow.set_defaults(command=_flow)
    return parser


if __name__ == "__main__":
    sys.exit(main())
