"""A heap's shrinker: memory it could do without is first its free list, then its page pools.

Source: ion_heap_shrink_count and ion_heap_shrink_scan (ion_heap.c, 4.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.address import PAGE_SHIFT

if TYPE_CHECKING:
    from heaps.ion.heap import IonHeap


class HeapShrinker:
    """The `Shrinker` of one heap; all counts are pages."""

    def __init__(self, heap: IonHeap) -> None:
        self._heap = heap

    def count_objects(self) -> int:
        """What could be given back now."""
        return (self._heap.free_list.size >> PAGE_SHIFT) + self._shrink(0)

    def scan_objects(self, nr_to_scan: int) -> int:
        """Give back `nr_to_scan` or, as buffers and blocks are whole, a few more; how many it were."""
        if nr_to_scan <= 0:
            return 0
        freed = 0
        if self._heap.deferred:
            freed = self._heap.free_list.shrink(nr_to_scan << PAGE_SHIFT) >> PAGE_SHIFT
        if freed < nr_to_scan:
            freed += self._shrink(nr_to_scan - freed)
        return freed

    def _shrink(self, pages: int) -> int:
        shrink = self._heap.ops.shrink
        return shrink(self._heap, pages) if shrink else 0
