"""Boards in YAML and their twins in DTS, written by hand."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
DTS = Path(__file__).parent / "dts"

BOARDS = sorted((ROOT / "configs" / "boards").glob("*.yaml"))
TWINS = {yaml.stem: (yaml, DTS / f"{yaml.stem}.dts") for yaml in [*BOARDS, *sorted(DTS.glob("*.yaml"))]}
"""Name to the two files. Every board we ship has one; the others show every kind of property."""
