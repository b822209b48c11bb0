"""First fit over one range, with neighbours that join again."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from soc.address import PhysAddr
from soc.kernel.mm.genalloc import GenPool

PAGE = 4096
BASE = PhysAddr(0xBC00_0000)


def test_first_fit_takes_the_lowest_run_that_is_long_enough() -> None:
    pool = GenPool(BASE, 8 * PAGE)
    pieces = [pool.alloc(size * PAGE) for size in (1, 2, 1, 3)]
    assert pieces == [BASE, BASE + PAGE, BASE + 3 * PAGE, BASE + 4 * PAGE]
    pool.free(PhysAddr(BASE + PAGE))
    pool.free(BASE)
    assert pool.free_runs() == [(BASE, 3 * PAGE), (BASE + 7 * PAGE, PAGE)]
    assert pool.alloc(2 * PAGE) == BASE
    assert pool.alloc(1) == BASE + 2 * PAGE, "a byte costs a page"


def test_used_and_largest_free() -> None:
    pool = GenPool(BASE, 4 * PAGE)
    assert (pool.used, pool.largest_free) == (0, 4 * PAGE)
    kept = [pool.alloc(PAGE) for _ in range(4)]
    assert (pool.used, pool.largest_free) == (4 * PAGE, 0)
    for piece in kept[::2]:
        assert piece is not None
        pool.free(piece)
    assert (pool.used, pool.largest_free) == (2 * PAGE, PAGE)
    assert pool.alloc(2 * PAGE) is None


@pytest.mark.parametrize("size", [0, -1, 5 * PAGE, 1 << 64])
def test_what_cannot_be_had_is_none(size: int) -> None:
    assert GenPool(BASE, 4 * PAGE).alloc(size) is None


def test_a_bad_free_is_refused() -> None:
    pool = GenPool(BASE, 4 * PAGE)
    assert pool.alloc(2 * PAGE) == BASE
    with pytest.raises(KeyError):
        pool.free(PhysAddr(BASE + PAGE))
    pool.free(BASE)
    with pytest.raises(KeyError):
        pool.free(BASE)
    assert pool.free_runs() == [(BASE, 4 * PAGE)]


@pytest.mark.parametrize(("base", "size"), [(BASE + 1, PAGE), (BASE, PAGE + 1)])
def test_an_unaligned_pool_is_refused(base: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not page aligned"):
        GenPool(PhysAddr(base), size)


def test_units_smaller_than_a_page_are_refused() -> None:
    with pytest.raises(ValueError, match=r"units of 2\*\*11 bytes are less than a page"):
        GenPool(BASE, PAGE, order=11)


def test_larger_units_round_pieces_up_and_leave_the_rest_of_the_range_unused() -> None:
    pool = GenPool(BASE, 11 * PAGE, order=14)
    assert (pool.unit, pool.size, pool.largest_free) == (4 * PAGE, 8 * PAGE, 8 * PAGE)
    assert [pool.alloc(PAGE), pool.alloc(4 * PAGE)] == [BASE, BASE + 4 * PAGE]
    assert pool.alloc(1) is None
    assert pool.used == 8 * PAGE


def test_pieces_lie_where_single_allocations_would_find_them() -> None:
    pool = GenPool(BASE, 12 * PAGE)
    for size in (2, 1, 3, 1, 4, 1):
        pool.alloc(size * PAGE)
    for start in (0, 3, 7):
        pool.free(PhysAddr(BASE + start * PAGE))
    assert pool.alloc_pieces(2 * PAGE, 4) == [BASE + start * PAGE for start in (0, 3, 7, 9)]
    assert pool.free_runs() == [(BASE + 5 * PAGE, PAGE)]


@pytest.mark.parametrize(("size", "count"), [(3, 3), (4, 2), (8, 2), (1, 9), (1, 0), (0, 1), (1, 1 << 70)])
def test_pieces_are_had_all_or_none(size: int, count: int) -> None:
    pool = GenPool(BASE, 8 * PAGE)
    kept = pool.alloc(PAGE)
    before = pool.free_runs()
    assert pool.alloc_pieces(size * PAGE, count) is None
    assert (pool.free_runs(), pool.used) == (before, PAGE)
    assert kept == BASE


@pytest.mark.parametrize("bad", [[0, 5], [0, 0], [0, 8]], ids=["inside a piece", "twice", "outside"])
def test_a_bad_free_of_pieces_frees_nothing(bad: list[int]) -> None:
    pool = GenPool(BASE, 8 * PAGE)
    assert pool.alloc_pieces(2 * PAGE, 3) is not None
    with pytest.raises(KeyError, match="not pieces of the pool, each once: 0xbc000000, 0xbc00"):
        pool.free_pieces([PhysAddr(BASE + start * PAGE) for start in bad])
    assert pool.used == 6 * PAGE


PAGES = 24


class PoolMachine(RuleBasedStateMachine):
    """The model is one flag per page."""

    pieces = Bundle("pieces")

    def __init__(self) -> None:
        super().__init__()
        self.pool = GenPool(BASE, PAGES * PAGE)
        self.map = [False] * PAGES

    @rule(target=pieces, size=st.integers(1, PAGES * PAGE))
    def alloc(self, size: int) -> object:
        need = -(-size // PAGE)
        fits = [i for i in range(PAGES - need + 1) if not any(self.map[i : i + need])]
        got = self.pool.alloc(size)
        if not fits:
            assert got is None
            return multiple()
        assert got == BASE + fits[0] * PAGE
        self.map[fits[0] : fits[0] + need] = [True] * need
        return (fits[0], need)

    @rule(piece=consumes(pieces))
    def free(self, piece: tuple[int, int]) -> None:
        first, count = piece
        self.pool.free(PhysAddr(BASE + first * PAGE))
        self.map[first : first + count] = [False] * count

    @rule(target=pieces, size=st.integers(1, 6), count=st.integers(1, 6))
    def alloc_pieces(self, size: int, count: int) -> object:
        taken, found = list(self.map), []
        for _ in range(count):
            fits = [i for i in range(PAGES - size + 1) if not any(taken[i : i + size])]
            found += fits[:1]
            for first in fits[:1]:
                taken[first : first + size] = [True] * size
        got = self.pool.alloc_pieces(size * PAGE, count)
        if len(found) < count:
            assert got is None
            return multiple()
        assert got == [BASE + first * PAGE for first in found]
        self.map = taken
        return multiple(*((first, size) for first in found))

    @rule(first=consumes(pieces), second=consumes(pieces))
    def free_pieces(self, first: tuple[int, int], second: tuple[int, int]) -> None:
        self.pool.free_pieces([PhysAddr(BASE + start * PAGE) for start, _ in (first, second)])
        for start, count in (first, second):
            self.map[start : start + count] = [False] * count

    @invariant()
    def runs_are_maximal(self) -> None:
        text = "".join("#" if used else "." for used in self.map)
        runs, at = [], 0
        for part in text.split("#"):
            if part:
                runs.append((BASE + at * PAGE, len(part) * PAGE))
            at += len(part) + 1
        assert self.pool.free_runs() == runs
        assert self.pool.used == sum(self.map) * PAGE
        assert self.pool.largest_free == max((size for _, size in runs), default=0)


TestPool = PoolMachine.TestCase
