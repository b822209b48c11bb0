"""dma_resv: the fences of a buffer, by what they do with it, under a lock that can be taken with others.

A job with implicit sync: lock; wait for, or depend on, what `dma_resv_usage_rw`
says; reserve a slot; submit; add its fence; unlock. Several buffers are locked
with one WwAcquireCtx, in any order: the younger context backs off with -EDEADLK.

    lock, locked, trylock ...        this file
    update.py   dma_resv_reserve_fences, dma_resv_add_fence, dma_resv_replace_fences, dma_resv_copy_fences
    query.py    dma_resv_fences, dma_resv_get_singleton, dma_resv_wait_timeout, dma_resv_test_signaled ...

A slot lives no longer than the lock under which it was reserved (CONFIG_DEBUG_MUTEXES).
Source: drivers/dma-buf/dma-resv.c, include/linux/dma-resv.h.

Not modelled: RCU; slots that kmalloc's rounding up gives for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.lifetime import dma_fence_put
from soc.dmabuf.fence.signalling import FenceLockdep
from soc.dmabuf.resv.usage import DmaResvUsage
from soc.kernel.locking.ww_context import WwAcquireCtx
from soc.kernel.locking.ww_mutex import WwMutex

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore


@dataclass(frozen=True)
class Slot:
    """One fence of the list, which has a reference to it."""

    fence: DmaFence
    usage: DmaResvUsage


def dma_resv_acquire_ctx(kernel: KernelCore) -> WwAcquireCtx:
    """ww_acquire_init for dma_resv locks: a context for the running thread."""
    return WwAcquireCtx(kernel.sched, kernel.subsystem(FenceLockdep).reservation_ww_class)


class DmaResv:
    """The fences of the buffer `name`. `table` has at most `max_fences`; a longer one is a new list.

    `ww_class` is the class of all of this kernel's.
    """

    def __init__(self, kernel: KernelCore, name: str) -> None:
        self.kernel = kernel
        self.name = name
        self.table: list[Slot] = []
        self.max_fences = 0
        self.ww_class = kernel.subsystem(FenceLockdep).reservation_ww_class
        self._lock = WwMutex(kernel.sched, f"dma_resv lock of {name}", self.ww_class)

    # --- the lock -------------------------------------------------------------------

    @property
    def held(self) -> bool:
        """Whether the running thread has locked it (dma_resv_held)."""
        return self._lock.held

    @property
    def ctx(self) -> WwAcquireCtx | None:
        """The context it is locked with, if any."""
        return self._lock.ctx

    def lock(self, ctx: WwAcquireCtx | None = None) -> None:
        """-EDEADLK if a lock of `ctx` stands in the way of an older context, -EALREADY if `ctx` has it."""
        self._lock.lock(ctx)

    def lock_interruptible(self, ctx: WwAcquireCtx | None = None) -> None:
        """The same; -EINTR for a pending signal."""
        self._lock.lock_interruptible(ctx)

    def lock_slow(self, ctx: WwAcquireCtx) -> None:
        """After -EDEADLK, with all locks of `ctx` given back: wait for the one that was contended."""
        self._lock.lock_slow(ctx)

    def lock_slow_interruptible(self, ctx: WwAcquireCtx) -> None:
        """The same; -EINTR for a pending signal."""
        self._lock.lock_slow_interruptible(ctx)

    def trylock(self, ctx: WwAcquireCtx | None = None) -> bool:
        """Lock if nobody has it."""
        return self._lock.trylock(ctx)

    def unlock(self) -> None:
        """Unlock; what was reserved and not used is gone."""
        self.max_fences = len(self.table)
        self._lock.unlock()

    @contextmanager
    def locked(self, ctx: WwAcquireCtx | None = None) -> Iterator[None]:
        """`lock` and `unlock` around a block."""
        self.lock(ctx)
        try:
            yield
        finally:
            self.unlock()

    def assert_held(self, call: str) -> None:
        """lockdep's WARN if the running thread has not locked it."""
        if not self.held:
            thread = self.kernel.sched.thread
            self.kernel.log.warn(f"{call}: {thread} has not taken the {self._lock}")

    def __str__(self) -> str:
        return f"dma_resv of {self.name}"


def dma_resv_fini(resv: DmaResv) -> None:
    """The buffer is gone: its fences are dropped, nobody waits for them here."""
    table, resv.table, resv.max_fences = resv.table, [], 0
    for slot in table:
        dma_fence_put(slot.fence)
