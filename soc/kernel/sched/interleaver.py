"""An adversary that explores interleavings: at each scheduling point a seed decides who runs on."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from types import TracebackType
from typing import Self

from soc.kernel.sched.scheduler import Scheduler
from soc.kernel.sched.thread import Spawned


class SeededInterleaver:
    """Within `with`, at every scheduling point the running thread gives way with probability `rate`.

    Who runs next is drawn, too. `trace` has a line for each decision; the same seed on the same
    program gives the same lines.
    """

    def __init__(self, sched: Scheduler, seed: int, rate: float = 0.5) -> None:
        self.rate = rate
        self.trace: list[str] = []
        self._sched = sched
        self._random = Random(seed)
        self._before = sched.on_preempt, sched.queue.choose

    def __enter__(self) -> Self:
        self._before = self._sched.on_preempt, self._sched.queue.choose
        self._sched.on_preempt, self._sched.queue.choose = self.preempt, self.choose
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sched.on_preempt, self._sched.queue.choose = self._before

    def preempt(self, place: str) -> None:
        """Give way at `place`, or go on."""
        if self._random.random() < self.rate:
            self.trace.append(f"{self._sched.thread} gives way at {place}")
            self._sched.cond_resched()

    def choose(self, ready: Sequence[Spawned]) -> Spawned:
        """Whose turn it is."""
        thread = self._random.choice(ready)
        self.trace.append(f"{thread} runs")
        return thread
