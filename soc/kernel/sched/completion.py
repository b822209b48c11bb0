"""A completion: one side says that something is done, the other waits for it.

Source: kernel/sched/completion.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from soc.kernel.sched.scheduler import Scheduler
from soc.kernel.sched.waitable import Blocker


class Completion:
    """`name` is what is to be done, e.g. "the transfer of dma0"; `by` who is to do it, if known."""

    relation = "to be completed by"

    def __init__(self, sched: Scheduler, name: str, by: Sequence[Blocker] = ()) -> None:
        self.name = name
        self.by = by
        self._sched = sched
        self._done = 0
        self._for_all = False

    def complete(self) -> None:
        """Let one waiter go on, the next one if nobody waits."""
        self._done += 1

    def complete_all(self) -> None:
        """Let everybody go on, now and later, until `reinit`."""
        self._for_all = True

    def reinit(self) -> None:
        """It is not done."""
        self._done, self._for_all = 0, False

    @property
    def done(self) -> bool:
        """Whether a wait would end at once."""
        return self._for_all or self._done > 0

    def wait(self, *, interruptible: bool = False, timeout: int | None = None) -> int:
        """As `Scheduler.wait_event`: the ns that remain of `timeout`, or 0. -ERESTARTSYS."""
        left = self._sched.wait_event(lambda: self.done, self, interruptible=interruptible, timeout=timeout)
        if left and not self._for_all:
            self._done -= 1
        return left

    def blockers(self) -> Sequence[Blocker]:
        return self.by

    def __str__(self) -> str:
        return self.name
