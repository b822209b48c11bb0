"""Fast or portable: which ways of driving the engine one core uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from soc.cpu.budget import Budget, CallbackBudget
from soc.cpu.engine import Engine
from soc.cpu.entry import EngineEntry, ExceptionEntry, PortableEntry
from soc.cpu.locate import AccessLocator, BlockLocator, Locator
from soc.cpu.native import NativeBudget
from soc.cpu.selftest import ways
from soc.errors import SocError

Choice = Literal["auto", "fast", "portable"]


@dataclass(frozen=True)
class Chosen:
    """The ways of one core."""

    budget: Budget
    entry: ExceptionEntry
    locator: Locator

    def describe(self) -> str:
        pc = "exact pc of an access" if self.locator.exact else "pc of an access to its block"
        return f"{self.budget.name}, {self.entry.name}, {pc}"


def choose(engine: Engine, choice: Choice) -> Chosen:
    """Ways for `engine`: `auto` takes each fast way that passed the self-test.

    SocError if `fast` is wanted and one did not.
    """
    passed = ways()
    fast = choice != "portable"
    if choice == "fast" and not (passed.budget and passed.entry and passed.access_pc):
        raise SocError(f"the fast ways do not all work with this engine: {passed}")
    budget: Budget = NativeBudget(engine) if fast and passed.budget else CallbackBudget(engine)
    entry: ExceptionEntry = (
        EngineEntry(engine) if fast and passed.entry else PortableEntry(engine, passed.syndrome)
    )
    locator: Locator = AccessLocator(engine) if fast and passed.access_pc else BlockLocator(engine)
    return Chosen(budget, entry, locator)
