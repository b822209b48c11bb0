"""Where memory is taken from: as far away as the devices can reach, as scattered as they can bear.

one run wanted             the default CMA area, if it lies within reach
somebody's reach is short  single pages below it, as of a 32-bit mask
else                       the system heap's pages, from the top of memory
"""

from __future__ import annotations

from errno import ENOMEM
from typing import TYPE_CHECKING

from heaps.storage.cma import CmaMemory
from heaps.storage.memory import HeapMemory, MemorySource
from heaps.storage.room import no_pages
from heaps.storage.system import SystemMemory
from heaps.storage.zeroing import zero_fresh
from soc.address import PAGE_SHIFT, human_size
from soc.dmabuf.constraints import DmaConstraints
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.scatterlist import SgTable

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel


class LowMemory(MemorySource):
    """Single pages, all below physical address `below`."""

    dram_is_clean = False

    def __init__(self, kernel: Kernel, name: str, below: int) -> None:
        super().__init__(kernel, name)
        self.below = below

    def _take(self, size: int, cached: bool) -> SgTable:
        memory, count = self.kernel.memory, size >> PAGE_SHIFT
        for what, site in (("sg_table", FaultSite.SLAB), (f"{count} pages", FaultSite.PAGE_ALLOC)):
            self.kernel.faults.check(site, f"{self.name}: {what}")
        frames = memory.pages.alloc_pages(count, self.below)
        if frames is None and memory.shrinkers.shrink(count):
            frames = memory.pages.alloc_pages(count, self.below)
        if frames is None:
            raise no_pages(memory.pages, self.name, f"{human_size(size)} below {self.below:#x}")
        table = SgTable.of_pages(frames)
        zero_fresh(self.kernel, table, cached)
        return table

    def _give(self, memory: HeapMemory, shrinker: bool) -> None:
        self.kernel.memory.pages.free_pages(memory.sgt.frames())


class Sources:
    """What the heap `name` has to choose from."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel = kernel
        self.name = name
        self._system = SystemMemory(kernel, name)
        self._low: dict[int, LowMemory] = {}
        area = kernel.memory.cma.default
        self._cma = None if area is None else CmaMemory(kernel, name, area)

    def allocate(self, needs: DmaConstraints, size: int) -> HeapMemory:
        """Memory that does for `needs`. -ENOMEM without any."""
        return self._choose(needs).allocate(size)

    def _choose(self, needs: DmaConstraints) -> MemorySource:
        if needs.contiguous:
            if self._cma is None or not self._reached(needs):
                raise KernelError(ENOMEM, f"{self.name}: no CMA area {needs}")
            return self._cma
        if needs.below is None:
            return self._system
        if needs.below not in self._low:
            self._low[needs.below] = LowMemory(self.kernel, self.name, needs.below)
        return self._low[needs.below]

    def _reached(self, needs: DmaConstraints) -> bool:
        """Whether all of the area lies below what somebody does not reach."""
        if self._cma is None or needs.below is None:
            return self._cma is not None
        area = self._cma.area
        return (area.base_frame + area.count) << PAGE_SHIFT <= needs.below
