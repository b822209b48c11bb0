"""Memory of ION's system heap: blocks from page pools, and from the page allocator behind them.

Pages are cleared before they enter a pool, so that the next buffer has them as they
are. Linux leaves those for cached buffers in the CPU's cache and cleans them for each
buffer anew; here they are cleaned when they are cleared, which leaves the same behind.
Source: drivers/staging/android/ion/ion_system_heap.c (4.9), with the flags that each
order was meant to have (4.9.0 itself gave those of order 8 to all).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from heaps.storage.blocks import Parts, allocate_blocks, give_blocks, table_of
from heaps.storage.memory import HeapMemory, MemorySource
from heaps.storage.page_pool import IonPagePools, IsHighmem, no_highmem
from heaps.storage.room import no_pages
from heaps.storage.system import NO_FRAMES, BuddyBlocks
from heaps.storage.zeroing import zero_for_device
from soc.address import PAGE_SHIFT, human_size
from soc.kernel.errors import KernelError
from soc.kernel.mm.page_alloc import GFP_HIGHUSER, HIGH_ORDER, Gfp, alloc_pages, alloc_single_pages
from soc.kernel.scatterlist import SgTable
from soc.memory.span import Frames

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel

GFP: dict[int, Gfp] = {8: HIGH_ORDER, 4: GFP_HIGHUSER}


class PooledSystemMemory(MemorySource):
    """-ENOMEM at once for more than half of all RAM. `pools` keep what buffers gave back."""

    keeps_memory = True

    def __init__(self, kernel: Kernel, name: str, is_highmem: IsHighmem = no_highmem) -> None:
        super().__init__(kernel, name)
        self.pools = IonPagePools(kernel.memory.pages, is_highmem)

    def shrink(self, nr_to_scan: int, highmem: bool = True) -> int:
        """Give pooled pages back to the page allocator; 0 only counts them, as heap->shrink does."""
        return self.pools.shrink(nr_to_scan, highmem) if nr_to_scan else self.pools.total(highmem)

    def _take(self, size: int, cached: bool) -> SgTable:
        pages = self.kernel.memory.pages
        count, total = size >> PAGE_SHIFT, pages.total_frames
        if count > total // 2:
            ram = human_size(total << PAGE_SHIFT)
            raise no_pages(pages, self.name, f"{human_size(size)}, more than half of {ram} of RAM")
        source = PooledBlocks(self.kernel, self.pools, cached)
        table = allocate_blocks(source, self.name, count)
        if table is None:
            pooled = f", {human_size(self.pools.total() << PAGE_SHIFT)} are in its pools"
            raise no_pages(pages, self.name, f"{human_size(size)} in pages", pooled)
        source.settle()
        try:
            self.kernel.faults.kmalloc("sg_table")
        except KernelError:
            give_blocks(source, table)
            raise
        return table

    def _clear(self, memory: HeapMemory, shrinker: bool) -> None:
        if not shrinker:
            zero_for_device(self.kernel, memory.sgt)

    def _give(self, memory: HeapMemory, shrinker: bool) -> None:
        keeper = PooledBlocks(self.kernel, self.pools, memory.cached)
        give_blocks(BuddyBlocks(self.kernel) if shrinker else keeper, memory.sgt)


class PooledBlocks:
    """The `BlockSource` of one allocation: `pools` first, fresh pages behind them."""

    def __init__(self, kernel: Kernel, pools: IonPagePools, cached: bool) -> None:
        self._kernel = kernel
        self._pools = pools
        self._cached = cached
        self._fresh: Parts = []

    def take(self, order: int, most: int) -> Frames:
        """Up to `most` blocks of `order`; fresh ones are zero once `settle` was called."""
        pooled = self._pools.of(order, self._cached).remove(most)
        if pooled:
            return np.array(pooled, dtype=np.int64)
        if order:
            frame = alloc_pages(self._kernel, order, GFP[order])
            fresh = NO_FRAMES if frame is None else np.array([frame], dtype=np.int64)
        else:
            singles = alloc_single_pages(self._kernel, most)
            fresh = NO_FRAMES if singles is None else singles
        if len(fresh):
            self._fresh.append((order, fresh))
        return fresh

    def give(self, order: int, frames: Frames) -> None:
        """The pool keeps the blocks, zeroed."""
        self.settle()
        self._pools.of(order, self._cached).add(frames.tolist())

    def settle(self) -> None:
        """Clear what came fresh from the page allocator."""
        if not self._fresh:
            return
        table, self._fresh = table_of(self._fresh), []
        zero_for_device(self._kernel, table)
