"""Scratch memory: used again when it is free, never while somebody looks at it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from soc.memory.scratch import MOST_BUFFERS, Scratch

PAGE = np.dtype("V4096")


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def test_memory_is_used_again():
    scratch = Scratch(PAGE)
    first = scratch.take(8)
    where = address(first)
    del first
    assert address(scratch.take(5)) == where


def test_a_view_of_a_view_keeps_it():
    scratch = Scratch(PAGE)
    view = scratch.take(8).view(np.uint8).reshape(-1, 4096)[2:, 64:].reshape(-1)[10:20]
    view[:] = 7
    other = scratch.take(8)
    other.view(np.uint8)[:] = 9
    assert view.tolist() == [7] * 10


def test_only_so_many_are_kept():
    scratch = Scratch(PAGE)
    held = [scratch.take(1) for _ in range(MOST_BUFFERS + 3)]
    assert len({address(array) for array in held}) == MOST_BUFFERS + 3
    assert len(scratch._buffers) == MOST_BUFFERS


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=30))
def test_nobody_shares_with_anybody(steps):
    scratch = Scratch(PAGE)
    held: list[tuple[np.ndarray, int]] = []
    for number, (pages, keep) in enumerate(steps):
        array = scratch.take(pages).view(np.uint8)
        assert array.size == pages * 4096
        array[:] = number
        if keep:
            held.append((array, number))
        elif held:
            held.pop(0)
        assert all((kept == mark).all() for kept, mark in held)
