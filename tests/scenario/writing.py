"""Scenario files for the tests: a small picture on the rehearsal board."""

from __future__ import annotations

from pathlib import Path

from soc.scenario.bugs import BUGS
from soc.scenario.run import Run, run_scenario
from soc.scenario.spec import Scenario, load_scenario

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "configs" / "boards" / "rehearsal.yaml"
SCENARIOS = ROOT / "configs" / "scenarios"

LINES = {
    "description": "a small picture from camera to display",
    "board": str(BOARD),
    "source": "camera",
    "sink": "lcdif",
    "picture": "{width: 64, height: 48, format: XRGB8888}",
    "frames": "5",
    "time-limit": "1",
    "kernel": "{heap: fb_pool, buffers: 3}",
}


def scenario_text(**changes: str | None) -> str:
    """`LINES` with some replaced; `time_limit` stands for `time-limit`, None leaves a line out."""
    lines = LINES | {key.replace("_", "-"): value for key, value in changes.items()}
    return "".join(f"{key}: {value}\n" for key, value in lines.items() if value is not None)


def write_scenario(folder: Path, **changes: str | None) -> Path:
    path = folder / "small.yaml"
    path.write_text(scenario_text(**changes), encoding="utf-8")
    return path


def load(folder: Path, **changes: str | None) -> Scenario:
    return load_scenario(write_scenario(folder, **changes), tuple(BUGS))


def run(folder: Path, **changes: str | None) -> Run:
    return run_scenario(load(folder, **changes))
