"""The budget of a core that runs as fast as it can: nanoseconds of the host, not instructions.

Nothing is counted, so generated code runs free. A thread asks the engine to
stop when the grant is used up; it looks every half millisecond, which is how
late an interrupt of a timer can be. The engine leaves at a block's start only:
two runs are not the same run, and an external abort of an access that nobody
answers is taken after the block it was in, so a program cannot probe by it.
"""

from __future__ import annotations

import threading
import time
import weakref

from soc.cpu.budget import Budget
from soc.cpu.engine import Engine
from soc.cpu.wheel import run_blocks_whole

PERIOD = 0.000_5
"""Seconds between two looks at the clock."""


class HostTime(Budget):
    """Only under `pinned_wheel()`: elsewhere a stop from another thread may repeat an instruction."""

    name = "host time"
    counter = 0

    def __init__(self, engine: Engine) -> None:
        run_blocks_whole(engine)
        self._engine = engine
        self._lock = threading.Lock()
        self._started = self._ended = 0
        self._running = False
        self._exhausted = False
        threading.Thread(target=_watch, args=(weakref.ref(self),), name=self.name, daemon=True).start()

    def grant(self, instructions: int) -> None:
        with self._lock:
            self.granted = instructions
            self._exhausted = False
            self._started = time.perf_counter_ns()
            self._running = True

    @property
    def spent(self) -> int:
        return (time.perf_counter_ns() if self._running else self._ended) - self._started

    @property
    def exhausted(self) -> bool:
        return self._exhausted

    @property
    def used(self) -> int:
        return self.spent

    def charge(self, instructions: int) -> None:
        """Nothing: everything takes the time it takes."""

    def limit(self, instructions: int) -> None:
        self.granted = min(self.granted, instructions)
        self.look()

    def cut(self) -> None:
        self.limit(0)

    def settle(self) -> None:
        with self._lock:
            self._ended = time.perf_counter_ns()
            self._running = False

    def look(self) -> None:
        """Have the engine leave before its next block if the grant is used up.

        Locked, because a stop that came in the next slice would look as if the program slept.
        """
        with self._lock:
            if self._running and self.spent >= self.granted:
                self._exhausted = True
                self._engine.stop()


def _watch(budget: weakref.ref[HostTime]) -> None:
    while (alive := budget()) is not None:
        alive.look()
        del alive
        time.sleep(PERIOD)
