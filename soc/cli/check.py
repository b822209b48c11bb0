"""`soc check`: a board, read and explained."""

from __future__ import annotations

import argparse
from pathlib import Path

from devices.catalogue import model_names
from devices.drivers import drivers_by_compatible
from heaps import catalogue as heaps
from soc.cli.commands import Commands
from soc.cli.status import HELD, say
from soc.devicetree.report import board_report
from soc.devicetree.tree import load_board
from soc.errors import BadInput


def add(commands: Commands) -> None:
    check = commands.add_parser(
        "check",
        help="read a board and show what the kernel and the models make of it",
        epilog="example: soc check configs/boards/rehearsal.yaml",
    )
    check.add_argument("board", type=Path, metavar="BOARD", help="a .yaml, .dts or .dtb")
    check.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    tree = load_board(options.board)
    if not tree.memory:
        raise BadInput("no memory node: this is no board that can run, or no board at all", tree.root.where)
    say(board_report(tree, model_names(), drivers_by_compatible() | heaps.drivers_by_compatible()), end="")
    return HELD
