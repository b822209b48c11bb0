"""The flush queue of a lazy domain: unmapped ranges that wait for one invalidation for all.

As in drivers/iommu/dma-iommu.c, an IOVA in the queue has no table entry any
more, but the IOTLB may still translate it; it is not handed out again before
the flush. The flush comes when the ring is full or `FLUSH_TIMEOUT` after the
first range went in.

Not modelled: one queue per CPU, the single queue of IOMMUs that flush slowly.
"""

from __future__ import annotations

from collections.abc import Callable

from soc.clock import Clock, Event
from soc.kernel.iommu.history import IovaOwner

QUEUE_SIZE = 256
"""Slots of the ring (IOVA_DEFAULT_FQ_SIZE); one stays empty."""

FLUSH_TIMEOUT = 10_000_000
"""In ns (IOVA_DEFAULT_FQ_TIMEOUT)."""


class FlushQueue:
    """`invalidate` drops all cached translations of the domain; `release` then gets each range.

    `timer_flushes` and `full_flushes` count why it was flushed, `queued` all ranges that ever waited.
    """

    def __init__(
        self, clock: Clock, invalidate: Callable[[], None], release: Callable[[IovaOwner], None]
    ) -> None:
        self._clock = clock
        self._invalidate = invalidate
        self._release = release
        self._waiting: list[IovaOwner] = []
        self._timer: Event | None = None
        self.queued = 0
        self.timer_flushes = 0
        self.full_flushes = 0

    @property
    def waiting(self) -> tuple[IovaOwner, ...]:
        """Unmapped ranges that devices may still reach through the IOTLB, oldest first."""
        return tuple(self._waiting)

    def stale_owner(self, iova: int, size: int = 1) -> IovaOwner | None:
        """Whose unmapped range [iova, iova + size) touches, if a device may still reach it."""
        for owner in self._waiting:
            if owner.start < iova + size and iova < owner.end:
                return owner
        return None

    def add(self, owner: IovaOwner) -> None:
        """An unmapped range begins to wait."""
        if len(self._waiting) == QUEUE_SIZE - 1:
            self.full_flushes += 1
            self.flush()
        owner.stale = True
        self.queued += 1
        self._waiting.append(owner)
        if self._timer is None:
            self._timer = self._clock.after(FLUSH_TIMEOUT, self._timed_out)

    def flush(self) -> None:
        """Invalidate now and give every waiting range back. A running timer goes on running."""
        waiting, self._waiting = self._waiting, []
        self._invalidate()
        for owner in waiting:
            owner.stale = False
            self._release(owner)

    def stop(self) -> None:
        """The domain ends: what waits is given back without a flush, the timer is off."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for owner in self._waiting:
            owner.stale = False
        self._waiting.clear()

    def _timed_out(self) -> None:
        self._timer = None
        self.timer_flushes += 1
        self.flush()
