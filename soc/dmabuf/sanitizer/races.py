"""The data-race checker of devices: two jobs on the same bytes, at least one writes, and no fence between.

Whoever gives work to an engine says so here: what it reads and writes, which fences
it has waited for or the hardware will, and the fence that signals its end. A job
comes after another one if
- that one is over: its fence has signalled, or `finish` was called; or
- it waits for that one's fence, or for a later one of the same context; or
- it is itself of that context; or
- it comes after a job that comes after that one.
Two jobs that touch the same memory in neither order are a race, whether or not
they overlap in time this time: a reader that ignores the fences of a buffer, a
frame queued again before the display has let go of it.

Memory is compared by physical address, so two buffers on one page are found, too.
Not modelled: the CPU as a party (the cache model has it), jobs behind bounce buffers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soc.dmabuf.fence.array import DmaFenceArray
from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.status import dma_fence_is_later
from soc.dmabuf.sanitizer.access import Access, Range, describe

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore


@dataclass(eq=False)
class DeviceJob:
    """One piece of work of `engine`; `before` are the numbers of jobs that it comes after."""

    number: int
    engine: str
    accesses: Sequence[Access]
    fence: DmaFence | None
    before: frozenset[int]
    finished: bool = False

    @property
    def over(self) -> bool:
        """Whether whatever begins now comes after it."""
        fence = self.fence
        return self.finished or (fence is not None and (fence.signalled or not fence.refcount))

    def __str__(self) -> str:
        return f"job {self.number} of {self.engine}"


@dataclass(frozen=True)
class Race:
    """`job` does `access` to `ranges` of its buffer, `earlier` does `other` to the same memory."""

    earlier: DeviceJob
    other: Access
    job: DeviceJob
    access: Access
    ranges: list[Range]

    def __str__(self) -> str:
        alias = f" as {self.other.buffer}" if self.other.buffer != self.access.buffer else ""
        return (
            f"data race: {self.job} {_verb(self.access)} {self.access.buffer}, {describe(self.ranges)}, "
            f"which {self.earlier} {_verb(self.other)}{alias}; no fence orders them"
        )


class RaceChecker:
    """`kernel.subsystem(RaceChecker)`. `races` are all that were found; each is a warning in the log."""

    def __init__(self, kernel: KernelCore) -> None:
        self.kernel = kernel
        self.races: list[Race] = []
        self._running: list[DeviceJob] = []
        self._count = 0

    def submit(
        self,
        engine: str,
        accesses: Sequence[Access],
        waits: Sequence[DmaFence] = (),
        fence: DmaFence | None = None,
    ) -> DeviceJob:
        """`engine` is given a job. Without a `fence` it lasts until `finish`."""
        self._running = [job for job in self._running if not job.over]
        self._count += 1
        job = DeviceJob(self._count, engine, accesses, fence, frozenset(self._order(waits, fence)))
        for earlier in self._running:
            if earlier.number not in job.before:
                self._compare(earlier, job)
        self._running.append(job)
        return job

    def finish(self, job: DeviceJob) -> None:
        """The job is over, as its driver knows."""
        job.finished = True

    def _order(self, waits: Sequence[DmaFence], fence: DmaFence | None) -> Iterator[int]:
        """The numbers of the running jobs that a new one comes after."""
        after = [leaf for wait in waits for leaf in _pending(wait)]
        for job in self._running:
            if job.fence is None:
                continue
            same_engine = fence is not None and fence.context == job.fence.context
            if same_engine or any(_covers(leaf, job.fence) for leaf in after):
                yield job.number
                yield from job.before

    def _compare(self, earlier: DeviceJob, job: DeviceJob) -> None:
        for access in job.accesses:
            for other in earlier.accesses:
                if ranges := access.conflicts(other):
                    race = Race(earlier, other, job, access, ranges)
                    self.races.append(race)
                    self.kernel.log.warn(str(race))


def _pending(fence: DmaFence) -> Iterator[DmaFence]:
    """The plain fences that `fence` surely waits for. Asks no driver: a checker changes nothing."""
    if not fence.is_container:
        yield fence
    elif not (isinstance(fence, DmaFenceArray) and fence.signal_on_any):
        for member in fence.blockers():
            if isinstance(member, DmaFence):
                yield from _pending(member)


def _covers(wait: DmaFence, fence: DmaFence) -> bool:
    """Whether `fence` has signalled once `wait` has."""
    return wait is fence or (wait.context == fence.context and dma_fence_is_later(wait, fence))


def _verb(access: Access) -> str:
    return "writes" if access.write else "reads"
