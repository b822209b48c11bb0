"""`soc import`: a DTS or a flattened device tree as a board in YAML."""

from __future__ import annotations

import argparse
from pathlib import Path

from soc.cli.commands import Commands
from soc.cli.output import add_option, write_made
from soc.cli.status import HELD
from soc.devicetree.tree import read_board
from soc.devicetree.yaml_writer import board_text
from soc.errors import BadInput


def add(commands: Commands) -> None:
    import_ = commands.add_parser(
        "import",
        help="write a board in DTS as YAML",
        description="Writes the YAML board whose flattened tree is the one dtc makes of the DTS. "
        "Includes and comments are not kept. What the rules of a board say of it, soc check tells.",
        epilog="examples: soc import board.dts; soc import board.dtb -o boards/mine.yaml",
    )
    import_.add_argument("board", type=Path, metavar="BOARD.dts", help="a .dts or .dtb")
    add_option(import_, ".yaml", "BOARD.yaml")
    import_.set_defaults(command=_import)


def _import(options: argparse.Namespace) -> int:
    board: Path = options.board
    if board.suffix not in (".dts", ".dtb"):
        raise BadInput(f"{board} is no .dts and no .dtb: soc import reads these")
    write_made(options, board_text(read_board(board)).encode("ascii"))
    return HELD
