"""Memory from a reserved region: in one run (carveout), or in chunks of one size.

The region is cleared when the heap is made and a buffer's memory when it is
released, never at allocation, so that no owner sees what another left.
Source: ion_carveout_heap.c, ion_chunk_heap.c (4.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaps.storage.memory import HeapMemory, MemorySource
from heaps.storage.room import no_room
from heaps.storage.zeroing import zero_for_device
from soc.address import PAGE_MASK, PAGE_SHIFT, PhysAddr, human_size
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.mm.genalloc import GenPool
from soc.kernel.scatterlist import SgTable

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel


class RegionMemory(MemorySource):
    """`size` bytes at `base`, which the page allocator does not have. ValueError unless whole pages."""

    keeps_memory = True

    def __init__(self, kernel: Kernel, name: str, base: PhysAddr, size: int, order: int = PAGE_SHIFT) -> None:
        super().__init__(kernel, name)
        self.base = base
        self.size = size
        self.pool = GenPool(base, size, order)
        if size:
            zero_for_device(kernel, SgTable.of([(base, size)]))

    @property
    def used(self) -> int:
        """Bytes in buffers."""
        return self.pool.used

    @property
    def largest_free(self) -> int:
        """Bytes of the largest free run."""
        return self.pool.largest_free

    def _full(self, wanted: str) -> KernelError:
        return no_room(self.name, wanted, self.pool.size - self.used, self.pool.size, self.largest_free)


class CarveoutMemory(RegionMemory):
    """Buffers in one run each, first fit."""

    def _take(self, size: int, cached: bool) -> SgTable:
        self.kernel.faults.kmalloc("sg_table")
        self.kernel.faults.check(FaultSite.PAGE_ALLOC, f"{self.name}: {human_size(size)}")
        start = self.pool.alloc(size)
        if start is None:
            raise self._full(f"{human_size(size)} in one run")
        return SgTable.of([(start, size)])

    def _give(self, memory: HeapMemory, shrinker: bool) -> None:
        self.pool.free(PhysAddr(int(memory.sgt.starts[0])))


class ChunkMemory(RegionMemory):
    """Buffers in chunks of `chunk_size` bytes, whole pages, which may lie apart; one entry a chunk.

    A chunk takes its size rounded up to a power of two out of the region, but counts as what it is:
    where the two differ, chunks run out before `allocated` says so.
    """

    def __init__(self, kernel: Kernel, name: str, base: PhysAddr, size: int, chunk_size: int) -> None:
        if chunk_size <= 0 or chunk_size & PAGE_MASK:
            raise ValueError(f"chunks of {chunk_size:#x} bytes are not whole pages")
        super().__init__(kernel, name, base, size, (chunk_size - 1).bit_length())
        self.chunk_size = chunk_size
        self.allocated = 0

    def _take(self, size: int, cached: bool) -> SgTable:
        count = -(-size // self.chunk_size)
        allocated = count * self.chunk_size
        wanted = f"{human_size(allocated)} in chunks of {human_size(self.chunk_size)}"
        if allocated > self.size - self.allocated:
            raise self._full(wanted)
        self.kernel.faults.kmalloc("sg_table")
        for number in range(count):
            self.kernel.faults.check(FaultSite.PAGE_ALLOC, f"{self.name}: chunk {number} of {count}")
        starts = self.pool.alloc_pieces(self.chunk_size, count)
        if starts is None:
            raise self._full(wanted)
        self.allocated += allocated
        return SgTable.of([(start, self.chunk_size) for start in starts])

    def _give(self, memory: HeapMemory, shrinker: bool) -> None:
        self.pool.free_pieces([PhysAddr(start) for start in memory.sgt.starts.tolist()])
        self.allocated -= memory.sgt.size
