"""The four timers of the core: when they fire, what they show, who may use them (Arm ARM D11.2)."""

from __future__ import annotations

import pytest

from soc.cpu.access import EL0PCTEN, EL0PTEN, EL0VCTEN, EL0VTEN, EL1PCEN, EL1PCTEN
from soc.cpu.timer import PLACES
from soc.registers import SystemRegister
from tests.cpu.words import END, HERE, WFI, Machines, WordMachine, add, mrs, msr

CNTKCTL_EL1, CNTHCTL_EL2 = (3, 0, 14, 1, 0), (3, 4, 14, 1, 0)
CNTFRQ, CNTPCT, CNTVCT, CNTVOFF = (3, 3, 14, 0, 0), (3, 3, 14, 0, 1), (3, 3, 14, 0, 2), (3, 4, 14, 0, 3)
TVAL, CTL, CVAL = range(3)
ENABLE, IMASK, ISTATUS = 1, 2, 4
TICK = 16
"""Nanoseconds at 62.5 MHz."""
SECURE_PHYSICAL, PHYSICAL, VIRTUAL, HYPERVISOR = range(4)
TIMERS = pytest.mark.parametrize("timer", range(4), ids=[place.name for place in PLACES])


def register(timer: int, which: int) -> SystemRegister:
    return 3, PLACES[timer].op1, 14, PLACES[timer].crm, which


@pytest.fixture
def machine(words: Machines) -> WordMachine:
    """At EL3, where all four timers are open."""
    return words(3)


def transitions(machine: WordMachine) -> list[tuple[int, int, bool]]:
    """Grows with (timer, time, level) whenever a line changes."""
    seen: list[tuple[int, int, bool]] = []
    for number, line in enumerate(machine.cpu.timer.lines):
        line.connect(lambda level, number=number: seen.append((number, machine.clock.now, level)))
    seen.clear()
    return seen


@TIMERS
@pytest.mark.parametrize("count", [1, 40, 12_345])
def test_a_timer_fires_at_its_count_and_only_its_own_line(
    machine: WordMachine, timer: int, count: int
) -> None:
    machine.reset(msr(register(timer, CVAL), 1), msr(register(timer, CTL), 2), *END, x1=count, x2=ENABLE)
    seen = transitions(machine)
    machine.run_machine(300_000)
    (fired,) = seen
    assert fired[0::2] == (timer, True)
    assert max(count * TICK, machine.clock.now - 300_000) <= fired[1] <= max(count * TICK, 40)
    machine.reset(*END)
    assert seen[1:] == [(timer, machine.clock.now, False)]


@TIMERS
def test_what_a_timer_shows(machine: WordMachine, timer: int) -> None:
    """CTL and TVAL before and after it fired; off, it neither fires nor shows its status."""
    cval, tval, ctl = register(timer, CVAL), register(timer, TVAL), register(timer, CTL)
    program = [
        msr(cval, 1),
        msr(ctl, 2),
        mrs(ctl, 3),
        mrs(tval, 4),
        WFI,
        mrs(ctl, 5),
        mrs(tval, 6),
        mrs(cval, 7),
    ]
    program += [msr(ctl, 31), mrs(ctl, 8), msr(ctl, 9), mrs(ctl, 10), *END]
    machine.cpu.timer.lines[timer].connect(machine.cpu.set_irq)
    machine.reset(*program, x1=1000, x2=ENABLE | 0xF0, x9=ENABLE | IMASK)
    machine.run_machine(100_000)
    assert machine.x(3, 5, 8, 10) == [ENABLE, ENABLE | ISTATUS, 0, ENABLE | IMASK | ISTATUS]
    before, after, compare = machine.x(4, 6, 7)
    assert 990 <= before <= 1000
    assert -3 <= after - (1 << 32) <= 0 or after == 0
    assert compare == 1000
    assert not machine.cpu.timer.lines[timer].level


@TIMERS
@pytest.mark.parametrize("ticks", [5, -5])
def test_tval_is_relative_and_signed(machine: WordMachine, timer: int, ticks: int) -> None:
    machine.clock.advance(160_000)
    machine.reset(msr(register(timer, TVAL), 1), mrs(register(timer, CVAL), 2), *END, x1=ticks & 0xFFFF_FFFF)
    machine.run()
    assert 0 <= machine.cpu.x(2) - 10_000 - ticks <= 3


@pytest.mark.parametrize("offset", [0, 1000, 10_000, (1 << 64) - 500])
def test_the_virtual_count_is_behind_by_cntvoff(machine: WordMachine, offset: int) -> None:
    machine.clock.advance(5_000 * TICK)
    machine.reset(msr(CNTVOFF, 1), mrs(CNTVOFF, 2), mrs(CNTPCT, 3), mrs(CNTVCT, 4), *END, x1=offset)
    machine.run()
    physical, virtual = machine.x(3, 4)
    assert machine.x(2) == [offset]
    assert 0 <= (virtual - physical + offset) % (1 << 64) <= 3
    machine.reset(mrs(CNTVOFF, 2), *END)
    machine.run()
    assert machine.x(2) == [0]


