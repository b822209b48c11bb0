"""Blocks that are split into pages, and who hears of what is taken and given back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.memory.pages import BadFree, PageAllocator

FIRST = 0x80000
FRAMES = 4096
CMA = ((FIRST + 2048) << 12, 1024 << 12)


@pytest.fixture
def pages() -> PageAllocator:
    return PageAllocator([(FIRST << 12, FRAMES << 12)], cma=[CMA])


def run(first: int, count: int) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.int64)


@given(order=st.integers(0, 10), data=st.data())
def test_a_split_block_is_given_back_page_by_page(order: int, data: st.DataObject) -> None:
    pages = PageAllocator([(FIRST << 12, FRAMES << 12)])
    before = pages.free_blocks()
    frame = pages.alloc(order)
    assert frame is not None
    pages.split(frame, order)
    kept = data.draw(st.integers(0, 1 << order))
    pages.free_pages(run(frame + kept, (1 << order) - kept))
    assert pages.free_frames == FRAMES - kept
    pages.free_pages(run(frame, kept)[::-1])
    assert pages.free_blocks() == before


def test_a_split_block_cannot_be_given_back_as_one(pages: PageAllocator) -> None:
    frame = pages.alloc(3)
    assert frame is not None
    pages.split(frame, 3)
    with pytest.raises(BadFree):
        pages.free(frame, 3)
    pages.free(frame)


@pytest.mark.parametrize(("shift", "order"), [(0, 2), (0, 4), (1, 3), (8, 3), (-FIRST, 3)])
def test_only_an_allocated_block_can_be_split(pages: PageAllocator, shift: int, order: int) -> None:
    frame = pages.alloc(3)
    assert frame is not None
    with pytest.raises(BadFree):
        pages.split(frame + shift, order)
    pages.free(frame, 3)


TAKERS: dict[str, Callable[[PageAllocator], object]] = {
    "alloc": lambda pages: pages.alloc(5),
    "alloc_pages": lambda pages: pages.alloc_pages(37),
    "movable": lambda pages: pages.alloc_movable(1037, "app"),
    "range": lambda pages: pages.take_range(FIRST + 2050, 99),
    "keep": lambda pages: pages.keep(FIRST + 17),
}


@pytest.mark.parametrize("name", TAKERS)
def test_whoever_takes_pages_is_heard_of_once_for_each(pages: PageAllocator, name: str) -> None:
    heard: list[int] = []
    pages.taken = lambda first, count: heard.extend(range(first, first + count))
    assert TAKERS[name](pages) is not None
    assert len(set(heard)) == len(heard) == FRAMES - pages.free_frames
    if name == "range":
        assert heard == list(range(FIRST + 2050, FIRST + 2149))


def test_what_was_not_to_be_had_is_not_heard_of(pages: PageAllocator) -> None:
    heard: list[int] = []
    pages.taken = lambda first, count: heard.append(first)
    assert pages.alloc(11) is None
    assert pages.alloc_pages(FRAMES - 1023) is None
    assert pages.alloc_movable(FRAMES + 1, "app") is None
    pages.alloc(0, below=0)
    assert heard == []
    frame = pages.alloc()
    assert frame is not None
    assert not pages.keep(frame)
    assert not pages.take_range(frame, 2)
    assert heard == [frame]
