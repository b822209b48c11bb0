"""Exceptions of the core: what a hook of the engine reports, taken through the guest's vectors.

A program that only faults any more would keep the host busy for ever. A vector
that faults on its own first instruction lets time pass instead (`locked_up`),
and an abort that repeats itself without end stops the core.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from soc.cpu.budget import EXCEPTION_COST, INSTRUCTION, Budget
from soc.cpu.engine import DATA_ABORT, ON_INTERRUPT, PREFETCH_ABORT, SUPERVISOR_CALL, Engine
from soc.cpu.entry import BANKS, ExceptionEntry, RegisterEntry
from soc.cpu.holes import Holes
from soc.cpu.psci import CALL_LEVEL, CALLS, Psci
from soc.cpu.stops import Stops
from soc.cpu.storm import FaultStorm

KEPT = 8


@dataclass(frozen=True)
class Taken:
    """An exception that was no call: when (ns), at which pc, syndrome and fault address."""

    time: int
    pc: int
    esr: int
    far: int


class Exceptions:
    """Takes every exception of `engine` that is no interrupt; `last` are the latest.

    The program owns the exception levels up to `level`; calls to those above go
    to `psci` or are UNDEFINED. `now` is the time. `stops` hears of a core that
    cannot go on, and of any error in here.
    """

    def __init__(
        self,
        engine: Engine,
        entry: ExceptionEntry,
        psci: Psci,
        level: int,
        *,
        budget: Budget,
        holes: Holes,
        stops: Stops,
        now: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._entry = entry
        self._traps = RegisterEntry(engine)
        self._psci = psci
        self._level = level
        self._budget = budget
        self._holes = holes
        self._stops = stops
        self._now = now
        self._storm = FaultStorm()
        self.locked_up = False
        self.last: deque[Taken] = deque(maxlen=KEPT)
        self._hook = ON_INTERRUPT(self._exception)
        entry.install(self._hook, budget.counter)

    def reset(self) -> None:
        self._storm.reset()
        self.last.clear()

    def external_abort(self, back: int, write: bool | None) -> int:
        """Nobody answers the access at `back` (`write` None for a fetch): the pc from here."""
        self._traps.external_abort(back, write)
        self._book(back)
        self._check_storm(back, self._holes.latest)
        return self._engine.pc

    def _exception(self, handle: int, number: int, data: int) -> None:
        try:
            self._take(number)
        except BaseException as error:
            self._stops.fail(error)
            self._engine.stop()

    def _take(self, number: int) -> None:
        back = self._engine.pc
        if self._own_call(number):
            self._entry.enter(number)
            self._budget.charge(EXCEPTION_COST)
        elif number not in CALLS:
            self._entry.enter(number)
            far = self._book(back)
            if number in (PREFETCH_ABORT, DATA_ABORT):
                self._check_storm(back, far)
        elif not self._psci.call(CALLS[number]):
            back -= INSTRUCTION  # the engine is past a call by now
            self._traps.undefined(back)
            self._book(back)

    def _own_call(self, number: int) -> bool:
        """Whether the program itself answers this call."""
        return number == SUPERVISOR_CALL or number in CALLS and CALL_LEVEL[CALLS[number]] <= self._level

    def _book(self, back: int) -> int:
        """Charge for the exception just taken from `back`, and keep it; its fault address."""
        self._budget.charge(EXCEPTION_COST)
        bank = BANKS[self._engine.exception_level()]
        esr, far = self._engine.read(bank.esr), self._engine.read(bank.far)
        self.last.append(Taken(self._now(), back, esr, far))
        self._check_lockup(back)
        return far

    def _check_lockup(self, back: int) -> None:
        if self._engine.pc == back:
            self.locked_up = True
            self._holes.complain(back, "lockup", f"cpu: the vector at {back:#x} faults itself: locked up")
            self._engine.stop()

    def _check_storm(self, back: int, address: int) -> None:
        if not self.locked_up and self._storm.raging(back, address):
            self._stops.stuck(f"cpu: stuck: the instruction at {back:#x} aborts again and again")
