"""Who runs: which thread, for which task, and whether it may sleep.

Source: include/linux/preempt.h, include/linux/kernel.h (might_sleep).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from soc.kernel.log import KernelLog
from soc.kernel.sched.thread import Thread

if TYPE_CHECKING:
    from soc.kernel.task import Task

IN_INTERRUPT = "in interrupt context"


class ExecutionContext:
    """`thread` is the one whose code runs; at first it is the kernel's own, outside of tasks."""

    def __init__(self, log: KernelLog) -> None:
        self.log = log
        self.thread = Thread(None)
        self._interrupt = Thread(None, name="an interrupt", atomic=[IN_INTERRUPT])
        self._outside: dict[Task, Thread] = {}

    @property
    def current(self) -> Task | None:
        """The task whose code runs; None outside of tasks and in interrupts."""
        return self.thread.task

    @contextmanager
    def running(self, task: Task) -> Iterator[None]:
        """What follows is code of `task`, called from outside or by another task's thread."""
        outer = self.thread
        with self._as(outer if outer.task is task else self._thread_for(task, outer)):
            yield

    @contextmanager
    def interrupt(self) -> Iterator[None]:
        """What follows is an interrupt handler or a timer: it belongs to no task and must not sleep."""
        with self._as(self._interrupt):
            yield

    @contextmanager
    def atomic(self, why: str = "in an atomic section") -> Iterator[None]:
        """What follows must not sleep, and is not preempted. `why` is for people."""
        thread = self.thread
        thread.atomic.append(why)
        try:
            yield
        finally:
            thread.atomic.pop()

    def might_sleep(self, what: str) -> None:
        """WARN in atomic context: `what` may sleep, whether it does this time or not."""
        if self.thread.atomic:
            where = f"{self.thread} {self.thread.atomic[-1]}"
            self.log.warn(f"sleeping function called from invalid context: {where}: {what}")

    @contextmanager
    def _as(self, thread: Thread) -> Iterator[None]:
        """Run as `thread`; in the end who ran here before runs again, whoever had a turn meanwhile."""
        outer, self.thread = self.thread, thread
        try:
            yield
        finally:
            self.thread = outer

    def _thread_for(self, task: Task, outer: Thread) -> Thread:
        """The thread of `task` on the stack of `outer`, or a new one while that one waits beneath."""
        known = outer.host.guises if outer.host else self._outside
        thread = known.setdefault(task, Thread(task, outer.host))
        return Thread(task, outer.host) if thread.waiting else thread
