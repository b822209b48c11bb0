"""Read-only memory (binding mtd/mtd-physmap.yaml, "mtd-rom"): a bank for each `reg` entry.

A write is an external abort, as from a chip that is not selected by writes.
Not modelled: programming and the CFI query of a NOR flash, access time.
"""

from __future__ import annotations

from typing import ClassVar

from soc.bus import Target
from soc.device import Slot
from soc.memory.rom import Rom
from soc.registers import RegisterTable


class MtdRom:
    """`banks` in the order of `reg`, for whoever puts an image there."""

    compatible: ClassVar[tuple[str, ...]] = ("mtd-rom",)
    tables: ClassVar[tuple[RegisterTable, ...]] = ()
    dma: ClassVar[bool] = False

    def __init__(self, slot: Slot) -> None:
        self.banks = tuple(Rom(reg.size) for reg in slot.node.reg)
        self.targets: tuple[Target, ...] = self.banks
