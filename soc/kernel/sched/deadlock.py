"""Who waits for what cannot happen, and is told so.

A Deadlock is raised in the thread that closes a cycle of locks, at once; in one of a cycle of
tasks when nothing else can happen any more; and in whoever drives when it waits for nobody.
What has waited for very long while time goes on is given up, too. Each is a WARN.
Source: kernel/hung_task.c; the cycles are what kernel/locking/lockdep.c looks for.
"""

from __future__ import annotations

from collections.abc import Sequence

from soc.clock import SECOND, Clock
from soc.errors import SocError
from soc.kernel.log import KernelLog
from soc.kernel.sched.thread import Wait
from soc.kernel.sched.wait_graph import Chain, WaitGraph, beginning_at, tell

HUNG_TASK_TIMEOUT = 120 * SECOND


class Deadlock(SocError):
    """Somebody waits for what cannot happen.

    `chain` is threads, waitables and tasks in turn, each waiting for or depending on the next;
    in a cycle the last is the first again.
    """

    def __init__(self, message: str, chain: Chain) -> None:
        self.chain = chain
        super().__init__(message)


class Watchdog:
    """Writes verdicts into waits. `hung_task_timeout` in ns of virtual time."""

    def __init__(self, clock: Clock, log: KernelLog) -> None:
        self.hung_task_timeout = HUNG_TASK_TIMEOUT
        self._clock = clock
        self._log = log

    def check_new(self, wait: Wait, graph: WaitGraph) -> None:
        """End `wait` if it closes a cycle that nothing can break."""
        if cycle := graph.certain_cycle(wait):
            self._end(wait, f"deadlock: {tell(cycle)}", cycle)

    def check_hung(self, waits: Sequence[Wait], graph: WaitGraph) -> None:
        """End those of `waits` without a timeout that have lasted too long."""
        for wait in waits:
            waited = self._clock.now - wait.began
            if wait.deadline is None and wait.verdict is None and waited >= self.hung_task_timeout:
                chain = graph.chain(wait)
                self._end(wait, f"hung for {waited / SECOND:g} s: {tell(chain)}", chain)

    def give_up(self, waits: Sequence[Wait], graph: WaitGraph) -> None:
        """Nothing can happen any more: end the one of `waits` that closed a cycle, else the first."""
        cycle = graph.cycle() or []
        closing = [wait for wait in graph.waits_in(cycle) if wait in waits]
        if closing:
            chain = beginning_at(cycle, closing[-1])
            self._end(closing[-1], f"deadlock: {tell(chain)}", chain)
        else:
            chain = graph.chain(waits[0])
            self._end(waits[0], tell(chain, "waits for ever for"), chain)

    def _end(self, wait: Wait, why: str, chain: Chain) -> None:
        self._log.warn(why)
        wait.verdict = Deadlock(why, chain)
