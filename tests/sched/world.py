"""A scheduler with a clock and a log of its own, and programs to run on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from soc.clock import Clock
from soc.kernel.log import KernelLog
from soc.kernel.sched.scheduler import Scheduler


@dataclass(eq=False)
class Program:
    """As much of a task as the scheduler looks at."""

    comm: str
    pid: int
    signal_pending: bool = False

    def __str__(self) -> str:
        return f"{self.comm} (pid {self.pid})"


@dataclass(eq=False)
class Flag:
    """Something to wait for, raised by hand."""

    name: str
    by: Sequence[object] = ()
    up: bool = False

    def blockers(self) -> Sequence[object]:
        return self.by

    def __str__(self) -> str:
        return self.name


@dataclass(eq=False)
class World:
    """`app`, `server` and `idler` are programs; `said` what happened, with its time, in order."""

    clock: Clock = field(default_factory=Clock)
    said: list[tuple[int, str]] = field(default_factory=list)
    pending: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = KernelLog(self.clock)
        self.sched = Scheduler(self.clock, self.log, self._serve)
        self.app, self.server, self.idler = Program("app", 1), Program("server", 2), Program("idler", 3)

    def say(self, text: str) -> None:
        self.said.append((self.clock.now, text))

    def wait(self, flag: Flag, **options: object) -> int:
        return self.sched.wait_event(lambda: flag.up, flag, **options)

    def sleep(self, ns: int) -> None:
        assert self.wait(Flag("a sleep"), timeout=ns) == 0

    def raise_flag(self, flag: Flag) -> None:
        flag.up = True

    def raise_at(self, when: int, flag: Flag) -> None:
        self.clock.at(when, lambda: self.raise_flag(flag))

    def _serve(self) -> None:
        while self.pending:
            self.pending.pop(0)()


@contextmanager
def clean_world() -> Iterator[World]:
    """A world whose threads are ended and whose log must have no warning in the end."""
    world = World()
    with world.sched:
        yield world
    assert world.log.warnings == []
