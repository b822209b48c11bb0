"""A mutex. Taken again by its owner it hangs, which is a Deadlock here.

Source: kernel/locking/mutex.c.
"""

from __future__ import annotations

from types import TracebackType

from soc.kernel.locking.lock import SleepingLock, Waiter
from soc.kernel.locking.lockdep import lock_check


class Mutex(SleepingLock[Waiter]):
    """Who waits gets it in the order of asking. `with mutex:` locks and unlocks."""

    def lock(self) -> None:
        """Wait until it is ours."""
        self._lock(interruptible=False)

    def lock_interruptible(self) -> None:
        """-EINTR for a pending signal."""
        self._lock(interruptible=True)

    def trylock(self) -> bool:
        """Take it if nobody holds it."""
        if self.owner is not None:
            return False
        self._own(self._sched.thread)
        return True

    def _lock(self, interruptible: bool) -> None:
        self._sched.might_sleep(f"lock {self}")
        self._sched.preempt(f"lock {self}")
        lock_check(self._sched, self, self.lock_class)
        if not self.trylock():
            waiter = Waiter(self._sched.thread)
            self._waiters.append(waiter)
            self._queue(waiter, lambda: False, interruptible)

    def __enter__(self) -> None:
        self.lock()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unlock()
