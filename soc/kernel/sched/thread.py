"""A thread: one flow of control through the kernel, on behalf of a task or of the kernel itself.

Code called from outside (a test, a program's system call) runs in a thread without a
stack of its own; a spawned thread has one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenlet import greenlet

from soc.kernel.sched.waitable import Waitable

if TYPE_CHECKING:
    from soc.kernel.locking.lockdep import HeldLock
    from soc.kernel.sched.deadlock import Deadlock
    from soc.kernel.sched.scheduler import Scheduler
    from soc.kernel.task import Task

BOOT = "swapper (pid 0)"
"""Who runs while no task does, as Linux calls its boot and idle task."""


@dataclass(eq=False)
class Thread:
    """`task` it runs for, or None and a `name`; `held` the locks it has and the
    annotated sections it is in.

    `atomic` says why it must not sleep, innermost last; `host` is the spawned thread on whose
    stack it runs, None outside of any.
    """

    task: Task | None
    host: Spawned | None = None
    name: str = BOOT
    held: list[HeldLock] = field(default_factory=list)
    atomic: list[str] = field(default_factory=list)
    waiting: bool = False

    @property
    def stack_of(self) -> Thread:
        """The thread that cannot go on while this one waits: its host or itself."""
        return self.host or self

    def __str__(self) -> str:
        return self.name if self.task is None else str(self.task)


class Spawned(Thread):
    """A thread that `spawn` began. A `daemon` may wait for ever, as a worker does for work.

    `error` is what its function ended with. `guises` are the threads it is while it runs code of other tasks.
    """

    def __init__(self, sched: Scheduler, task: Task | None, name: str, daemon: bool) -> None:
        super().__init__(task, host=self, name=name)
        self.daemon = daemon
        self.done = False
        self.runnable = True
        self.wait: Wait | None = None
        self.value: object = None
        self.error: BaseException | None = None
        self.guises: dict[Task, Thread] = {}
        self.stack = greenlet()
        self._sched = sched

    def result(self) -> Any:
        """What its function returned; waits for that. The error it ended with is raised again."""
        if not self.done:
            self._sched.wait_event(lambda: self.done, ThreadEnd(self))
        if self in self._sched.queue.deadlocked:
            self._sched.queue.deadlocked.remove(self)
        if self.error is not None:
            raise self.error
        return self.value


@dataclass(eq=False)
class Wait:
    """`thread` waits since `began` for `on`, which has happened when `until()`; times in ns.

    `verdict` is why it will never happen, once that is known.
    """

    thread: Thread
    until: Callable[[], bool]
    on: Waitable
    interruptible: bool
    began: int
    deadline: int | None
    verdict: Deadlock | None = None

    @property
    def signalled(self) -> bool:
        """Whether a signal ends it."""
        task = self.thread.task
        return self.interruptible and task is not None and task.signal_pending

    @property
    def endless(self) -> bool:
        """Whether nothing but `until()` ends it."""
        return self.deadline is None and not self.interruptible

    def ended(self, now: int) -> bool:
        """Whether it ends at `now` although it may not have happened."""
        late = self.deadline is not None and now >= self.deadline
        return self.verdict is not None or late or self.signalled


@dataclass(frozen=True)
class ThreadEnd:
    """The end of a spawned thread, for those who join it."""

    thread: Spawned
    relation: str = "run by"

    def blockers(self) -> Sequence[Thread]:
        return [] if self.thread.done else [self.thread]

    def __str__(self) -> str:
        return "the end of a thread"
