"""The interrupt input, WFI, timers, and how they cut the core's slices."""

from __future__ import annotations

import pytest

from soc.cpu import StopReason
from soc.cpu.access import EL0VCTEN
from tests.cpu.guest import DEVICE, GuestMachine

LOWER = 8
TICK = 16


def raise_every(machine: GuestMachine, reads: int) -> None:
    """The device raises the line at every so many reads; a write to offset 8 lowers it."""
    count = [0]

    def on_read(offset: int) -> None:
        count[0] += 1
        if count[0] % reads == 0:
            machine.cpu.set_irq(True)

    def on_write(offset: int, value: int) -> None:
        if offset == LOWER:
            machine.cpu.set_irq(False)

    machine.device.on_read, machine.device.on_write = on_read, on_write


@pytest.mark.parametrize("mmu", [False, True])
def test_every_interrupt_raised_in_an_access_is_taken(machine: GuestMachine, mmu: bool) -> None:
    raise_every(machine, 7)
    (machine.start_with_mmu if mmu else machine.start)("poll_device", x0=700, x9=DEVICE)
    assert machine.run() is StopReason.WFI
    reads = [access for access in machine.device.accesses if access[0] == "read"]
    assert len(reads) == 700
    assert (machine.x(10), machine.x(11)) == (100, 3500)


def test_interrupt_comes_right_after_the_block_that_raised_it(machine: GuestMachine) -> None:
    raise_every(machine, 3)
    machine.start("poll_device", x0=6, x9=DEVICE)
    machine.run()
    order = "".join(access[0][0] for access in machine.device.accesses)
    assert order == "rrrwrrrw"


def test_wfi_waits_for_the_line(machine: GuestMachine) -> None:
    machine.start("sleep_unmasked")
    assert machine.run() is StopReason.WFI
    before = machine.clock.now
    assert before < 20
    assert machine.run() is StopReason.WFI
    assert (machine.clock.now, machine.x(1)) == (before, 0)
    machine.cpu.set_irq(True)
    machine.run(200)
    assert machine.x(10) > 0
    machine.cpu.set_irq(False)
    machine.run(200)
    assert machine.x(1) == 1


def test_wfi_ends_with_the_interrupt_masked_and_not_taken(machine: GuestMachine) -> None:
    machine.start("sleep_masked")
    assert machine.run() is StopReason.WFI
    machine.cpu.set_irq(True)
    assert machine.run(100) is StopReason.TIME
    assert (machine.x(1), machine.x(2), machine.x(10)) == (1, 1, 0)


def test_pending_interrupt_makes_wfi_fall_through(machine: GuestMachine) -> None:
    machine.start("sleep_masked")
    machine.cpu.set_irq(True)
    assert machine.run(100) is StopReason.TIME
    assert machine.x(2) == 1


@pytest.mark.parametrize("ticks", [1, 10, 1000])
def test_virtual_timer_wakes_on_its_tick(machine: GuestMachine, ticks: int) -> None:
    machine.cpu.timer.virtual.line.connect(machine.cpu.set_irq)
    machine.start("virtual_timer", x0=ticks)
    assert machine.run_machine(1_000_000) is StopReason.WFI
    count, compare = machine.x(14), machine.x(15)
    assert machine.x(13) == 62_500_000
    assert ticks <= compare - count <= ticks + 2  # reading the counter takes a tick
    assert machine.x(16) & 1 == 1
    assert machine.x(10) == 1
    assert compare <= machine.x(12) <= compare + 8
    assert -machine.x(17) % (1 << 32) <= 8  # TVAL counts on below zero
    assert machine.cpu.timer.virtual.line.level is False


def test_timer_in_the_past_fires_at_once(machine: GuestMachine) -> None:
    machine.cpu.timer.virtual.line.connect(machine.cpu.set_irq)
    machine.clock.advance(1_000)
    machine.start("virtual_timer", x0=0xFFFF_FFFF)
    assert machine.run_machine(1_000) is StopReason.WFI
    assert machine.x(10) == 1
    assert (machine.x(15) - machine.x(14)) % (1 << 64) in (0, (1 << 64) - 1)


def test_physical_timer(machine: GuestMachine) -> None:
    machine.cpu.timer.physical.line.connect(machine.cpu.set_irq)
    machine.start("physical_timer", x0=500)
    assert machine.run_machine(100_000) is StopReason.WFI
    assert machine.x(10) == 1
    assert 500 <= machine.x(14) <= 508
    assert 500 * TICK <= machine.clock.now <= 508 * TICK


def test_masked_timer_shows_its_status_only(machine: GuestMachine) -> None:
    machine.cpu.timer.virtual.line.connect(machine.cpu.set_irq)
    machine.start("masked_timer")
    assert machine.run_machine(1_000) is StopReason.WFI
    assert (machine.x(2), machine.x(10)) == (7, 0)


def test_timer_far_away_is_not_on_the_agenda(machine: GuestMachine) -> None:
    machine.start("physical_timer", x0=(1 << 64) - 1)
    assert machine.run() is StopReason.WFI
    assert machine.clock.next_event() is None


@pytest.mark.parametrize(("gate", "traps"), [(EL0VCTEN, False), (0, True)])
def test_counter_at_el0_needs_cntkctl(machine: GuestMachine, gate: int, traps: bool) -> None:
    machine.clock.advance(1_000_000)
    machine.start("user_counter", x0=gate)
    assert machine.run(500) is StopReason.TIME
    assert machine.x(5) == 1
    assert bool(machine.x(20)) is traps
    assert (machine.x(4) >= 1_000_000 // TICK) is not traps


def test_counter_read_into_xzr(machine: GuestMachine) -> None:
    machine.start("discard_counter")
    assert machine.run() is StopReason.WFI
    assert machine.x(1) == 3
