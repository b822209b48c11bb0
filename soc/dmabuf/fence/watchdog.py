"""A watchdog for fences that nobody signals: each one older than `limit` ns is a WARN, once.

A fence must signal in finite time, whatever user space does. Driver, timeline,
seqno and the signaller are named. It costs the machine one event of the clock
at a time, and none while no fence is pending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.clock import SECOND, Event
from soc.dmabuf.fence.contexts import Fences
from soc.dmabuf.fence.fence import DmaFence

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore


class FenceWatchdog:
    """Watches from now on, all fences that are pending, until `stop`."""

    def __init__(self, kernel: KernelCore, limit: int = 10 * SECOND) -> None:
        self.kernel = kernel
        self.limit = limit
        self._fences = kernel.subsystem(Fences)
        self._reported: set[DmaFence] = set()
        self._bite: Event | None = None
        self._fences.watch = self._arm
        for fence in self._fences.live():
            self._arm(fence)

    def stop(self) -> None:
        """Watch no longer."""
        self._fences.watch = None
        if self._bite is not None:
            self._bite.cancel()

    def overdue(self) -> list[DmaFence]:
        """Pending fences as old as the limit or older, oldest first."""
        latest = self.kernel.clock.now - self.limit
        return [fence for fence in self._pending() if fence.created <= latest]

    def _pending(self) -> list[DmaFence]:
        return [fence for fence in self._fences.live() if not fence.signalled]

    def _arm(self, fence: DmaFence) -> None:
        if self._bite is None or not self._bite.pending:
            self._bite = self.kernel.clock.at(fence.created + self.limit, self._look)

    def _look(self) -> None:
        self._reported &= set(self._fences.live())
        for fence in self.overdue():
            if fence not in self._reported:
                self._reported.add(fence)
                self.kernel.log.warn(self.describe(fence))
        waiting = [fence for fence in self._pending() if fence not in self._reported]
        if waiting:
            self._arm(waiting[0])

    def describe(self, fence: DmaFence) -> str:
        """What there is to say of a fence that takes too long."""
        age = (self.kernel.clock.now - fence.created) / SECOND
        return f"{fence} has been pending for {age:.3f} s: {to_be_signalled(fence)}"


def to_be_signalled(fence: DmaFence) -> str:
    """Where a pending fence stands, and who is to signal it."""
    who = ", ".join(str(blocker) for blocker in fence.blockers()) or "nobody known"
    where = f"driver {fence.driver_name}, timeline {fence.timeline_name}, seqno {fence.seqno}"
    return f"{where}, to be signalled by {who}"
