"""Watch windows: every touch is seen, with its place in the program, and the bytes stay the same."""

from __future__ import annotations

import numpy as np
import pytest

from soc.address import PAGE_SHIFT, PhysAddr
from soc.cpu import StopReason, Touch
from tests.cpu.guest import BASE, GuestMachine

SOURCE, TARGET, OTHER = (PhysAddr(BASE + (n << 20)) for n in (1, 2, 3))
SIZE = 0x3000
WORDS = 320


@pytest.fixture
def pattern(machine: GuestMachine) -> np.ndarray:
    data = np.arange(SIZE, dtype=np.uint32).astype(np.uint8)
    machine.dram.view(SOURCE, SIZE)[:] = data
    return data


def copy(machine: GuestMachine, mmu: bool) -> None:
    start = machine.start_with_mmu if mmu else machine.start
    start("copy_words", x0=TARGET, x1=SOURCE, x2=WORDS)
    assert machine.run() is StopReason.WFI


@pytest.mark.parametrize("mmu", [False, True])
def test_a_copy_is_seen_on_both_sides(machine: GuestMachine, pattern: np.ndarray, mmu: bool) -> None:
    machine.cpu.watch(SOURCE, SIZE, "source")
    machine.cpu.watch(TARGET, SIZE, "target")
    copy(machine, mmu)
    bytes_moved = WORDS * 8
    assert (machine.dram.view(TARGET, bytes_moved) == pattern[:bytes_moved]).all()
    assert not machine.dram.view(TARGET, SIZE)[bytes_moved:].any()
    exact = "exact" in machine.cpu.engine
    load, store = (machine.label(name if exact else "copy_load") for name in ("copy_load", "copy_store"))
    by_window = {(touch.window, touch.access): touch for touch in machine.cpu.touches}
    assert set(by_window) == {("source", "read"), ("target", "write")}
    for (window, access), base, pc in (
        (("source", "read"), SOURCE, load),
        (("target", "write"), TARGET, store),
    ):
        touch = by_window[window, access]
        time = touch.time
        assert touch == Touch(
            window, pc, exact, access, WORDS * 2, bytes_moved, base, base + bytes_moved - 1, time
        )
    assert machine.cpu.touches[0].window == "source"


def test_bytes_are_booked_as_traffic_of_the_cpu(machine: GuestMachine, pattern: np.ndarray) -> None:
    machine.cpu.watch(SOURCE, SIZE, "source")
    machine.cpu.watch(TARGET, SIZE, "target")
    copy(machine, mmu=False)
    traffic = machine.bus.master("cpu").traffic
    for base, expected in ((SOURCE, (WORDS * 8, 0)), (TARGET, (0, WORDS * 8)), (OTHER, (0, 0))):
        assert traffic.total(np.arange(3) + (base >> PAGE_SHIFT)) == expected
    assert traffic.total(np.array([SOURCE >> PAGE_SHIFT])) == (WORDS * 8, 0)


def test_nothing_is_seen_of_what_was_not_touched(machine: GuestMachine, pattern: np.ndarray) -> None:
    machine.cpu.watch(OTHER, SIZE, "other")
    copy(machine, mmu=False)
    assert machine.cpu.touches == []
    assert machine.bus.master("cpu").traffic.total() == (0, 0)


def test_every_width_reads_back_what_was_written(machine: GuestMachine) -> None:
    machine.start("store_bytes", x0=TARGET)
    machine.run()
    plain = bytes(machine.dram.view(TARGET, 64))
    assert plain[:5] == b"\x88\0\0\x88\x77"
    machine.dram.view(TARGET, 64)[:] = 0
    machine.cpu.watch(TARGET, SIZE, "target")
    machine.start("store_bytes", x0=TARGET)
    machine.run()
    assert bytes(machine.dram.view(TARGET, 64)) == plain
    assert (machine.x(2), machine.x(3)) == (0x7788, 0x1122_3344_5566_7788)
    written = sum(touch.bytes for touch in machine.cpu.touches if touch.access == "write")
    assert written == 1 + 2 + 16 + 16


@pytest.mark.parametrize("mmu", [False, True])
def test_block_clear_and_exclusives(machine: GuestMachine, mmu: bool) -> None:
    machine.dram.view(TARGET, SIZE)[:] = 1
    machine.cpu.watch(TARGET, SIZE, "target")
    start = machine.start_with_mmu if mmu else machine.start
    start("clear_and_swap", x0=TARGET + 0x100, x1=TARGET + 0x200)
    assert machine.run() is StopReason.WFI
    view = machine.dram.view(TARGET, SIZE)
    assert not view[0x100:0x140].any()
    assert (view[0xFF], view[0x140]) == (1, 1)
    assert view[0x200:0x208].view("<u8")[0] == 0x0101_0101_0101_0102
    written = [touch.bytes for touch in machine.cpu.touches if touch.access == "write"]
    zeroed = 64 + 4  # the engine probes the block with four byte stores first
    assert written == ([zeroed, 8] if "exact" in machine.cpu.engine else [zeroed + 8])


def test_watched_bytes_are_the_ones_devices_see(machine: GuestMachine) -> None:
    machine.cpu.watch(TARGET, SIZE, "target")
    machine.dram.view(TARGET, 8).view("<u8")[0] = 0x1234
    machine.start("load_at", x0=TARGET)
    machine.run()
    assert machine.x(1) == 0x1234


def test_unwatch_gives_the_range_back(machine: GuestMachine, pattern: np.ndarray) -> None:
    machine.cpu.watch(SOURCE, SIZE, "source")
    copy(machine, mmu=False)
    seen = machine.cpu.touches
    assert len(seen) == 1
    machine.cpu.unwatch(SOURCE)
    copy(machine, mmu=False)
    assert machine.cpu.touches == seen
    machine.cpu.watch(SOURCE, SIZE, "again")
    copy(machine, mmu=False)
    assert [touch.window for touch in machine.cpu.touches] == ["source", "again"]


@pytest.mark.parametrize(
    ("base", "size", "problem"),
    [
        (SOURCE + 4, SIZE, "x: a watched range must be whole pages, not 0x40100004+0x3000"),
        (SOURCE, 0, "x: a watched range must be whole pages, not 0x40100000+0x0"),
        (0x0900_0000, 0x1000, "x: 4 KiB at 0x9000000 is not DRAM"),
        (SOURCE + 0x2000, SIZE, "x overlaps taken, which is watched"),
    ],
)
def test_ranges_that_cannot_be_watched(machine: GuestMachine, base: int, size: int, problem: str) -> None:
    machine.cpu.watch(SOURCE, SIZE, "taken")
    with pytest.raises(ValueError) as caught:
        machine.cpu.watch(PhysAddr(base), size, "x")
    assert str(caught.value) == problem
