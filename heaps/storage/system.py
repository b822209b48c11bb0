"""Memory of the system heap of dma-buf: blocks straight from the page allocator.

Blocks of orders 8 and 4 are taken as they are there, single pages until memory is
exhausted: no length is refused, one that is too large ends at the OOM killer.
Source: drivers/dma-buf/heaps/system_heap.c (6.12).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from heaps.storage.blocks import allocate_blocks, give_blocks
from heaps.storage.memory import HeapMemory, MemorySource
from heaps.storage.room import no_pages
from heaps.storage.zeroing import zero_fresh
from soc.address import PAGE_SHIFT, human_size
from soc.kernel.errors import KernelError
from soc.kernel.mm.page_alloc import HIGH_ORDER, alloc_pages, alloc_single_pages
from soc.kernel.scatterlist import SgTable
from soc.memory.span import Frames

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel

NO_FRAMES: Frames = np.empty(0, dtype=np.int64)


class SystemMemory(MemorySource):
    """-EINTR when the task is killed meanwhile. Uncached memory is cleaned once, when it is allocated."""

    dram_is_clean = False

    def _take(self, size: int, cached: bool) -> SgTable:
        source = BuddyBlocks(self.kernel)
        count = size >> PAGE_SHIFT
        table = allocate_blocks(source, self.name, count, lambda: fatal_signal_pending(self.kernel))
        if table is None:
            raise no_pages(self.kernel.memory.pages, self.name, f"{human_size(size)} in pages")
        try:
            self.kernel.faults.kmalloc("sg_table")
        except KernelError:
            give_blocks(source, table)
            raise
        zero_fresh(self.kernel, table, cached)
        return table

    def _give(self, memory: HeapMemory, shrinker: bool) -> None:
        give_blocks(BuddyBlocks(self.kernel), memory.sgt)


class BuddyBlocks:
    """A `BlockSource` that is the page allocator."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def take(self, order: int, most: int) -> Frames:
        """A block of `order`, or `most` single pages; not zeroed."""
        if not order:
            frames = alloc_single_pages(self._kernel, most)
            return NO_FRAMES if frames is None else frames
        frame = alloc_pages(self._kernel, order, HIGH_ORDER)
        return NO_FRAMES if frame is None else np.array([frame], dtype=np.int64)

    def give(self, order: int, frames: Frames) -> None:
        """The blocks are free."""
        pages = self._kernel.memory.pages
        if not order and len(frames) > 1:
            pages.free_pages(frames)
            return
        for frame in frames.tolist():
            pages.free(frame, order)


def fatal_signal_pending(kernel: Kernel) -> bool:
    """Whether the running task has been killed."""
    task = kernel.sched.current
    return task is not None and task.killed
