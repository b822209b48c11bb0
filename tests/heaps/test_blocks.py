"""The selection of block orders: the largest that fits first, and a ceiling that only comes down."""

from __future__ import annotations

from errno import EINTR

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaps.storage.blocks import ORDERS, allocate_blocks, give_blocks
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import SgTable
from soc.memory.span import Frames
from tests.heaps.table_blocks import blocks_of


class Shelf:
    """A `BlockSource` with so many blocks of each order; writes down what is asked of it."""

    def __init__(self, eights: int = 0, fours: int = 0, singles: int = 0, batch: int = 1000) -> None:
        self.free = {8: eights, 4: fours, 0: singles}
        self.batch = batch
        self.next = {8: 1 << 20, 4: 1 << 16, 0: 1}
        self.asked: list[int] = []
        self.given: list[tuple[int, list[int]]] = []

    def take(self, order: int, most: int) -> Frames:
        self.asked.append(order)
        count = min(most, self.free[order], self.batch)
        self.free[order] -= count
        first = self.next[order]
        self.next[order] += count << order
        return np.arange(first, self.next[order], 1 << order, dtype=np.int64)

    def give(self, order: int, frames: Frames) -> None:
        self.given.append((order, frames.tolist()))
        self.free[order] += len(frames)


def orders(table: SgTable | None) -> list[int]:
    assert table is not None
    return [order for _, order in blocks_of(table)]


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (1, [0]),
        (15, [0] * 15),
        (16, [4]),
        (17, [4, 0]),
        (255, [4] * 15 + [0] * 15),
        (256, [8]),
        (273, [8, 4, 0]),
        (2 * 256 + 3 * 16 + 2, [8, 8, 4, 4, 4, 0, 0]),
    ],
    ids=str,
)
def test_with_enough_of_everything_each_order_takes_what_is_left_over_it(
    pages: int, expected: list[int]
) -> None:
    assert orders(allocate_blocks(Shelf(99, 99, 99), "test", pages)) == expected


@pytest.mark.parametrize(
    ("shelf", "pages", "expected"),
    [
        pytest.param(Shelf(1, 99, 99), 512, [8] + [4] * 16, id="the second block of order 8 is missing"),
        pytest.param(Shelf(0, 99, 99), 256, [4] * 16, id="no block of order 8"),
        pytest.param(Shelf(0, 3, 999), 256, [4] * 3 + [0] * 208, id="three of order 4, then single pages"),
        pytest.param(Shelf(0, 0, 999), 20, [0] * 20, id="single pages only"),
    ],
)
def test_an_order_that_has_run_out_is_made_up_by_smaller_ones(
    shelf: Shelf, pages: int, expected: list[int]
) -> None:
    assert orders(allocate_blocks(shelf, "test", pages)) == expected


def test_the_ceiling_never_rises() -> None:
    shelf = Shelf(1, 1, 9999, batch=7)
    table = allocate_blocks(shelf, "test", 600)
    assert orders(table) == [8, 4] + [0] * 328
    assert shelf.asked == sorted(shelf.asked, reverse=True)


def test_each_block_is_an_entry_of_its_own_even_where_they_meet_in_memory() -> None:
    table = allocate_blocks(Shelf(2, 1, 3), "test", 2 * 256 + 16 + 3)
    assert table is not None
    assert [start >> 12 for start in table.starts.tolist()] == [
        1 << 20,
        (1 << 20) + 256,
        1 << 16,
        1,
        2,
        3,
    ]
    assert table.lengths.tolist() == [1 << 20, 1 << 20, 1 << 16, 4096, 4096, 4096]
    assert table.size == (2 * 256 + 16 + 3) * 4096
    assert table.nents == 0, "nobody has mapped it"


def test_all_is_given_back_when_the_source_runs_out() -> None:
    shelf = Shelf(2, 3, 5, batch=2)
    before = dict(shelf.free)
    assert allocate_blocks(shelf, "test", 2 * 256 + 3 * 16 + 6) is None
    assert shelf.free == before
    assert [order for order, _ in shelf.given] == [8, 8, 4, 4, 4, 0, 0, 0]


def test_a_killed_task_gives_everything_back_and_gets_eintr() -> None:
    shelf = Shelf(9, 9, 9)
    calls = iter([False, False, True])
    with pytest.raises(KernelError) as error:
        allocate_blocks(shelf, "test", 3 * 256, killed=lambda: next(calls))
    assert error.value.errno == EINTR
    assert str(error.value) == "-EINTR: test: killed with 256 of 768 pages to go"
    assert shelf.free == {8: 9, 4: 9, 0: 9}


def test_give_blocks_hands_back_each_block_with_its_order() -> None:
    shelf = Shelf(1, 2, 3)
    table = allocate_blocks(shelf, "test", 256 + 32 + 3)
    assert table is not None
    give_blocks(shelf, table)
    assert shelf.given == [(8, [1 << 20]), (4, [1 << 16, (1 << 16) + 16]), (0, [1, 2, 3])]


def plain(free: dict[int, int], pages: int) -> list[int] | None:
    """The rule block by block, as the kernel's loop has it."""
    free, ceiling, found = dict(free), ORDERS[0], []
    while pages:
        fitting = [order for order in ORDERS if order <= ceiling and 1 << order <= pages and free[order]]
        if not fitting:
            return None
        ceiling = fitting[0]
        free[ceiling] -= 1
        pages -= 1 << ceiling
        found.append(ceiling)
    return found


@given(st.integers(0, 3), st.integers(0, 20), st.integers(0, 300), st.integers(1, 1000), st.integers(1, 300))
def test_the_same_blocks_as_the_plain_loop(
    eights: int, fours: int, singles: int, pages: int, batch: int
) -> None:
    shelf = Shelf(eights, fours, singles, batch)
    expected = plain(shelf.free, pages)
    table = allocate_blocks(shelf, "test", pages)
    assert (None if table is None else orders(table)) == expected
    taken = [] if table is None else orders(table)
    assert shelf.free == {
        8: eights - taken.count(8),
        4: fours - taken.count(4),
        0: singles - taken.count(0),
    }
