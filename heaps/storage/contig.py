"""Memory of ION's system contig heap: one block of the page allocator, its tail given back.

Source: drivers/staging/android/ion/ion_system_heap.c (4.9), the second heap in it.
"""

from __future__ import annotations

import numpy as np

from heaps.storage.memory import HeapMemory, MemorySource
from heaps.storage.room import no_pages
from heaps.storage.zeroing import zero_for_device
from soc.address import PAGE_SHIFT, human_size
from soc.kernel.errors import KernelError
from soc.kernel.mm.page_alloc import GFP_HIGHUSER, Gfp, alloc_pages
from soc.kernel.scatterlist import SgTable
from soc.memory.migratetype import MAX_ORDER


class ContigMemory(MemorySource):
    """One run, of at most 4 MiB: the largest block there is."""

    def _take(self, size: int, cached: bool) -> SgTable:
        pages = self.kernel.memory.pages
        count = size >> PAGE_SHIFT
        order = (count - 1).bit_length()
        frame = alloc_pages(self.kernel, order, GFP_HIGHUSER | Gfp.NOWARN) if order <= MAX_ORDER else None
        if frame is None:
            most = " (4 MiB is the most)" if order > MAX_ORDER else ""
            raise no_pages(pages, self.name, f"{human_size(size)} in one block{most}")
        pages.split(frame, order)
        if count < 1 << order:
            pages.free_pages(np.arange(frame + count, frame + (1 << order), dtype=np.int64))
        table = SgTable.of([(frame << PAGE_SHIFT, size)])
        try:
            self.kernel.faults.kmalloc("sg_table")
        except KernelError:
            pages.free_pages(table.frames())
            raise
        zero_for_device(self.kernel, table)
        return table

    def _give(self, memory: HeapMemory, shrinker: bool) -> None:
        self.kernel.memory.pages.free_pages(memory.sgt.frames())
