"""Scattered pages as one contiguous mapping: the same bytes, and given back."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.address import PAGE_SIZE, PhysAddr
from soc.memory import window as module
from soc.memory.dram import Bank, Dram, PageSpan
from soc.memory.window import Windows
from soc.memory.window_cache import IDLE, USES_BEFORE_WINDOW

BASE = PhysAddr(0x8000_0000)
PAGES = 64


def bank() -> Bank:
    made = Bank(BASE, PAGES * PAGE_SIZE)
    made.bytes[:] = np.random.default_rng(7).integers(0, 256, made.size, dtype=np.uint8)
    return made


@given(st.lists(st.integers(0, PAGES - 1), min_size=1, max_size=20, unique=True), st.data())
def test_a_span_moved_again_and_again_reads_and_writes_the_same_bytes(
    pages: list[int], data: st.DataObject
) -> None:
    dram = Dram([bank()])
    whole = len(pages) * PAGE_SIZE
    offset = data.draw(st.integers(0, PAGE_SIZE - 1))
    size = data.draw(st.integers(1, PAGE_SIZE)) if len(pages) == 1 else whole - offset
    size = min(size, whole - offset)
    span = PageSpan.of(np.array(pages) + dram.banks[0].first_frame, offset, size)
    expected = np.concatenate([dram.banks[0].pages[page] for page in pages])[offset : offset + size].copy()
    for turn in range(USES_BEFORE_WINDOW + 2):
        assert np.array_equal(dram.read(span), expected)
        expected = np.roll(expected, 1) + np.uint8(turn)
        before = dram.banks[0].bytes.copy()
        dram.write(span, expected)
        touched = np.concatenate([np.arange(p * PAGE_SIZE, (p + 1) * PAGE_SIZE) for p in pages])[offset:][
            :size
        ]
        before[touched] = expected
        assert np.array_equal(dram.banks[0].bytes, before)


def test_a_read_through_a_window_is_no_copy() -> None:
    dram = Dram([bank()])
    span = PageSpan.of(np.array([5, 3, 9]) + dram.banks[0].first_frame, 0, 3 * PAGE_SIZE)
    for _ in range(USES_BEFORE_WINDOW):
        seen = dram.read(span)
    dram.banks[0].pages[3, 17] ^= 0xFF
    assert seen[PAGE_SIZE + 17] == dram.banks[0].pages[3, 17]


def test_a_span_moved_once_gets_no_window() -> None:
    dram = Dram([bank()])
    span = PageSpan.of(np.array([5, 3]) + dram.banks[0].first_frame, 0, 2 * PAGE_SIZE)
    seen = dram.read(span).copy()
    dram.banks[0].pages[5, 0] ^= 0xFF
    assert seen[0] != dram.banks[0].pages[5, 0]


def test_a_window_lives_as_long_as_a_view_of_it_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RUNS", 2)
    made = bank()
    windows = Windows(made.fd)
    runs = [(0, PAGE_SIZE), (2 * PAGE_SIZE, PAGE_SIZE)]
    first = windows.open(runs)
    assert first is not None
    view = first[10:20]
    del first
    gc.collect()
    assert windows.open(runs) is None, "the view still holds the mappings"
    assert np.array_equal(view, made.bytes[10:20])
    del view
    gc.collect()
    assert windows.open(runs) is not None, "the mappings were given back"


def test_without_room_for_windows_transfers_still_move_the_right_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_RUNS", 0)
    dram = Dram([bank()])
    span = PageSpan.of(np.array([5, 3, 9]) + dram.banks[0].first_frame, 100, 2 * PAGE_SIZE)
    for turn in range(2 * USES_BEFORE_WINDOW):
        data = np.full(span.size, turn + 1, dtype=np.uint8)
        dram.write(span, data)
        assert np.array_equal(dram.read(span), data)


def test_another_span_of_the_same_pages_finds_the_window() -> None:
    """A translation that was invalidated and made again is a new span."""
    dram = Dram([bank()])
    frames = np.array([5, 3, 9]) + dram.banks[0].first_frame
    for _ in range(USES_BEFORE_WINDOW):
        dram.read(PageSpan.of(frames.copy(), 0, 3 * PAGE_SIZE))
    seen = dram.read(PageSpan.of(frames.copy(), 10, 2 * PAGE_SIZE))
    dram.banks[0].pages[3, 17] ^= 0xFF
    assert seen[PAGE_SIZE + 7] == dram.banks[0].pages[3, 17]
    other = dram.read(PageSpan.of(frames[::-1].copy(), 0, 3 * PAGE_SIZE))
    assert np.array_equal(other[:PAGE_SIZE], dram.banks[0].pages[9])


def test_idle_windows_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RUNS", 2)
    dram = Dram([bank()])
    first_frame = dram.banks[0].first_frame
    old, new = (PageSpan.of(np.array(pages) + first_frame, 0, 2 * PAGE_SIZE) for pages in ([5, 3], [9, 7]))
    for _ in range(USES_BEFORE_WINDOW):
        dram.read(old)
    for _ in range(USES_BEFORE_WINDOW):
        dram.read(new)
    assert (dram._windows.has(old), dram._windows.has(new)) == (True, False), (
        "the old one was in use just now"
    )
    other = PageSpan.of(np.array([20, 11]) + first_frame, 0, 2 * PAGE_SIZE)
    for _ in range(IDLE):
        dram.read(new)
    for _ in range(USES_BEFORE_WINDOW):
        dram.read(other)
    assert (dram._windows.has(old), dram._windows.has(other)) == (False, True)
    assert np.array_equal(dram.read(old)[:PAGE_SIZE], dram.banks[0].pages[5])
