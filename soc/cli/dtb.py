"""`soc dtb`: a board as the flattened device tree that a guest is given."""

from __future__ import annotations

import argparse
from pathlib import Path

from soc.cli.commands import Commands
from soc.cli.output import add_option, write_made
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
    add_option(dtb, ".dtb", "OUT.dtb")
    dtb.set_defaults(command=_dtb)


def _dtb(options: argparse.Namespace) -> int:
    write_made(options, flatten(load_board(options.board)))
    return HELD
