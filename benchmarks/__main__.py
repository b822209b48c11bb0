"""`python -m benchmarks [--json FILE] [--sizes]`: measure, print the table, say what holds."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks import boot, buffers, camera, cpu, dma, scenario
from benchmarks.row import Row

ROOT = Path(__file__).parent.parent
BOARD = ROOT / "configs/boards/rehearsal.yaml"
VIRT_BOARD = ROOT / "configs/boards/virt.yaml"
ION_BOARD = ROOT / "configs/boards/vexpress-ion.yaml"
SCENARIO = ROOT / "configs/scenarios/camera-to-display.yaml"

PARTS: tuple[Callable[[], list[Row]], ...] = (
    lambda: camera.rows(BOARD),
    lambda: dma.rows(BOARD),
    lambda: buffers.rows(ION_BOARD),
    cpu.rows,
    lambda: scenario.rows(SCENARIO),
    lambda: boot.rows(VIRT_BOARD),
)


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    cells = [("what", "value", "against", "ratio", "bar", "")]
    cells += [
        (
            row.name,
            f"{row.value:,.1f} {row.unit}",
            row.against,
            f"{row.ratio:.2f}",
            "" if row.bar is None else f"{row.bar:.2f}",
            "" if row.bar is None else "holds" if row.holds else "MISSED",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def growth() -> str:
    """Writes to scattered pages by size: a line for each, rates in GB/s."""
    lines = ["   MiB   copyto     warm     cold   warm/copyto  cold/copyto  (GB/s)"]
    for mebibytes, copy, warm, cold in dma.sizes(BOARD):
        rates = f"{copy:8.1f} {warm:8.1f} {cold:8.1f}"
        lines.append(f"{mebibytes:6} {rates} {warm / copy:13.2f} {cold / copy:12.2f}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON, too")
    parser.add_argument("--sizes", action="store_true", help="show instead how DMA grows from 1 to 512 MiB")
    options = parser.parse_args()
    if options.sizes:
        print(growth())
        return 0
    rows: list[Row] = []
    for number, part in enumerate(PARTS, start=1):
        print(f"measuring {number} of {len(PARTS)} ...", file=sys.stderr)
        rows += part()
    print(table(rows))
    if options.json:
        text = json.dumps([asdict(row) | {"holds": row.holds} for row in rows], indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
