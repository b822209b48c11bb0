"""What a mutex and a ww_mutex share: one owner, and waiters who get it in turn.

Source: kernel/locking/mutex.c, with the checks of CONFIG_DEBUG_MUTEXES.

Not modelled: a newcomer that takes a free lock before one who has waited for it (optimistic
spinning): the lock goes from hand to hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import EINTR
from typing import Generic, TypeVar

from greenlet import GreenletExit

from soc.kernel.errors import ERESTARTSYS, KernelError
from soc.kernel.locking.lockdep import LockClass, lock_acquire, lock_release
from soc.kernel.sched.scheduler import Scheduler
from soc.kernel.sched.thread import Thread


@dataclass(eq=False)
class Waiter:
    """`thread` in the queue of a lock, until the lock is `granted` to it."""

    thread: Thread
    granted: bool = False


W = TypeVar("W", bound=Waiter)


class SleepingLock(Generic[W]):
    """`name` is for people, e.g. "client->lock of ion client 3"; `lock_class` if lockdep is to know it."""

    relation = "held by"

    def __init__(self, sched: Scheduler, name: str, lock_class: LockClass | None = None) -> None:
        self.name = name
        self.lock_class = lock_class
        self.owner: Thread | None = None
        self._sched = sched
        self._waiters: list[W] = []

    @property
    def locked(self) -> bool:
        """Whether anybody holds it."""
        return self.owner is not None

    @property
    def held(self) -> bool:
        """Whether the running thread holds it."""
        return self.owner is self._sched.thread

    def blockers(self) -> Sequence[Thread]:
        """Its owner."""
        return [] if self.owner is None else [self.owner]

    def unlock(self) -> None:
        """Hand it to the first waiter, or free it. WARN by anybody but the owner, who loses it."""
        thread = self._sched.thread
        if self.owner is None:
            self._sched.log.warn(f"{thread} unlocks {self}, which nobody holds")
            return
        if self.owner is not thread:
            self._sched.log.warn(f"{thread} unlocks {self}, which is held by {self.owner}")
        lock_release(self.owner, self)
        self.owner = None
        if self._waiters:
            self._grant(self._waiters.pop(0))
        self._sched.preempt(f"unlock {self}")

    def _grant(self, waiter: W) -> None:
        """Make `waiter` the owner."""
        waiter.granted = True
        self._own(waiter.thread)

    def _own(self, thread: Thread, nest: object = None) -> None:
        self.owner = thread
        lock_acquire(thread, self, self.lock_class, nest)

    def _queue(self, waiter: W, give_up: Callable[[], bool], interruptible: bool) -> None:
        """Wait in the queue until `waiter` is `granted` or is to `give_up()`. -EINTR for a pending signal."""
        try:
            self._sched.wait_event(lambda: waiter.granted or give_up(), self, interruptible=interruptible)
        except KernelError as error:
            if error.errno != ERESTARTSYS:
                raise
            raise KernelError(EINTR, error.why) from error
        except GreenletExit:
            if waiter.granted:
                self.unlock()
            raise
        finally:
            self._waiters = [other for other in self._waiters if other is not waiter]

    def __str__(self) -> str:
        return self.name
