"""lockdep: which classes of lock are taken inside which, and when two orders could meet in a deadlock.

Taking a lock of class B while one of class A is held puts B after A for ever. To take them
in an order that closes a cycle is a WARN, although nobody was blocked this time; so is a
second lock of one class, but for ww_mutexes of one context. What is no lock can take part:
a section of code (`lock_acquire` alone, as by a trylock), and what waits for others
(`might`): for fences, or for memory to be reclaimed.
Source: kernel/locking/lockdep.c, Documentation/locking/lockdep-design.rst.

Not modelled: readers, the state of interrupts, subclasses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from soc.kernel.sched.scheduler import Scheduler
from soc.kernel.sched.thread import Thread


@dataclass(eq=False)
class LockClass:
    """Locks that follow the same rules. `after`: the classes taken while one of this was held."""

    name: str
    after: list[LockClass] = field(default_factory=list, repr=False)

    def way_to(self, other: LockClass) -> list[LockClass] | None:
        """The shortest way from this class to `other`, each taken inside the one before; None without one."""
        ways, seen = [[self]], {self}
        for way in ways:
            if way[-1] is other:
                return way
            for following in way[-1].after:
                if following not in seen:
                    seen.add(following)
                    ways.append([*way, following])
        return None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class HeldLock:
    """`lock`, of `lock_class`, in the hands of a thread; locks of one `nest` may be taken in any order."""

    lock: object
    lock_class: LockClass | None
    nest: object | None = None


def prime(*order: LockClass) -> None:
    """Teach that each class may be taken inside the one before, ahead of the first time."""
    for outer, inner in pairwise(order):
        _learn(outer, inner)


def might(sched: Scheduler, lock_class: LockClass, what: str) -> None:
    """WARN if taking `lock_class` here is out of order; `what`, e.g. "allocates a page", is for people."""
    for held in sched.thread.held:
        if held.lock_class not in (None, lock_class):
            _check_order(sched, held, lock_class, what)


def lock_check(sched: Scheduler, lock: object, lock_class: LockClass | None, nest: object = None) -> None:
    """WARN if taking `lock` here is out of order, or a second one of its class."""
    if lock_class is None:
        return
    might(sched, lock_class, f"takes {lock}")
    for held in sched.thread.held:
        nested = nest is not None and held.nest is nest
        if held.lock_class is lock_class and held.lock is not lock and not nested:
            sched.log.warn(
                f"possible recursive locking: {sched.thread} takes {lock} while it holds {held.lock}, "
                f"both of class {lock_class}"
            )


def lock_acquire(thread: Thread, lock: object, lock_class: LockClass | None, nest: object = None) -> None:
    """`thread` holds `lock`, or is in the section `lock`, from now on."""
    thread.held.append(HeldLock(lock, lock_class, nest))


def lock_release(thread: Thread, lock: object) -> None:
    """The end of `lock_acquire`."""
    thread.held = [held for held in thread.held if held.lock is not lock]


def _check_order(sched: Scheduler, held: HeldLock, inner: LockClass, what: str) -> None:
    outer = held.lock_class
    if outer is None or inner in outer.after:
        return
    if way := inner.way_to(outer):
        order = " -> ".join(str(lock_class) for lock_class in way)
        sched.log.warn(
            f"possible circular locking dependency: {sched.thread} {what} ({inner}) while it holds "
            f"{held.lock} ({outer}), but the order is {order}"
        )
    _learn(outer, inner)


def _learn(outer: LockClass, inner: LockClass) -> None:
    if inner not in outer.after:
        outer.after.append(inner)
