"""The path that ends in dma_fence_signal, annotated for lockdep, and what it must not do.

Somebody may hold a dma_resv lock, or reclaim memory, while he waits for a fence:

    reservation_ww_class -> fs_reclaim -> dma_fence_map

So code on the way to signalling one must take no such lock, none that is ever held
during a wait for a fence, and must not allocate with GFP_KERNEL. A driver brackets it:

    cookie = dma_fence_begin_signalling(kernel, "lcdif interrupt")
    ...
    dma_fence_end_signalling(kernel, cookie)

or `with signalling(kernel, "lcdif interrupt"):`. What is forbidden is a WARN that
names the bracket, whether or not it hangs this time. dma_fence_signal brackets
its callbacks itself. Waiting for another fence inside is allowed.
Source: drivers/dma-buf/dma-fence.c (dma_fence_map), dma_resv_lockdep in dma-resv.c.

Not modelled: mmap_lock and the notifiers of mm in that order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soc.kernel.faults import FaultSite
from soc.kernel.locking.lockdep import LockClass, lock_acquire, lock_release, might, prime
from soc.kernel.locking.ww_context import WwClass

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore

ALLOCATIONS = (FaultSite.SLAB, FaultSite.PAGE_ALLOC)


@dataclass(eq=False)
class Section:
    """An open bracket."""

    place: str

    def __str__(self) -> str:
        return self.place


class FenceLockdep:
    """`kernel.subsystem(FenceLockdep)`: the classes in that order. Allocations count as fs_reclaim."""

    def __init__(self, kernel: KernelCore) -> None:
        self.sched = kernel.sched
        self.reservation_ww_class = WwClass("reservation_ww_class")
        self.fs_reclaim = LockClass("fs_reclaim")
        self.dma_fence_map = LockClass("dma_fence_map")
        prime(self.reservation_ww_class, self.fs_reclaim, self.dma_fence_map)
        kernel.faults.observers.append(self._passed)

    def might_wait(self, what: str) -> None:
        """The running thread waits for fences: whatever it holds comes before dma_fence_map."""
        might(self.sched, self.dma_fence_map, f"waits for {what}")

    def begin(self, place: str) -> Section | None:
        """Open a bracket; None inside of one."""
        thread = self.sched.thread
        if any(held.lock_class is self.dma_fence_map for held in thread.held):
            return None
        section = Section(place)
        lock_acquire(thread, section, self.dma_fence_map)
        return section

    def end(self, section: Section | None) -> None:
        """Close it."""
        if section is not None:
            lock_release(self.sched.thread, section)

    def _passed(self, site: FaultSite, what: str) -> None:
        if site in ALLOCATIONS:
            might(self.sched, self.fs_reclaim, f"allocates {what}")


def dma_fence_begin_signalling(kernel: KernelCore, place: str) -> Section | None:
    """From here on this thread's code, called `place` in reports, leads to a dma_fence_signal.

    The cookie: None if a bracket is open already. Then that one goes on, and this one has no end.
    """
    return kernel.subsystem(FenceLockdep).begin(place)


def dma_fence_end_signalling(kernel: KernelCore, cookie: Section | None) -> None:
    """The end of what `dma_fence_begin_signalling` began."""
    kernel.subsystem(FenceLockdep).end(cookie)


@contextmanager
def signalling(kernel: KernelCore, place: str) -> Iterator[None]:
    """Both, around a block."""
    cookie = dma_fence_begin_signalling(kernel, place)
    try:
        yield
    finally:
        dma_fence_end_signalling(kernel, cookie)
