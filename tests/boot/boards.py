"""Boards of memory, reserved regions and boot ROMs without a file, and images to put on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from soc.boot.images import BootImage, parse_image
from soc.boot.layout import plan
from soc.devicetree import yaml_source
from soc.devicetree.check import check_board
from soc.devicetree.tree import Tree
from soc.errors import BadInput
from tests.boot.image_files import BASE, CODE, linux_image

Extent = tuple[int, int]
"""First address, size."""

MIB = 1 << 20
BANK = (BASE, 512 * MIB)
ROMS = [(0, 64 * MIB), (64 * MIB, 64 * MIB)]
DTB = 40_000
HEAD = """\
'#address-cells': 2
'#size-cells': 2
"""


def board(
    banks: Sequence[Extent] = (BANK,),
    reserved: Sequence[tuple[int, int, str]] = (),
    roms: Sequence[Extent] = (),
    more: str = "",
) -> Tree:
    """The checked tree of a board; `reserved` regions are (address, size, flag or "")."""
    text = HEAD + "".join(
        f"memory@{base:x}: {{device_type: memory, reg: [[{base:#x}, {size:#x}]]}}\n" for base, size in banks
    )
    if reserved:
        text += "reserved-memory:\n  '#address-cells': 2\n  '#size-cells': 2\n  ranges: true\n"
    for base, size, flag in reserved:
        text += f"  region@{base:x}: {{reg: [[{base:#x}, {size:#x}]]{f', {flag}: true' if flag else ''}}}\n"
    if roms:
        rows = ", ".join(f"[{base:#x}, {size:#x}]" for base, size in roms)
        text += f"flash@{roms[0][0]:x}: {{compatible: mtd-rom, reg: [{rows}]}}\n"
    path = Path("board.yaml")
    tree = Tree(path, yaml_source.parse(path, text + more))
    check_board(tree)
    return tree


def kernel(image_size: int = 28 * MIB, text_offset: int = 0, anywhere: bool = True) -> BootImage:
    data = linux_image(image_size=image_size, text_offset=text_offset, flags=0b1010 if anywhere else 0b0010)
    return parse_image(data, "Image")


def flat(size: int = MIB) -> BootImage:
    return parse_image(CODE.ljust(size, b"\0"), "fw.bin")


def complaint(tree: Tree, image: BootImage, **options: object) -> str:
    with pytest.raises(BadInput) as caught:
        plan(tree, image, **{"dtb_size": DTB, **options})
    return str(caught.value)
