"""`soc regs`: registers as a datasheet shows them."""

from __future__ import annotations

import argparse

from devices.catalogue import tables
from soc.cli.commands import Commands
from soc.cli.status import HELD, say
from soc.errors import BadInput
from soc.regdoc import markdown


def add(commands: Commands) -> None:
    regs = commands.add_parser(
        "regs",
        help="show the registers of an IP as its datasheet would",
        epilog="example: soc regs camera; without a name, lists the blocks",
    )
    regs.add_argument("block", nargs="?", metavar="BLOCK")
    regs.set_defaults(command=_regs)


def _regs(options: argparse.Namespace) -> int:
    known = {table.name: table for table in tables()}
    if options.block is None:
        for table in known.values():
            say(f"{table.name:10} {len(table.registers):3} registers  {table.source}")
        return HELD
    if options.block not in known:
        raise BadInput(f"no block {options.block!r}; known: {', '.join(known)}")
    say(markdown(known[options.block]), end="")
    return HELD
