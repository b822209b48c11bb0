"""First fit over one range, with neighbours that join again."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from heaps.genpool import GenPool
from soc.address import PhysAddr

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
