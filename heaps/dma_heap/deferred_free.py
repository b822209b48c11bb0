"""Freeing later: buffers that nobody has, whose memory is cleared and kept when there is time.

A thread does it one by one when everybody waits. A shrinker does it at once, and
then the pages go to whoever is short of them, past the heaps' pools.
Source: drivers/dma-buf/heaps/deferred-free-helper.c of Android's kernel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from heaps.storage.memory import HeapMemory
from soc.address import PAGE_SHIFT

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel
    from soc.kernel.sched.waitable import Blocker

WORKER = "dmabuf-deferred-free-worker"


class DeferredFree:
    """`kernel.subsystem(DeferredFree)`, for all heaps; its thread waits for the list to have something."""

    def __init__(self, kernel: Kernel) -> None:
        self._list: deque[HeapMemory] = deque()
        self._sched = kernel.sched
        kernel.memory.shrinkers.register(self)
        kernel.sched.kthread_run(WORKER, self._work)

    @property
    def list_nr_pages(self) -> int:
        """Pages that wait."""
        return sum(memory.size >> PAGE_SHIFT for memory in self._list)

    def add(self, memory: HeapMemory) -> None:
        """Nobody has this memory any more (deferred_free)."""
        self._list.append(memory)

    def count_objects(self) -> int:
        """As `Shrinker`."""
        return self.list_nr_pages

    def scan_objects(self, nr_to_scan: int) -> int:
        """As `Shrinker`: the oldest first, whole buffers."""
        freed = 0
        while self._list and freed < nr_to_scan:
            memory = self._list.popleft()
            freed += memory.size >> PAGE_SHIFT
            memory.give_back(shrinker=True)
        return freed

    def _work(self) -> None:
        while True:
            self._sched.wait_event(lambda: bool(self._list), self)
            if self._list:
                self._list.popleft().give_back()

    def blockers(self) -> Sequence[Blocker]:
        """Whoever drops the last reference of a buffer, and that may be anybody."""
        return []

    def __str__(self) -> str:
        return "the list of deferred frees"
