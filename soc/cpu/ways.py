"""Fast or portable: which ways of driving the engine one core uses.

Six interfaces, each with a way that reaches into the engine and one by its
public functions: the budget of a slice, exception entry, the interrupt line,
system registers, lines of the code cache, and the place of an access.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from soc.bus import Bus
from soc.cpu.budget import Budget, CallbackBudget
from soc.cpu.code_cache import LineForgetter, PhysicalLines, VirtualLines
from soc.cpu.engine import Engine
from soc.cpu.entry import EngineEntry, ExceptionEntry, PortableEntry
from soc.cpu.hooked_registers import HookedRegisters
from soc.cpu.host_time import HostTime
from soc.cpu.line import InterruptLine, RequestLine, VirtualLine
from soc.cpu.locate import AccessLocator, BlockLocator, Locator
from soc.cpu.native import NativeBudget
from soc.cpu.selftest import Ways, ways
from soc.cpu.sysregs import Failed, SystemRegisters
from soc.cpu.table_registers import TableRegisters
from soc.errors import SocError

Choice = Literal["auto", "fast", "portable"]


@dataclass(frozen=True)
class Chosen:
    """The ways of one core."""

    budget: Budget
    entry: ExceptionEntry
    line: InterruptLine
    registers: SystemRegisters
    code: LineForgetter
    locator: Locator

    def describe(self) -> str:
        pc = "exact pc of an access" if self.locator.exact else "pc of an access to its block"
        names = (self.budget.name, self.entry.name, self.line.name, self.registers.name, self.code.name)
        return ", ".join((*names, pc))


def choose(engine: Engine, bus: Bus, choice: Choice, failed: Failed, host_time: bool = False) -> Chosen:
    """Ways for `engine`: `auto` takes each fast way that passed the self-test.

    With `host_time` the budget is the host's clock, not a count of instructions.
    SocError if `fast` is wanted and one did not pass, or host time needs more than did.
    """
    passed = ways()
    fast = choice != "portable"
    if choice == "fast" and not passed.all:
        raise SocError(f"fast ways that do not work with this engine: {', '.join(passed.missing)}")
    if host_time and not (fast and passed.all):
        raise SocError("host time needs every fast way of driving the engine; leave --fast out")
    registers: SystemRegisters = (
        TableRegisters(engine, failed) if fast and passed.registers else HookedRegisters(engine, failed)
    )
    return Chosen(
        _budget(engine, passed, fast, host_time),
        EngineEntry(engine) if fast and passed.entry else PortableEntry(engine, passed.syndrome),
        RequestLine(engine) if fast and passed.line else VirtualLine(engine, registers),
        registers,
        PhysicalLines(engine, bus) if fast and passed.code else VirtualLines(engine),
        AccessLocator(engine) if fast and passed.access_pc else BlockLocator(engine),
    )


def _budget(engine: Engine, passed: Ways, fast: bool, host_time: bool) -> Budget:
    if host_time:
        return HostTime(engine)
    return NativeBudget(engine) if fast and passed.budget else CallbackBudget(engine)
