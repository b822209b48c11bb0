"""`soc dtb`: a board as the flattened device tree that a guest is given."""

from __future__ import annotations

import argparse
from pathlib import Path

from soc.cli.commands import Commands
from soc.cli.output import write_whole
from soc.cli.status import HELD
from soc.devicetree.fdt import flatten
from soc.devicetree.tree import load_board


def add(commands: Commands) -> None:
    dtb = commands.add_parser(
        "dtb",
        help="write a board as a flattened device tree",
        description="Writes what dtc would make of the same board in DTS, byte for byte.",
        epilog="examples: soc dtb configs/boards/rehearsal.yaml -o board.dtb; "
        "soc dtb board.dts -o - | dtc -I dtb -O dts",
    )
    dtb.add_argument("board", type=Path, metavar="BOARD", help="a .yaml, .dts or .dtb")
    dtb.add_argument(
        "-o",
        dest="out",
        type=Path,
        metavar="OUT.dtb",
        help="the file to write, - for standard output (default: BOARD.dtb in the current directory)",
    )
    dtb.set_defaults(command=_dtb)


def _dtb(options: argparse.Namespace) -> int:
    board: Path = options.board
    data = flatten(load_board(board))
    write_whole(options.out or Path(f"{board.stem}.dtb"), data, board)
    return HELD
