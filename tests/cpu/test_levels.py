"""Cores that start at EL1, EL2 or EL3: the way down, calls up, and who answers them (Arm ARM D1.3, D1.5)."""

from __future__ import annotations

import pytest

from soc.cpu import StopReason
from soc.cpu.psci import SYSTEM_OFF, VERSION, Conduit
from tests.cpu.guest import GuestMachine
from tests.cpu.noted import SP, SP_EL0, TRACE, Build, Noted, trace

SAME, LOWER = 0x200, 0x400
UNDEFINED, SVC, HVC, SMC = 0x0200_0000, 0x5600_0000, 0x5A00_0000, 0x5E00_0000


@pytest.mark.parametrize("level", [1, 2, 3])
def test_power_on_is_at_the_level_with_everything_masked(build_levels: Build, level: int) -> None:
    machine = build_levels(level)
    for _ in range(2):
        machine.start("power_on")
        assert machine.cpu.exception_level == level
        assert machine.run() is StopReason.WFI
        assert [machine.x(n) for n in (1, 2, 3, 4)] == [level << 2, 0x3C0, 1, 0]


def call(machine: GuestMachine, name: str, level: int, vector: int, esr: int, pstate: int) -> Noted:
    """An exception of the instruction at `name`; calls return after it, and leave FAR alone."""
    back = machine.label(name) + (0 if esr == UNDEFINED else 4)
    return Noted(level, vector, esr, back, 0, pstate, SP[level])


def undefined_calls(machine: GuestMachine) -> list[Noted]:
    """HVC and SMC do not exist at EL0."""
    return [
        call(machine, "svc_el0", 1, LOWER, SVC | 0x11, 0),
        call(machine, "hvc_el0", 1, LOWER, UNDEFINED, 0),
        call(machine, "smc_el0", 1, LOWER, UNDEFINED, 0),
    ]


ANSWERED = {
    1: [("svc", 1, SAME, SVC | 0x11), ("hvc", 1, SAME, UNDEFINED), ("smc", 1, SAME, UNDEFINED)],
    2: [("svc", 1, SAME, SVC | 0x11), ("hvc", 2, LOWER, HVC | 0x12), ("smc", 1, SAME, UNDEFINED)],
    3: [("svc", 1, SAME, SVC | 0x11), ("hvc", 2, LOWER, HVC | 0x12), ("smc", 3, LOWER, SMC | 0x13)],
}
"""Who answers the calls of EL1 on a core that starts at each level: instruction, level, vector, ESR."""


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_way_down_and_the_calls_up(build_levels: Build, level: int) -> None:
    machine = build_levels(level)
    machine.start(f"from_el{level}", x19=TRACE)
    assert machine.run() is StopReason.WFI
    from_el1 = [
        call(machine, f"{name}_el1", target, vector, esr, 0x3C5)
        for name, target, vector, esr in ANSWERED[level]
    ]
    assert trace(machine) == from_el1 + undefined_calls(machine)
    assert [machine.x(n) for n in (1, 2, 3)] == [n << 2 if n <= level else 0 for n in (1, 2, 3)]
    assert [machine.x(n) for n in (4, 5)] == [2, SP_EL0]
    assert machine.cpu.exception_level == 0


@pytest.mark.parametrize(("level", "conduit"), [(1, "hvc"), (1, "smc"), (2, "smc")])
def test_firmware_above_answers_by_its_conduit(build_levels: Build, level: int, conduit: Conduit) -> None:
    machine = build_levels(level, conduit)
    machine.start(f"call_{conduit}", x0=VERSION)
    assert machine.run() is StopReason.WFI
    assert (machine.x(0), machine.cpu.exception_level) == (0x1_0000, level)
    machine.start(f"call_{conduit}", x0=SYSTEM_OFF)
    assert machine.run() is StopReason.POWER_OFF


@pytest.mark.parametrize(("level", "conduit"), [(2, "hvc"), (3, "hvc"), (3, "smc")])
def test_a_program_answers_calls_to_its_own_levels(build_levels: Build, level: int, conduit: Conduit) -> None:
    """Even if the board names the instruction as firmware's."""
    machine = build_levels(level, conduit)
    machine.start(f"from_el{level}", x0=SYSTEM_OFF, x19=TRACE)
    assert machine.run() is StopReason.WFI
    assert machine.x(0) == SYSTEM_OFF
    own = {"hvc": (2, HVC | 0x12), "smc": (3, SMC | 0x13)}[conduit]
    assert own in [(noted.level, noted.esr) for noted in trace(machine)]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_calls_that_are_answered_are_no_remarkable_exceptions(build_levels: Build, level: int) -> None:
    machine = build_levels(level)
    machine.start(f"from_el{level}", x19=TRACE)
    machine.run()
    remarkable = [noted.elr for noted in trace(machine) if noted.esr == UNDEFINED]
    assert [taken.pc for taken in machine.cpu.exceptions] == remarkable
