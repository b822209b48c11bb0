"""sw_sync: timelines that user space moves on, to test fences without hardware.

Each open of debugfs `sync/sw_sync` is a timeline whose value begins at 0. A fence
at v signals when the timeline reaches v, by the signed difference of 32 bits.
Nothing but the owners of the file make it move, so a task that waits for a fence of
its own timeline waits for itself: `blockers` names the tasks that have the file.
Source: drivers/dma-buf/sw_sync.c.

Not modelled: 4.9, where closing the file leaves its fences pending for ever.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from errno import ENOENT
from itertools import takewhile
from typing import TYPE_CHECKING

from soc.dmabuf.fence.contexts import dma_fence_context_alloc
from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.lifetime import dma_fence_get, dma_fence_put
from soc.dmabuf.fence.signal import dma_fence_check_and_signal, dma_fence_set_error
from soc.dmabuf.fence.status import dma_fence_is_signaled, seqno_is_later

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.fs.file import File
    from soc.kernel.sched.waitable import Blocker
    from soc.kernel.task import Task

U32 = 0xFFFF_FFFF


class SyncTimelines:
    """`kernel.subsystem(SyncTimelines)`: those that a file or a fence still needs, oldest first."""

    def __init__(self, kernel: KernelCore) -> None:
        self.live: dict[SyncTimeline, None] = {}


class SyncTimeline:
    """`value` is its u32 counter, `points` the fences not reached, in order; `file` is what moves it."""

    def __init__(self, kernel: KernelCore, name: str) -> None:
        self.kernel = kernel
        self.name = name
        self.context = dma_fence_context_alloc(kernel)
        self.value = 0
        self.points: list[SyncPt] = []
        self.file: File | None = None
        self._refcount = 1
        self._live = kernel.subsystem(SyncTimelines).live
        self._live[self] = None

    def get(self) -> None:
        """One reference more."""
        self._refcount += 1

    def put(self) -> None:
        """One less: without any, the timeline is gone."""
        self._refcount -= 1
        if not self._refcount:
            del self._live[self]

    def create(self, value: int) -> SyncPt:
        """sync_pt_create: a fence at `value`, or the one that is pending there; with a reference. -ENOMEM."""
        self.kernel.faults.kmalloc("struct sync_pt")
        index = self._place(value)
        if index < len(self.points) and self.points[index].seqno == value:
            return dma_fence_get(self.points[index])
        point = SyncPt(self, value)
        if not dma_fence_is_signaled(point):
            self.points.insert(index, point)
        return point

    def forget(self, point: SyncPt) -> None:
        """Nobody has `point` any more; one that was reached is not in `points`."""
        index = self._place(point.seqno)
        if index < len(self.points) and self.points[index] is point:
            del self.points[index]

    def signal(self, increment: int) -> None:
        """sync_timeline_signal: move on by `increment`, at most INT_MAX, and signal what has been reached."""
        self.value = (self.value + increment) & U32
        reached = [dma_fence_get(point) for point in takewhile(SyncPt.signaled, self.points)]
        self.points = self.points[len(reached) :]
        for point in reached:
            dma_fence_check_and_signal(point)
        for point in reached:
            dma_fence_put(point)

    def close(self) -> None:
        """Nobody can move it any more: what is pending signals with -ENOENT."""
        pending = [dma_fence_get(point) for point in self.points]
        for point in pending:
            dma_fence_set_error(point, -ENOENT)
            dma_fence_check_and_signal(point)
        for point in pending:
            dma_fence_put(point)
        self.put()

    def _place(self, seqno: int) -> int:
        """Where in `points` a fence at `seqno` is, or belongs: all are within 2**31 - 1 of `value`."""
        return bisect_left(self.points, self._ahead(seqno), key=lambda point: self._ahead(point.seqno))

    def _ahead(self, seqno: int) -> int:
        return (seqno - self.value) & U32


class SyncPt(DmaFence):
    """A fence of a timeline. `deadline` is the earliest that anybody has asked for, in ns."""

    def __init__(self, timeline: SyncTimeline, value: int) -> None:
        super().__init__(timeline.kernel, "sw_sync", timeline.name, timeline.context, value)
        self.timeline = timeline
        self.deadline: int | None = None
        timeline.get()

    def signaled(self) -> bool:
        return not seqno_is_later(self.seqno, self.timeline.value)

    def set_deadline(self, deadline: int) -> None:
        self.deadline = deadline if self.deadline is None else min(self.deadline, deadline)

    def release(self) -> None:
        self.timeline.forget(self)
        self.timeline.put()

    def blockers(self) -> Sequence[Blocker]:
        """The tasks that have the timeline's file open."""
        if self.signalled or self.timeline.file is None:
            return []
        return [task for task in self.kernel.processes.values() if _has_open(task, self.timeline.file)]


def _has_open(task: Task, file: File) -> bool:
    return any(task.files.file(fd) is file for fd in task.files.open_fds())
