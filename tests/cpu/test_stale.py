"""Windows on stale pages: few of them however scattered the pages are, and memory in between."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.address import PAGE_SIZE, PhysAddr
from soc.cpu import Image, StopReason
from soc.cpu import engine as engine_module
from soc.cpu import stale as stale_module
from soc.cpu.engine import Engine, TooManyRegions
from soc.cpu.stale import MOST_WINDOWS, StaleWindows, merged, runs
from soc.memory.cache.incoherence import Kind
from soc.memory.dram import Bank
from soc.memory.span import PageSpan
from tests.cpu.guest import BASE, TABLES, GuestMachine

FIRST = PhysAddr(BASE + (1 << 20))
APART = 2 * PAGE_SIZE
PAGES = 3500


@pytest.fixture
def machine(programs: Image) -> Iterator[GuestMachine]:
    built = GuestMachine(programs, "auto", cached=True, size=64 << 20)
    yield built
    built.close()


def windows(machine: GuestMachine) -> StaleWindows:
    assert machine.cpu._data_cache is not None
    return machine.cpu._data_cache.stale


def overtake(machine: GuestMachine, pages: int, apart: int = APART) -> None:
    """A device writes 8 bytes, twice what was there, into each of the pages; 1 .. `pages` was there."""
    for number in range(pages):
        span = PageSpan.linear(PhysAddr(FIRST + number * apart), 8)
        machine.cache.device_write(span, np.array([2 * number + 2], dtype="<u8").view(np.uint8), "engine")


def start(machine: GuestMachine, pages: int, apart: int = APART) -> None:
    """With the MMU off, but the caches on: physical addresses, so that all of DRAM can be reached."""
    for number in range(pages):
        machine.dram.words(PhysAddr(FIRST + number * apart), 1)[:] = number + 1
    machine.start("scattered_pages", x0=FIRST, x1=apart, x2=pages)
    machine.cache.enable(True)
    overtake(machine, pages, apart)


def test_thousands_of_scattered_pages(machine: GuestMachine) -> None:
    start(machine, PAGES)
    windows(machine).update()
    opened = len(windows(machine)._open)
    assert 1 < opened <= MOST_WINDOWS
    assert machine.run(10_000_000) is StopReason.WFI
    sums = PAGES * (PAGES + 1) // 2
    assert [machine.x(number) for number in (10, 11, 12)] == [sums, sums, 2 * sums]
    assert {incident.kind for incident in machine.cache.incidents} == {Kind.STALE_CPU_READ}
    load = f"cpu at {machine.label('scattered_pages_load'):#x}"
    if machine.cpu._ways.locator.exact:
        assert {incident.cpu.name for incident in machine.cache.incidents} == {load}
    assert len(machine.cache.incidents) == opened  # one place in the program, told once a window
    windows(machine).update()
    assert not windows(machine)._open


def test_pages_that_become_stale_one_after_the_other(machine: GuestMachine) -> None:
    """Each is alone when it is opened, until there is no room for one more."""
    machine.start("scattered_pages", x0=FIRST, x1=APART, x2=110)
    machine.cache.enable(True)
    most = 0
    for number in range(1, 111):
        overtake(machine, number)
        windows(machine).update()
        most = max(most, len(windows(machine)._open))
    assert most == MOST_WINDOWS
    assert machine.run(10_000_000) is StopReason.WFI
    assert (machine.x(10), machine.x(12)) == (0, 110 * 111)


def test_closed_windows_leave_no_pieces_behind(
    machine: GuestMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale_module, "MOST_REGIONS", 20)
    machine.start("scattered_pages")
    machine.cache.enable(True)
    for number in range(100):
        span = PageSpan.linear(PhysAddr(FIRST + number * APART), 8)
        machine.cache.device_write(span, np.full(8, 7, dtype=np.uint8), "engine")
        windows(machine).update()
        machine.cache.invalidate(span)
        windows(machine).update()
        assert machine.cpu._core.regions() < 30


def test_a_watch_opened_later_keeps_its_pages(machine: GuestMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale_module, "MOST_REGIONS", 0)  # everything is laid out anew at every change
    start(machine, 3, PAGE_SIZE)
    windows(machine).update()
    machine.cpu.watch(PhysAddr(FIRST + PAGE_SIZE), PAGE_SIZE, "middle")
    machine.cpu.reset(machine.label("scattered_pages"), FIRST, PAGE_SIZE, 3)
    machine.cache.enable(True)
    overtake(machine, 3, PAGE_SIZE)
    beside = PageSpan.linear(PhysAddr(FIRST - APART), 8)
    machine.cache.device_write(beside, np.ones(8, dtype=np.uint8), "engine")
    assert machine.run(1_000_000) is StopReason.WFI
    assert {touch.window for touch in machine.cpu.touches if touch.access == "read"} == {"middle"}


def test_translation_tables_in_a_window(machine: GuestMachine) -> None:
    machine.dram.words(FIRST, 1)[:] = 5
    machine.start_with_mmu("scattered_pages", x0=FIRST, x1=APART, x2=100)
    machine.run(50)  # nanoseconds, an instruction each: the caches are on by now
    assert machine.cache._filled is not None
    span = PageSpan.linear(PhysAddr(TABLES + 0x800), 64)
    machine.cache.device_write(span, np.zeros(64, dtype=np.uint8), "engine")
    assert machine.run(1_000_000) is StopReason.WFI
    assert (machine.x(10), machine.x(12)) == (5, 5)
    assert windows(machine)._open.keys() == {(TABLES, TABLES + PAGE_SIZE)}
    assert machine.cache.incidents == []


def test_the_engine_refuses_a_window_it_could_mix_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "MOST_REGIONS", 8)
    core, bank = Engine(), Bank(BASE, 1 << 20)
    core.map_memory(BASE, bank.size, bank.host_pointer)
    keep = []
    message = (
        "no room for a window of 0x1000 bytes at 0x40008000: the engine has 9 pieces of memory, "
        "and at most 8 are safe"
    )
    with pytest.raises(TooManyRegions, match=message) as caught:
        for at in range(BASE, BASE + bank.size, APART):
            core.unmap(at, PAGE_SIZE)
            keep.append(core.map_mmio(at, PAGE_SIZE, lambda *_: 0, lambda *_: None))
    assert (caught.value.base, caught.value.regions) == (BASE + 0x8000, 9)
    bank.close()


# --- the arithmetic --------------------------------------------------------

EXTENTS = [(0x10_0000, 0x18_0000), (0x18_0000, 0x20_0000), (0x21_0000, 0x28_0000)]
FRAMES = st.lists(st.integers(0xF8, 0x290), unique=True, max_size=120).map(
    lambda frames: np.array(sorted(frames), dtype=np.int64)
)


def pages(ranges: list[tuple[int, int]]) -> list[int]:
    return [page for base, end in ranges for page in range(base >> 12, end >> 12)]


@given(FRAMES)
def test_runs_are_the_pages_in_the_extents(frames: np.ndarray) -> None:
    found = runs(frames, EXTENTS)
    assert pages(found) == [
        frame for frame in frames.tolist() if any(low <= frame << 12 < high for low, high in EXTENTS)
    ]
    for base, end in found:
        assert any(low <= base < end <= high for low, high in EXTENTS)
    assert runs(frames, []) == []


@given(FRAMES, st.integers(1, 20))
def test_merging_takes_the_smallest_gaps(frames: np.ndarray, most: int) -> None:
    before = runs(frames, EXTENTS)
    after = merged(before, EXTENTS, most)
    assert set(pages(before)) <= set(pages(after))
    homes = [
        next(n for n, (low, high) in enumerate(EXTENTS) if low <= base < end <= high) for base, end in after
    ]
    assert len(after) == min(len(before), max(most, len(set(homes))))
    left = [right[0] - end for (_, end), right in zip(after, after[1:], strict=False)]
    open_gaps = [gap for gap, a, b in zip(left, homes, homes[1:], strict=False) if a == b]
    closed = [
        b[0] - a[1] for a, b in zip(before, before[1:], strict=False) if a[1] not in {e for _, e in after}
    ]
    assert not open_gaps or max(closed, default=0) <= min(open_gaps)
