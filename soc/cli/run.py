"""`soc run`: a scenario, carried out and judged."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from soc.cli.commands import Commands
from soc.cli.status import FAILED, HELD, say
from soc.report.summary import summary
from soc.report.write import check_writable, write_report
from soc.scenario.bugs import BUGS
from soc.scenario.run import run_scenario
from soc.scenario.spec import load_scenario
from soc.sigint import Interrupts


def add(commands: Commands) -> None:
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


def _run(options: argparse.Namespace) -> int:
    scenario = load_scenario(options.scenario, tuple(BUGS))
    out: Path = options.out or Path("out") / scenario.name
    check_writable(out)
    bar = tqdm(total=scenario.frames, desc=scenario.name, unit="frame", disable=options.quiet)

    def progress(shown: int) -> None:
        bar.update(shown - bar.n)

    with bar, Interrupts() as interrupts:
        run = run_scenario(scenario, progress, interrupts.seen)
    say(summary(run.result))
    write_report(run.result, out, run.pictures)
    say(f"report: {out / 'report.html'}")
    return HELD if run.result.passed else FAILED
