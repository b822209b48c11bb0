"""Threads take turns and time is virtual: two runs of one input interleave alike.

A thread runs until it waits, ends, or meets a scheduling point at which an adversary wants
another to run. Code outside of threads that waits drives everything:

1. interrupts and clock events of this instant;
2. a turn of one thread that can go on;
3. if none can, virtual time moves to the next event or timeout;
4. if there is none either, somebody waits for what cannot happen: Deadlock.

Source: kernel/sched/core.c, include/linux/wait.h, kernel/kthread.c.

Not modelled: priorities, several CPUs, time slices; a turn takes no virtual time.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from greenlet import GreenletExit

from soc.clock import Clock
from soc.kernel.errors import ERESTARTSYS, KernelBug, KernelError
from soc.kernel.log import KernelLog
from soc.kernel.sched.context import ExecutionContext
from soc.kernel.sched.deadlock import Watchdog
from soc.kernel.sched.run_queue import RunQueue
from soc.kernel.sched.thread import Spawned, Wait
from soc.kernel.sched.wait_graph import WaitGraph
from soc.kernel.sched.waitable import Waitable

if TYPE_CHECKING:
    from soc.kernel.task import Task

IN_CONDITION = "in the condition of a wait"


def _nothing() -> None:
    pass


class Scheduler(ExecutionContext):
    """The threads of one kernel. `serve` takes pending interrupts.

    `on_preempt(place)` is called at every scheduling point, but never within itself; together with
    `queue.choose` it is the door for tests and adversaries. `watchdog` ends what waits in vain.
    Use it with `with`, or `close()` it, if threads may be left.
    """

    def __init__(self, clock: Clock, log: KernelLog, serve: Callable[[], None] = _nothing) -> None:
        super().__init__(log)
        self.on_preempt: Callable[[str], None] | None = None
        self.queue = RunQueue(log)
        self.watchdog = Watchdog(clock, log)
        self._clock = clock
        self._serve = serve
        self._waits: list[Wait] = []
        self._preempting: set[Spawned | None] = set()

    # --- threads -------------------------------------------------------------

    def spawn(self, task: Task, function: Callable[..., object], *args: Any, daemon: bool = False) -> Spawned:
        """A thread of `task` that calls `function(*args)` once somebody waits, or at `run()`.

        `run()` does not wait for a `daemon`, which may itself wait for ever.
        """
        return self._start(Spawned(self, task, str(task), daemon), function, args)

    def kthread_run(self, name: str, function: Callable[..., object], *args: Any) -> Spawned:
        """The same for a thread of the kernel itself: a daemon without a task."""
        return self._start(Spawned(self, None, name, daemon=True), function, args)

    def run(self) -> None:
        """Run until every thread but the daemons has ended.

        Those that wait for what cannot happen end with a Deadlock; the first is raised in the end,
        unless its `result()` has told already. Any other error is for `result()`.
        """
        self._only_outside("run()")
        self._drive(lambda: not self.queue.unfinished(), None)
        if self.queue.deadlocked:
            first, self.queue.deadlocked = self.queue.deadlocked[0], []
            first.result()

    def run_ready(self) -> None:
        """Run what can go on until all threads wait or have ended; time does not move."""
        while self.cond_resched():
            pass

    def next_deadline(self) -> int | None:
        """When the first timeout of a thread is due, in ns."""
        deadlines = [t.wait.deadline for t in self.queue.threads if t.wait is not None]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def close(self) -> None:
        """End the threads that are left, where they stand."""
        self._only_outside("close()")
        with self._as(self.thread):
            self.queue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- waiting -------------------------------------------------------------

    def wait_event(
        self,
        until: Callable[[], bool],
        on: Waitable,
        *,
        interruptible: bool = False,
        timeout: int | None = None,
    ) -> int:
        """Sleep until `until()`, which `on` is to bring about, for at most `timeout` ns.

        The ns that remain, at least 1, also without a timeout; 0 when time ran out. `until` is asked
        often: it only looks, and must not sleep. KernelError(ERESTARTSYS) for a pending signal if
        `interruptible`; Deadlock if it can never happen. To sleep in atomic context is a KernelBug.
        """
        thread, now = self.thread, self._clock.now
        wait = Wait(thread, until, on, interruptible, now, None if timeout is None else now + timeout)
        if self._happened(wait):
            self.might_sleep(f"wait for {on}")
            return max(timeout or 0, 1)
        if thread.atomic:
            why = f"scheduling while atomic: {thread} {thread.atomic[-1]}: wait for {on}"
            self.log.warn(why)
            raise KernelBug(why)
        if not self._over(wait):
            self._sleep(wait)
        if self._happened(wait):
            return 1 if wait.deadline is None else max(wait.deadline - self._clock.now, 1)
        if wait.verdict is not None:
            raise wait.verdict
        if wait.signalled:
            raise KernelError(ERESTARTSYS, f"{thread}: a signal ended the wait for {on}")
        return 0

    def preempt(self, place: str) -> None:
        """A scheduling point: between two steps of the running thread another may run."""
        stack = self.thread.host
        barred = self.thread.atomic or self.queue.closing or stack in self._preempting
        if self.on_preempt and not barred:
            self._preempting.add(stack)
            try:
                self.on_preempt(place)
            finally:
                self._preempting.discard(stack)

    def cond_resched(self) -> bool:
        """Let another thread have a turn; False if none could go on."""
        host = self.thread.host
        if host is None:
            return self._turn()
        if self.queue.closing or not self.queue.ready(self._over):
            return False
        host.runnable = True
        self._leave(host)
        return True

    # --- inside --------------------------------------------------------------

    def _start(self, thread: Spawned, function: Callable[..., object], args: tuple[Any, ...]) -> Spawned:
        def body() -> object:
            with self._as(thread):
                return function(*args)

        self.queue.add(thread, body)
        return thread

    def _only_outside(self, call: str) -> None:
        if self.thread.host or self.thread.atomic:
            raise KernelBug(
                f"{self.thread} calls {call}, which is for code outside of threads and interrupts"
            )

    def _happened(self, wait: Wait) -> bool:
        with self._as(wait.thread), self.atomic(IN_CONDITION):
            return wait.until()

    def _over(self, wait: Wait) -> bool:
        return wait.ended(self._clock.now) or self._happened(wait)

    def _sleep(self, wait: Wait) -> None:
        host = wait.thread.host
        if host is not None and self.queue.closing:
            raise GreenletExit
        self._waits.append(wait)
        wait.thread.waiting = True
        try:
            if wait.endless:
                lasting = [other for other in self._waits if other.endless and not self._over(other)]
                self.watchdog.check_new(wait, WaitGraph(lasting))
            if host is None:
                self._drive(lambda: self._over(wait), wait)
            elif wait.verdict is None:
                host.wait = wait
                self._leave(host)
        finally:
            self._waits.remove(wait)
            wait.thread.waiting = False

    def _leave(self, host: Spawned) -> None:
        with self._as(self.thread):
            self.queue.leave(host)

    def _drive(self, over: Callable[[], bool], mine: Wait | None) -> None:
        """Let the world go on until `over()`: for the wait `mine` outside of threads, or for `run()`."""
        while not over():
            self._interrupts()
            if not (over() or self._turn() or self._pass_time(mine)):
                self.watchdog.give_up(self._missed(mine), WaitGraph(self._waits))

    def _interrupts(self) -> None:
        with self.interrupt():
            self._clock.run_due()
            self._serve()

    def _turn(self) -> bool:
        with self._as(self.thread):
            return self.queue.turn(self._over)

    def _pass_time(self, mine: Wait | None) -> bool:
        """Move time to the next thing that is due; False if nothing is."""
        instants = (self._clock.next_event(), self.next_deadline(), mine.deadline if mine else None)
        due = min((instant for instant in instants if instant is not None), default=None)
        if due is None:
            return False
        self._clock.advance(due)
        self._interrupts()
        self.watchdog.check_hung(self._missed(mine), WaitGraph(self._waits))
        return True

    def _missed(self, mine: Wait | None) -> list[Wait]:
        """The waits that go on and should not for ever: `mine`, and those of threads but daemons."""
        threads = [thread.wait for thread in self.queue.unfinished()]
        return [wait for wait in (mine, *threads) if wait is not None and not self._over(wait)]