@pytest.mark.parametrize(("offset", "fires"), [(0, 2000), (500, 2500), ((1 << 64) - 500, 1500)])
def test_the_virtual_timer_follows_cntvoff_and_the_physical_one_does_not(
    machine: WordMachine, offset: int, fires: int
) -> None:
    machine.clock.advance(1000 * TICK)
    program = [msr(CNTVOFF, 1)]
    for timer in (PHYSICAL, VIRTUAL):
        program += [msr(register(timer, CVAL), 2), msr(register(timer, CTL), 3)]
    machine.reset(*program, *END, x1=offset, x2=2000, x3=ENABLE)
    seen = transitions(machine)
    machine.run_machine(60_000)
    assert sorted(seen) == [(PHYSICAL, 2000 * TICK, True), (VIRTUAL, fires * TICK, True)]


def test_moving_cntvoff_moves_a_timer_that_runs(machine: WordMachine) -> None:
    machine.clock.advance(1000 * TICK)
    timer = [msr(register(VIRTUAL, CVAL), 2), msr(register(VIRTUAL, CTL), 3)]
    machine.reset(*timer, msr(CNTVOFF, 1), msr(CNTVOFF, 4), *END, x1=(1 << 64) - 3000, x2=2000, x3=1, x4=100)
    seen = transitions(machine)
    machine.run_machine(60_000)
    assert [level for _, _, level in seen] == [True, False, True]
    assert {number for number, _, _ in seen} == {VIRTUAL}
    assert seen[0][1] < seen[1][1] < 1010 * TICK
    assert seen[2][1] == 2100 * TICK


def test_the_frequency_is_a_place_to_write_to(machine: WordMachine) -> None:
    machine.reset(mrs(CNTFRQ, 1), msr(CNTFRQ, 2), mrs(CNTFRQ, 3), *END, x2=24_000_000)
    for _ in range(2):
        machine.run()
        assert machine.x(1, 3) == [62_500_000, 24_000_000]
        machine.reset(mrs(CNTFRQ, 1), msr(CNTFRQ, 2), mrs(CNTFRQ, 3), *END, x2=24_000_000)


OPEN_AT_EL0 = {
    "CNTFRQ by the physical gate": (CNTFRQ, EL0PCTEN),
    "CNTFRQ by the virtual gate": (CNTFRQ, EL0VCTEN),
    "CNTPCT": (CNTPCT, EL0PCTEN),
    "CNTVCT": (CNTVCT, EL0VCTEN),
    "CNTP_CTL": (register(PHYSICAL, CTL), EL0PTEN),
    "CNTV_CVAL": (register(VIRTUAL, CVAL), EL0VTEN),
}
GATES = EL0PCTEN | EL0VCTEN | EL0PTEN | EL0VTEN


@pytest.mark.parametrize(("which", "gate"), OPEN_AT_EL0.values(), ids=OPEN_AT_EL0)
def test_el0_needs_its_gate(words: Machines, which: SystemRegister, gate: int) -> None:
    machine = words()
    machine.clock.advance(100 * TICK)
    both = EL0PCTEN | EL0VCTEN if which == CNTFRQ else gate
    for value, open_ in ((gate, True), (GATES & ~both, False), (0, False)):
        taken = machine.execute(mrs(which, 1), at=0, controls={CNTKCTL_EL1: value}, x1=7)
        assert (machine.x(1) != [7], len(taken)) == (open_, 0 if open_ else 1)
        if taken:
            assert (taken[0].esr >> 26, machine.at_vector()) == (0x18, (1, 0x400))


@pytest.mark.parametrize(("which", "gate"), [(CNTPCT, EL1PCTEN), (register(PHYSICAL, CVAL), EL1PCEN)])
def test_el2_can_keep_the_physical_ones_from_el1(words: Machines, which: SystemRegister, gate: int) -> None:
    machine = words(2)
    machine.clock.advance(100 * TICK)
    for value, open_ in ((gate, True), (3 & ~gate, False)):
        taken = machine.execute(mrs(which, 1), at=1, controls={CNTHCTL_EL2: value}, x1=7)
        assert (machine.x(1) != [7], len(taken)) == (open_, 0 if open_ else 1)
        assert machine.at_vector() == (None if open_ else (2, 0x400))
    for free in (CNTVCT, register(VIRTUAL, CVAL)):
        assert machine.execute(mrs(free, 1), at=1, controls={CNTHCTL_EL2: 0}) == ()


LOWEST = {
    "CNTVOFF": (CNTVOFF, 2),
    "hypervisor": (register(HYPERVISOR, CTL), 2),
    "secure": (register(0, CTL), 3),
}


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize(("which", "lowest"), LOWEST.values(), ids=LOWEST)
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def test_registers_of_el2_and_el3(
    words: Machines, which: SystemRegister, lowest: int, at: int, write: bool
) -> None:
    machine = words(3)
    taken = machine.execute(msr(which, 1) if write else mrs(which, 1), at=at, x1=ENABLE)
    assert bool(taken) is (at < lowest)
    assert {exception.esr >> 26 for exception in taken} <= {0x00, 0x18}
    changed = machine.cpu.timer.virtual.offset or any(c.control for c in machine.cpu.timer.channels)
    assert bool(changed) is (write and not taken)


def test_a_second_core_s_timers_are_its_own(words: Machines) -> None:
    one, other = words(), words()
    one.reset(msr(register(VIRTUAL, CTL), 1), add(1, 1), WFI, HERE, x1=ENABLE)
    one.run()
    assert one.cpu.timer.virtual.line.level
    assert not other.cpu.timer.virtual.line.level
