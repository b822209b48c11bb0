"""Acquire contexts: who takes many ww_mutexes, how old it is, and the rules it keeps.

Source: include/linux/ww_mutex.h, Documentation/locking/ww-mutex-design.rst.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.kernel.locking.lockdep import LockClass
from soc.kernel.sched.scheduler import Scheduler

if TYPE_CHECKING:
    from soc.kernel.locking.ww_mutex import WwMutex


class WwClass(LockClass):
    """ww_mutexes that are taken together, and the stamps of their contexts.

    `wait_die`: a younger context that meets an older one backs off; else (wound-wait) an older one
    makes the younger holder back off. `inject` makes contexts back off now and then although
    they need not, as CONFIG_DEBUG_WW_MUTEX_SLOWPATH does.
    """

    def __init__(self, name: str, wait_die: bool = True) -> None:
        super().__init__(name)
        self.wait_die = wait_die
        self.inject = False
        self._stamp = 0

    def next_stamp(self) -> int:
        self._stamp += 1
        return self._stamp


class WwAcquireCtx:
    """ww_acquire_init: from now on, until `fini`, the running thread takes locks of `ww_class`.

    `stamp` is its age, the smaller the older; `locks` what it holds; `contending_lock` the one it
    was refused, to be taken with `lock_slow` once it holds no other.
    """

    def __init__(self, sched: Scheduler, ww_class: WwClass) -> None:
        self.ww_class = ww_class
        self.stamp = ww_class.next_stamp()
        self.thread = sched.thread
        self.locks: list[WwMutex] = []
        self.contending_lock: WwMutex | None = None
        self.wounded = False
        self._log = sched.log
        self._done = False
        self._finished = False
        self._inject_interval = 1
        self._inject_countdown = self.stamp & 0xF

    def younger_than(self, other: WwAcquireCtx) -> bool:
        """Whether it gives way to `other`."""
        return self.stamp > other.stamp

    def done(self) -> None:
        """ww_acquire_done: it has all its locks. WARN the second time."""
        if self._done:
            self._warn("is done a second time")
        self._done = True

    def fini(self) -> None:
        """ww_acquire_fini: its end. WARN for each lock that it still holds, and the second time."""
        for lock in self.locks:
            self._warn(f"ends while it holds {lock}")
        if self._finished:
            self._warn("ends a second time")
        self._finished = True

    def check_attempt(self, lock: WwMutex) -> None:
        """WARN for what is wrong with taking `lock` now."""
        if self._finished:
            self._warn(f"takes {lock} after its end")
        elif self._done:
            self._warn(f"takes {lock} after ww_acquire_done")
        if self.ww_class is not lock.ww_class:
            self._warn(f"of class {self.ww_class} takes {lock} of class {lock.ww_class}")
        refused = self.contending_lock
        if refused is not None and refused is not lock:
            self._warn(f"takes {lock}, but it was told to back off at {refused}")
        if refused is not None and self.locks:
            held = ", ".join(str(lock) for lock in self.locks)
            self._warn(f"was told to back off at {refused}, but still holds {held}")

    def check_slow(self, lock: WwMutex) -> None:
        """WARN for lock_slow without need."""
        if self.contending_lock is None:
            self._warn(f"takes {lock} with lock_slow, but was not told to back off")

    def injects(self) -> bool:
        """Whether to back off now for the sake of the test; more and more seldom."""
        if not self.ww_class.inject or len(self.locks) < 2:
            return False
        self._inject_countdown -= 1
        if self._inject_countdown >= 0:
            return False
        self._inject_interval = self._inject_countdown = self._inject_interval * 7 // 2
        return True

    def _warn(self, what: str) -> None:
        self._log.warn(f"{self} {what}")

    def __str__(self) -> str:
        return f"acquire context {self.stamp} of {self.thread}"
