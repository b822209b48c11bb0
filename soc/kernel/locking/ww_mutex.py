"""Wait/wound mutexes: many locks in any order, and the younger of two that would deadlock backs off.

1. ctx = WwAcquireCtx(sched, ww_class)
2. lock.lock(ctx) for each; on -EDEADLK: unlock all, lock_slow(ctx) the refused one, begin again
3. ctx.done(); work; lock.unlock() for each; ctx.fini()
Source: kernel/locking/ww_mutex.h, include/linux/ww_mutex.h, Documentation/locking/ww-mutex-design.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import EALREADY, EDEADLK

from soc.kernel.errors import KernelError
from soc.kernel.locking.lock import SleepingLock, Waiter
from soc.kernel.locking.lockdep import lock_check
from soc.kernel.locking.ww_context import WwAcquireCtx, WwClass
from soc.kernel.sched.scheduler import Scheduler


@dataclass(eq=False)
class WwWaiter(Waiter):
    ctx: WwAcquireCtx | None = None


class WwMutex(SleepingLock[WwWaiter]):
    """`ctx` is the context of its owner. Without a context it is a mutex."""

    def __init__(self, sched: Scheduler, name: str, ww_class: WwClass) -> None:
        super().__init__(sched, name, ww_class)
        self.ww_class = ww_class
        self.ctx: WwAcquireCtx | None = None

    def lock(self, ctx: WwAcquireCtx | None = None) -> None:
        """-EDEADLK: `ctx` must drop its locks and `lock_slow` this one; -EALREADY: `ctx` has it."""
        self._lock(ctx, interruptible=False)

    def lock_interruptible(self, ctx: WwAcquireCtx | None = None) -> None:
        """As `lock`; -EINTR for a pending signal."""
        self._lock(ctx, interruptible=True)

    def lock_slow(self, ctx: WwAcquireCtx) -> None:
        """Wait for the lock that was refused; `ctx` holds no other, else WARN."""
        ctx.check_slow(self)
        self._lock(ctx, interruptible=False)

    def lock_slow_interruptible(self, ctx: WwAcquireCtx) -> None:
        """As `lock_slow`; -EINTR for a pending signal."""
        ctx.check_slow(self)
        self._lock(ctx, interruptible=True)

    def trylock(self, ctx: WwAcquireCtx | None = None) -> bool:
        """Take it if nobody holds it."""
        if self.owner is not None:
            return False
        if ctx is not None:
            ctx.check_attempt(self)
        self._grant(WwWaiter(self._sched.thread, ctx=ctx))
        return True

    def unlock(self) -> None:
        """As of a mutex; its context has one lock less."""
        ctx, self.ctx = self.ctx, None
        if ctx is not None:
            ctx.locks.remove(self)
        super().unlock()

    def _lock(self, ctx: WwAcquireCtx | None, interruptible: bool) -> None:
        self._sched.might_sleep(f"lock {self}")
        self._sched.preempt(f"lock {self}")
        if ctx is not None:
            if ctx is self.ctx:
                raise KernelError(EALREADY, f"{ctx} has {self}")
            ctx.check_attempt(self)
            ctx.wounded = ctx.wounded and bool(ctx.locks)
        lock_check(self._sched, self, self.ww_class, ctx)
        waiter = WwWaiter(self._sched.thread, ctx=ctx)
        if self.owner is None:
            self._grant(waiter)
        else:
            self._enqueue(waiter)
            self._queue(waiter, lambda: self._must_back_off(waiter), interruptible)
            if not waiter.granted:
                raise self._refuse(ctx)
        if ctx is not None and ctx.injects():
            self.unlock()
            raise self._refuse(ctx)

    def _grant(self, waiter: WwWaiter) -> None:
        waiter.granted = True
        self._own(waiter.thread, waiter.ctx)
        self.ctx = waiter.ctx
        if waiter.ctx is not None:
            waiter.ctx.contending_lock = None
            waiter.ctx.locks.append(self)

    def _enqueue(self, waiter: WwWaiter) -> None:
        """Contexts by age, the oldest first; who has no context stays where it came."""
        place = len(self._waiters)
        if waiter.ctx is not None:
            for index, other in enumerate(self._waiters):
                if other.ctx is not None and other.ctx.younger_than(waiter.ctx):
                    place = index
                    break
        self._waiters.insert(place, waiter)
        if not self.ww_class.wait_die:
            self._wound_holder(waiter.ctx)

    def _wound_holder(self, ctx: WwAcquireCtx | None) -> None:
        """A younger holder must give way to `ctx`, should it ever wait; who waits behind is younger still."""
        if ctx and ctx.locks and self.ctx and self.ctx.younger_than(ctx):
            self.ctx.wounded = True

    def _must_back_off(self, waiter: WwWaiter) -> bool:
        ctx = waiter.ctx
        if ctx is None or not ctx.locks or waiter not in self._waiters:
            return False
        if not self.ww_class.wait_die:
            return ctx.wounded
        ahead = self._waiters[: self._waiters.index(waiter)]
        older_holds = self.ctx is not None and ctx.younger_than(self.ctx)
        return older_holds or any(other.ctx is not None for other in ahead)

    def _refuse(self, ctx: WwAcquireCtx | None) -> KernelError:
        assert ctx is not None
        ctx.contending_lock = self
        return KernelError(EDEADLK, f"{ctx} must back off at {self}, held by {self.ctx or self.owner}")
