"""Table pages for domains that have no machine around them."""

from __future__ import annotations

import numpy as np

from soc.address import PhysAddr
from soc.kernel.errors import KernelError
from soc.mmu.vmsa import Granule

BASE = 0x8000_0000


class Pool:
    """`tables` pages of a granule, filled with rubbish before they are handed out."""

    def __init__(self, tables: int, granule: Granule = Granule.K4) -> None:
        self.words = np.full(tables << (granule - 3), 0xDEAD_BEEF_DEAD_BEEF, dtype=np.uint64)
        self.free = [PhysAddr(BASE + (table << granule)) for table in reversed(range(tables))]

    def allocate(self) -> PhysAddr:
        if not self.free:
            raise KernelError(12, "no page")
        return self.free.pop()

    def view(self, address: PhysAddr, count: int) -> np.ndarray:
        first = (address - BASE) // 8
        if not 0 <= first <= len(self.words) - count:
            raise LookupError(f"{address:#x} is not in the pool")
        return self.words[first : first + count]
