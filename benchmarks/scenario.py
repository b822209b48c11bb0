"""The main job, whole: boot, heap, drivers, 120 frames of 1080p, the proof."""

from __future__ import annotations

from pathlib import Path

from benchmarks.row import Row, fastest
from soc.scenario.run import run_scenario
from soc.scenario.spec import load_scenario

FRAMES_A_SECOND = 200


def rows(scenario_file: Path) -> list[Row]:
    """Frames a second of wall time, from the file on disk to the verdict."""
    scenario = load_scenario(scenario_file, ())
    [seconds] = fastest(lambda: run_scenario(scenario))
    rate = scenario.frames / seconds
    return [
        Row(
            "scenario camera-to-display, 1920x1080",
            rate,
            "frames/s",
            f"{FRAMES_A_SECOND} frames/s",
            rate / FRAMES_A_SECOND,
            1.0,
        )
    ]
