"""A small memory to build tables in."""

from __future__ import annotations

import numpy as np

from soc.address import PhysAddr
from soc.bus import BusError
from soc.kernel.errors import KernelError
from soc.mmu.leaves import Leaves
from soc.mmu.tables import PageTable
from soc.mmu.vmsa import (
    ACCESS_FLAG,
    AP_EL0,
    Granule,
)
from soc.mmu.walk import Walker

BASE = 0x8000_0000
ATTRIBUTES = ACCESS_FLAG | AP_EL0
K4, K16, K64 = Granule
GIB = 1 << 18
"""Pages of a gibibyte."""


class Pool:
    """Tables of a small memory, filled with rubbish before they are handed out."""

    def __init__(self, tables: int = 24, granule: Granule = K4) -> None:
        self.size = 1 << granule
        self.words = np.full(tables * self.size // 8, 0xDEAD_BEEF_DEAD_BEEF, dtype=np.uint64)
        self.all = [PhysAddr(BASE + self.size * table) for table in reversed(range(tables))]
        self.free = list(self.all)

    def allocate(self) -> PhysAddr:
        if not self.free:
            raise KernelError(12, "no page")
        return self.free.pop()

    def view(self, address: PhysAddr, count: int) -> np.ndarray:
        first = (address - BASE) // 8
        if not 0 <= first <= len(self.words) - count:
            raise BusError(address, 8 * count, "read", "test")
        return self.words[first : first + count]

    def table(self, granule: Granule = K4, input_bits: int = 39, **options: object) -> PageTable:
        return PageTable(self.allocate, self.free.append, self.view, granule, input_bits, **options)

    def walk(self, table: PageTable, page: int, count: int) -> Leaves:
        return Walker(table.regime(40), self.view, BusError).walk(page, count)
