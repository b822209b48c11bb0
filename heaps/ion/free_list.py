"""Deferred free: buffers that nobody has any more, but whose memory is not free yet.

A thread of the heap destroys them one by one when there is nothing else to do
(SCHED_IDLE: here, when everybody waits); an allocation that fails, or a shrinker,
does it at once. Until then their memory is in use, and no client's.
Source: ion_heap_freelist_* and ion_heap_deferred_free (ion_heap.c, 4.9).

The thread ends with its heap; Linux leaves it behind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heaps.ion.buffer import IonBuffer
    from soc.kernel.kernel import Kernel
    from soc.kernel.sched.waitable import Blocker


class FreeList:
    """The list of one heap, `name` once it has a thread; the thread waits for it to have buffers."""

    def __init__(self, kernel: Kernel) -> None:
        self.name = ""
        self._kernel = kernel
        self._buffers: deque[IonBuffer] = deque()
        self._ended = False

    @property
    def size(self) -> int:
        """Bytes of the buffers on the list (free_list_size)."""
        return sum(buffer.size for buffer in self._buffers)

    def __len__(self) -> int:
        return len(self._buffers)

    def init_thread(self, name: str) -> None:
        """Start the heap's thread, called `name` as the heap."""
        self.name = name
        self._kernel.sched.kthread_run(name, self._deferred_free)

    def stop_thread(self) -> None:
        """The heap goes: its thread ends at its next turn."""
        self._ended = True

    def add(self, buffer: IonBuffer) -> None:
        """Nobody has `buffer` any more."""
        self._buffers.append(buffer)

    def drain(self, size: int = 0) -> int:
        """Destroy the oldest until `size` bytes, all for 0, are gone; how many bytes it were."""
        return self._drain(size, shrinker=False)

    def shrink(self, size: int) -> int:
        """The same, past the heap's pools: the pages are wanted elsewhere."""
        return self._drain(size, shrinker=True)

    def _drain(self, size: int, shrinker: bool) -> int:
        wanted, drained = size or self.size, 0
        while self._buffers and drained < wanted:
            buffer = self._buffers.popleft()
            buffer.shrinker_free |= shrinker
            drained += buffer.size
            buffer.destroy()
        return drained

    def _deferred_free(self) -> None:
        while not self._ended:
            self._kernel.sched.wait_event(lambda: self._ended or bool(self._buffers), self)
            if self._buffers:
                self._buffers.popleft().destroy()

    def blockers(self) -> Sequence[Blocker]:
        """Whoever drops the last reference of a buffer, and that may be anybody."""
        return []

    def __str__(self) -> str:
        return f"the free list of heap {self.name}"
