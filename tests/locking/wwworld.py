"""ww_mutexes and threads that hold and want them, for tests of who backs off."""

from __future__ import annotations

from errno import EDEADLK

from soc.kernel.errors import KernelError
from soc.kernel.locking.ww_context import WwAcquireCtx, WwClass
from soc.kernel.locking.ww_mutex import WwMutex
from soc.kernel.sched.thread import Spawned
from tests.sched.world import Program, World


class WwWorld:
    """`locks` A to E of one class; `party(n)` is a program with a context of its own, older than the next."""

    def __init__(self, wait_die: bool = True) -> None:
        self.world = World()
        self.sched = self.world.sched
        self.ww_class = WwClass("reservation_ww_class", wait_die)
        self.locks = {name: WwMutex(self.sched, name, self.ww_class) for name in "ABCDE"}

    def context(self) -> WwAcquireCtx:
        return WwAcquireCtx(self.sched, self.ww_class)

    @property
    def warnings(self) -> list[str]:
        return self.world.log.warnings

    def lock_all(self, wanted: str, ctx: WwAcquireCtx, on_back_off=None) -> None:
        """The back-off loop of Documentation/locking/ww-mutex-design.rst."""
        refused = None
        while True:
            try:
                if refused is not None:
                    self.locks[refused].lock_slow(ctx)
                for name in wanted:
                    if name != refused:
                        contended = name
                        self.locks[name].lock(ctx)
                return
            except KernelError as error:
                assert error.errno == EDEADLK, error
                self.unlock_all(ctx)
                refused = contended
                if on_back_off:
                    on_back_off(refused)

    def unlock_all(self, ctx: WwAcquireCtx) -> None:
        for lock in list(ctx.locks):
            lock.unlock()


class Party:
    """A thread that does what it is told, step by step: `party.lock("A")` returns once it waits or is done.

    `errno` is how its last step ended: 0, an errno, or None while it waits.
    """

    def __init__(self, ww: WwWorld, number: int, with_ctx: bool = True) -> None:
        self.ww = ww
        self.task = Program(f"p{number}", number)
        self.todo: list = []
        self.errno: int | None = 0
        self.ctx: WwAcquireCtx | None = None
        self.thread: Spawned = ww.sched.spawn(self.task, self._work, with_ctx, daemon=True)
        ww.sched.run_ready()

    def lock(self, name: str) -> int | None:
        return self.do(lambda: self.ww.locks[name].lock(self.ctx))

    def do(self, step) -> int | None:
        self.errno = None
        self.todo.append(step)
        self.ww.sched.run_ready()
        return self.errno

    def unlock(self, name: str) -> None:
        assert self.do(self.ww.locks[name].unlock) == 0

    def blockers(self) -> list:
        return []

    def _work(self, with_ctx: bool) -> None:
        self.ctx = self.ww.context() if with_ctx else None
        while True:
            self.ww.sched.wait_event(lambda: bool(self.todo), self)
            try:
                self.todo.pop(0)()
                self.errno = 0
            except KernelError as error:
                self.errno = error.errno

    def __str__(self) -> str:
        return f"orders for {self.task}"
