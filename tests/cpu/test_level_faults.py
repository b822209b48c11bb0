"""Every synchronous exception of EL1, EL2 and EL3 enters as the Arm ARM says (D1.3, D24.2), by both ways."""

from __future__ import annotations

import pytest

from soc.cpu import StopReason
from tests.cpu.guest import BASE, HOLE, READ_ONLY, GuestMachine
from tests.cpu.noted import SP, SP_EL0, TRACE, Build, Noted, trace
from tests.cpu.words import CURRENT_EL, ELR, PSTATE, Machines, mrs, msr

SAME_SP0, SAME = 0x000, 0x200
NOWHERE, NEVER_EXECUTED = 0x10_0000_0000, BASE + 0x10_0000
INSTRUCTION_SYNDROME = 0x7FF << 14
"""ISV and what goes with it. The engine gives them for aborts of EL2, the Arm ARM for stage 2 only."""
PAST = 4


def run_faults(machine: GuestMachine, level: int, mmu: bool) -> list[Noted]:
    if mmu:
        machine.start(
            f"faults_el{level}",
            x0=NOWHERE,
            x1=machine.identity_map(),
            x5=READ_ONLY + 0x123,
            x6=NEVER_EXECUTED,
            x19=TRACE,
        )
    else:
        machine.start(f"faults_el{level}", x0=HOLE, x5=HOLE + 4, x6=HOLE + 8, x19=TRACE)
    assert machine.run() is StopReason.WFI
    return trace(machine)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("mmu", [False, True], ids=["MMU off", "MMU on"])
def test_every_fault_of_a_level(build_levels: Build, level: int, mmu: bool) -> None:
    machine = build_levels(level)
    found = run_faults(machine, level, mmu)
    if mmu:
        load, store, fetch, target = 0x9600_0005, 0x9600_004F, 0x8600_000F, NEVER_EXECUTED
        faults = NOWHERE, READ_ONLY + 0x123, NEVER_EXECUTED
    else:
        load, store, fetch, target = 0x9600_0410, 0x9600_0450, 0x8600_0410, HOLE + 8
        faults = 0, 0, 0
    at = machine.label
    pstate, sp = PSTATE[level], SP[level]
    expected = [
        Noted(level, SAME, 0x5600_0021, at("every_fault") + PAST, 0, pstate, sp),
        Noted(level, SAME, 0x0200_0000, at("undefined_word"), 0, pstate, sp),
        Noted(level, SAME, 0xF200_0022, at("breakpoint"), 0, pstate, sp),
        Noted(level, SAME, load, at("the_load"), faults[0], pstate, sp),
        Noted(level, SAME, store, at("the_store"), faults[1], pstate, sp),
        Noted(level, SAME, fetch, target, faults[2], pstate, sp),
        Noted(level, SAME_SP0, 0x5600_0023, at("after_svc_on_sp0"), faults[2], pstate & ~1, sp),
    ]
    if level == 2:
        found = [noted._replace(esr=noted.esr & ~INSTRUCTION_SYNDROME) for noted in found]
    assert found == expected
    assert [machine.x(n) for n in (3, 7, 8)] == [0, SP_EL0, sp]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_core_remembers_the_latest_of_them(build_levels: Build, level: int) -> None:
    """All but the calls; `time` goes up."""
    machine = build_levels(level)
    found = [noted for noted in run_faults(machine, level, mmu=True) if noted.esr >> 26 != 0x15]
    taken = machine.cpu.exceptions
    assert [(one.pc, one.esr, one.far) for one in taken] == [(one.elr, one.esr, one.far) for one in found]
    times = [one.time for one in taken]
    assert times == sorted(set(times))
    assert times[0] > 0 and times[-1] < machine.clock.now


@pytest.mark.parametrize("level", [1, 2, 3])
def test_level_and_syndrome_as_the_report_of_a_boot_shows_them(words: Machines, level: int) -> None:
    machine = words(level)
    machine.execute(0xD420_0000 | 0x55 << 5)
    assert (machine.cpu.exception_level, machine.cpu.syndrome) == (level, 0xF200_0055)
    if level > 1:
        machine.execute(at=1)
        assert (machine.cpu.exception_level, machine.cpu.syndrome) == (1, 0)
    machine.execute(at=0)
    assert (machine.cpu.exception_level, machine.cpu.syndrome) == (0, 0)


def test_a_trap_to_el2_is_taken_there(words: Machines) -> None:
    """HCR_EL2.TID3: an identification register read at EL1."""
    machine = words(2)
    (taken,) = machine.execute(mrs((3, 0, 0, 6, 0), 5), at=1, hcr=1 << 18)
    assert machine.at_vector() == (2, 0x400)
    assert taken.esr >> 26 == 0x18
    assert machine.cpu.read_system(ELR[2]) == machine.code(0) == taken.pc


def test_supervisor_calls_go_to_el2_where_el0_belongs_to_it(words: Machines) -> None:
    """HCR_EL2.TGE."""
    machine = words(2)
    machine.execute(0xD400_0001 | 7 << 5, at=0, hcr=1 << 27)
    assert machine.at_vector() == (2, 0x400)
    assert machine.cpu.syndrome == 0x5600_0007


def test_current_el_cannot_be_written(words: Machines) -> None:
    machine = words(3)
    (taken,) = machine.execute(msr(CURRENT_EL, 1))
    assert taken.esr == 0x0200_0000
