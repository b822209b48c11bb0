"""Read-only memory (binding mtd/mtd-physmap.yaml, "mtd-rom"): a bank for each `reg` entry.

A write is an external abort, as from a chip that is not selected by writes.
Not modelled: programming and the CFI query of a NOR flash, access time.
"""

from __future__ import annotations

from typing import ClassVar

from soc.address import human_size
from soc.bus import Target
from soc.device import Slot
from soc.devicetree.node import Reg
from soc.errors import BadInput
from soc.registers import RegisterTable
from soc.rom import Rom

LARGEST = 1 << 30
"""Bytes of one bank."""


class MtdRom:
    """`targets` are its banks in the order of `reg`, for whoever puts an image there.

    BadInput for a bank that is larger than any chip, or than this host can give.
    """

    compatible: ClassVar[tuple[str, ...]] = ("mtd-rom",)
    tables: ClassVar[tuple[RegisterTable, ...]] = ()
    dma: ClassVar[bool] = False

    def __init__(self, slot: Slot) -> None:
        self.targets: tuple[Target, ...] = tuple(_bank(slot, reg) for reg in slot.node.reg)


def _bank(slot: Slot, reg: Reg) -> Rom:
    problem = f"a bank of {slot.node.path} is {human_size(reg.size)}"
    if reg.size > LARGEST:
        raise BadInput(f"{problem}, at most {human_size(LARGEST)} are modelled", slot.node.where)
    try:
        return Rom(reg.address, reg.size)
    except OSError as error:
        raise BadInput(
            f"{problem}, and this host cannot give it: {error.strerror}", slot.node.where
        ) from error
