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

PERIOD = 0.000_5
"""Seconds between two looks at the clock."""


class HostTime(Budget):
    """Only under `pinned_wheel()`: elsewhere a stop from another thread may repeat an instruction."""

    name = "host time"
    counter = 0

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        engine.run_blocks_whole()
        self._engine = engine
        self._started = self._ended = 0
        self._running = False
        self._exhausted = False
        threading.Thread(target=_watch, args=(weakref.ref(self),), daemon=True).start()

    @property
    def left(self) -> int:
        return max(0, self.granted - self.spent)

    @left.setter
    def left(self, value: int) -> None:
        self.granted = self.spent + value

    def charge(self, instructions: int) -> None:
        """Nothing: everything takes the time it takes."""

    @property
    def exhausted(self) -> bool:
        return self._exhausted

    def rearm(self) -> None:
        self._exhausted = False

    def grant(self, instructions: int) -> None:
        self.granted = instructions
        self._exhausted = False
        self._started = time.perf_counter_ns()
        self._running = True

    @property
    def spent(self) -> int:
        return time.perf_counter_ns() - self._started

    @property
    def used(self) -> int:
        return self._ended - self._started

    def limit(self, instructions: int) -> None:
        self.granted = min(self.granted, instructions)

    def cut(self) -> None:
        self.granted = 0
        self.stop()

    def settle(self) -> None:
        self._running = False
        self._ended = time.perf_counter_ns()

    def stop(self) -> None:
        """Leave the engine before the next block."""
        self._exhausted = True
        self._engine.stop()

    def look(self) -> None:
        """Stop the engine if its time is up."""
        if self._running and self.spent >= self.granted:
            self.stop()


def _watch(budget: weakref.ref[HostTime]) -> None:
    while (alive := budget()) is not None:
        alive.look()
        del alive
        time.sleep(PERIOD)
