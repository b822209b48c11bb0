"""ION's page pools: blocks that are kept, cleared, for the next buffer.

One pool per order, for cached and for uncached buffers apart. A pool is a queue:
the block that was added first is taken first. Pages of high memory have a list of
their own, which is served first and shrunk last; arm64 has no high memory, so by
default that list stays empty.
Source: drivers/staging/android/ion/ion_page_pool.c, ion_system_heap.c (4.9).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np

from heaps.storage.blocks import ORDERS
from soc.memory.pages import PageAllocator

IsHighmem = Callable[[int], bool]
"""PageHighMem of a frame."""


def no_highmem(frame: int) -> bool:
    """Every page is in the kernel's linear map, as on any 64-bit machine."""
    return False


class IonPagePool:
    """Blocks of 2**`order` pages by first frame; what is shrunk goes back to `pages`."""

    def __init__(
        self, pages: PageAllocator, order: int, cached: bool, is_highmem: IsHighmem = no_highmem
    ) -> None:
        self.order = order
        self.cached = cached
        self._pages = pages
        self._is_highmem = is_highmem
        self._high_items: deque[int] = deque()
        self._low_items: deque[int] = deque()

    @property
    def high_count(self) -> int:
        """Blocks of high memory."""
        return len(self._high_items)

    @property
    def low_count(self) -> int:
        """Blocks of low memory."""
        return len(self._low_items)

    def add(self, frames: Iterable[int]) -> None:
        """Keep these blocks (ion_page_pool_free)."""
        if self._is_highmem is no_highmem:
            self._low_items.extend(frames)
            return
        for frame in frames:
            (self._high_items if self._is_highmem(frame) else self._low_items).append(frame)

    def remove(self, most: int) -> list[int]:
        """Up to `most` blocks, high memory first."""
        return _pop(self._high_items, most) or _pop(self._low_items, most)

    def total(self, highmem: bool = True) -> int:
        """Pages in the pool, those of high memory only if `highmem`."""
        return (self.low_count + (self.high_count if highmem else 0)) << self.order

    def shrink(self, nr_to_scan: int, highmem: bool = True) -> int:
        """Give back at least `nr_to_scan` pages in whole blocks, low memory first, as far as there are;
        how many pages it were."""
        freed = 0
        while freed < nr_to_scan and (items := self._low_items or (self._high_items if highmem else None)):
            blocks = _pop(items, (nr_to_scan - freed + (1 << self.order) - 1) >> self.order)
            self._free(blocks)
            freed += len(blocks) << self.order
        return freed

    def _free(self, blocks: list[int]) -> None:
        if not self.order:
            self._pages.free_pages(np.array(blocks, dtype=np.int64))
            return
        for frame in blocks:
            self._pages.free(frame, self.order)


class IonPagePools:
    """The pools of one system heap, `uncached` and `cached`, each in the sequence of ORDERS."""

    def __init__(self, pages: PageAllocator, is_highmem: IsHighmem = no_highmem) -> None:
        self.uncached = [IonPagePool(pages, order, False, is_highmem) for order in ORDERS]
        self.cached = [IonPagePool(pages, order, True, is_highmem) for order in ORDERS]

    def of(self, order: int, cached: bool) -> IonPagePool:
        """The pool of one order."""
        return (self.cached if cached else self.uncached)[ORDERS.index(order)]

    def total(self, highmem: bool = True) -> int:
        """Pages in all pools."""
        return sum(pool.total(highmem) for pool in (*self.uncached, *self.cached))

    def shrink(self, nr_to_scan: int, highmem: bool = True) -> int:
        """Give back `nr_to_scan` pages, or a few more: blocks are whole. High orders first, and of
        each order uncached first; how many pages it were."""
        freed = 0
        for uncached, cached in zip(self.uncached, self.cached, strict=True):
            for pool in (uncached, cached):
                freed += pool.shrink(nr_to_scan - freed, highmem)
        return freed


def _pop(items: deque[int], most: int) -> list[int]:
    taken = list(islice(items, most))
    for _ in taken:
        items.popleft()
    return taken
