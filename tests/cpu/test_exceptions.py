"""Exceptions arrive at the guest's own vectors with what the architecture says (Arm ARM D1.3, D24.2.40)."""

from __future__ import annotations

import pytest

from soc.cpu import StopReason
from tests.cpu.guest import BASE, HOLE, READ_ONLY, SMALL_DEVICE, SMALL_SIZE, GuestMachine

EL1H_MASKED = 0x3C5
SYNC_SAME_SP, SYNC_LOWER = 0x200, 0x400
NOWHERE = 0x10_0000_0000
FNV_EXTERNAL, WRITE = 0x410, 0x40


def seen(machine: GuestMachine) -> tuple[int, int, int, int]:
    """Exceptions taken, vector offset, ESR_EL1, ELR_EL1."""
    return machine.x(20), machine.x(25), machine.x(21), machine.x(22)


@pytest.mark.parametrize("mmu", [False, True])
def test_svc_returns_after_itself(machine: GuestMachine, mmu: bool) -> None:
    (machine.start_with_mmu if mmu else machine.start)("take_svc")
    assert machine.run() is StopReason.WFI
    assert seen(machine) == (1, SYNC_SAME_SP, 0x5600_0021, machine.label("after_svc"))
    assert machine.x(24) & 0xFFF == EL1H_MASKED
    assert machine.x(1) == 1


def test_undefined_instruction(machine: GuestMachine) -> None:
    machine.start("take_undefined")
    assert machine.run() is StopReason.WFI
    assert seen(machine) == (1, SYNC_SAME_SP, 0x0200_0000, machine.label("undefined_word"))
    assert machine.x(1) == 1


def test_breakpoint_instruction(machine: GuestMachine) -> None:
    machine.start("take_breakpoint")
    assert machine.run() is StopReason.WFI
    assert (machine.x(20), machine.x(21), machine.x(1)) == (1, 0xF200_0007, 1)


def test_el0_has_its_own_vector_and_stack(machine: GuestMachine) -> None:
    machine.start("user_and_back", x26=0)
    machine.run(300)
    assert machine.x(4) == machine.x(5) == BASE + 0x90000
    assert machine.x(25) == SYNC_LOWER
    # reading CurrentEL is undefined at EL0, and without a skip it is taken again and again
    assert machine.x(21) == 0x0200_0000
    assert machine.x(24) & 0xF == 0
    assert machine.x(20) > 2


def test_translation_fault_on_a_load(machine: GuestMachine) -> None:
    machine.start_with_mmu("load_at", x0=NOWHERE)
    assert machine.run() is StopReason.WFI
    assert seen(machine) == (1, SYNC_SAME_SP, 0x9600_0005, machine.label("load_here"))
    assert machine.x(23) == NOWHERE
    assert (machine.x(0), machine.x(1), machine.x(2)) == (NOWHERE, 77, 1)


def test_write_permission_fault(machine: GuestMachine) -> None:
    machine.start_with_mmu("store_at", x0=READ_ONLY + 0x123)
    assert machine.run() is StopReason.WFI
    assert seen(machine) == (1, SYNC_SAME_SP, 0x9600_004F, machine.label("store_here"))
    assert machine.x(23) == READ_ONLY + 0x123


@pytest.mark.parametrize(
    ("target", "esr"),
    [(NOWHERE, 0x8600_0005), (BASE + 0x10_0000, 0x8600_000F)],
    ids=["unmapped", "execute-never"],
)
def test_instruction_abort(machine: GuestMachine, target: int, esr: int) -> None:
    machine.start_with_mmu("call_at", x0=target)
    assert machine.run() is StopReason.WFI
    assert seen(machine) == (1, SYNC_SAME_SP, esr, target)
    assert (machine.x(23), machine.x(2)) == (target, 1)


@pytest.mark.parametrize("mmu", [False, True])
def test_load_from_a_hole_is_an_external_abort(machine: GuestMachine, mmu: bool) -> None:
    (machine.start_with_mmu if mmu else machine.start)("load_at", x0=HOLE + 8)
    assert machine.run() is StopReason.WFI
    assert seen(machine) == (1, SYNC_SAME_SP, 0x9600_0000 | FNV_EXTERNAL, machine.label("load_here"))
    assert (machine.x(0), machine.x(1), machine.x(2)) == (HOLE + 8, 77, 1)
    assert machine.log == [f"cpu: read of 8 bytes at {HOLE + 8:#x}: nothing answers there"]


def test_store_to_a_hole_is_an_external_abort(machine: GuestMachine) -> None:
    machine.start("store_at", x0=HOLE)
    assert machine.run() is StopReason.WFI
    assert (machine.x(20), machine.x(21)) == (1, 0x9600_0000 | FNV_EXTERNAL | WRITE)
    assert machine.log == [f"cpu: write of 4 bytes at {HOLE:#x}: nothing answers there"]


def test_fetch_from_a_hole_is_an_external_abort(machine: GuestMachine) -> None:
    machine.start("call_at", x0=HOLE)
    assert machine.run() is StopReason.WFI
    assert seen(machine) == (1, SYNC_SAME_SP, 0x8600_0000 | FNV_EXTERNAL, HOLE)
    assert machine.x(2) == 1


def test_rest_of_the_page_of_a_small_window_is_a_hole(machine: GuestMachine) -> None:
    address = SMALL_DEVICE + SMALL_SIZE
    machine.start("load_at", x0=address)
    assert machine.run() is StopReason.WFI
    assert seen(machine) == (1, SYNC_SAME_SP, 0x9600_0000 | FNV_EXTERNAL, machine.label("load_here"))
    assert (machine.x(0), machine.x(2)) == (address, 1)
    assert machine.small.accesses == []
    machine.start("store_at", x0=SMALL_DEVICE + SMALL_SIZE - 4)
    machine.run()
    assert machine.small.accesses == [("write", SMALL_SIZE - 4, 4, 0)]
    assert machine.x(20) == 0


def test_vector_in_a_hole_locks_up_and_time_passes(machine: GuestMachine) -> None:
    machine.start("count_loop", x0=1)
    machine.cpu.reset(machine.label("undefined_word"))  # VBAR_EL1 is 0 after reset: a hole
    assert machine.run(5_000_000) is StopReason.TIME
    assert machine.clock.now == 5_000_000
    assert machine.log[-1] == "cpu: the vector at 0x200 faults itself: locked up"


def test_exception_storm_only_uses_up_its_time(machine: GuestMachine) -> None:
    machine.start("svc_storm")
    assert machine.run(20_000) is StopReason.TIME
    assert machine.clock.now == 20_000
    # two blocks of the program and the handler, and the cost of an exception, every round
    assert 20_000 // 60 < machine.x(20) < 20_000 // 32
