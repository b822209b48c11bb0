"""ION's page pools: queues of blocks, high memory first, shrunk in whole blocks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heaps.storage.page_pool import IonPagePool, IonPagePools
from soc.memory.pages import PageAllocator

FIRST = 0x80000
FRAMES = 4096


@pytest.fixture
def pages() -> PageAllocator:
    return PageAllocator([(FIRST << 12, FRAMES << 12)])


def blocks(pages: PageAllocator, order: int, count: int) -> list[int]:
    found = [pages.alloc(order) for _ in range(count)]
    assert None not in found
    return found  # type: ignore[return-value]


def odd(frame: int) -> bool:
    """Say that every second block of order 4 is high memory."""
    return bool(frame >> 4 & 1)


def test_the_block_that_came_first_goes_first(pages: PageAllocator) -> None:
    pool = IonPagePool(pages, 4, cached=False)
    mine = blocks(pages, 4, 4)
    pool.add(mine[:3])
    assert pool.remove(1) == mine[:1]
    pool.add(mine[3:])
    assert pool.remove(9) == mine[1:]
    assert pool.remove(1) == []


def test_without_high_memory_everything_is_low(pages: PageAllocator) -> None:
    pool = IonPagePool(pages, 4, cached=True)
    pool.add(blocks(pages, 4, 3))
    assert (pool.high_count, pool.low_count) == (0, 3)
    assert (pool.total(), pool.total(highmem=False)) == (48, 48)


def test_high_memory_is_served_first_and_shrunk_last(pages: PageAllocator) -> None:
    pool = IonPagePool(pages, 4, cached=False, is_highmem=odd)
    mine = blocks(pages, 4, 6)
    pool.add(mine)
    high, low = [f for f in mine if odd(f)], [f for f in mine if not odd(f)]
    assert (pool.high_count, pool.low_count) == (3, 3)
    assert (pool.total(), pool.total(highmem=False)) == (96, 48)
    assert pool.remove(1) == high[:1]
    assert pool.shrink(48) == 48
    assert (pool.high_count, pool.low_count) == (2, 0), "low memory went"
    assert pool.shrink(1, highmem=False) == 0, "high memory is not asked for"
    assert pool.shrink(99) == 32
    assert pool.total() == 0
    assert len(low) == 3


@pytest.mark.parametrize(
    ("order", "scan", "freed"),
    [(0, 0, 0), (0, 3, 3), (0, 9, 5), (4, 1, 16), (4, 16, 16), (4, 17, 32), (8, 1, 256), (8, 9999, 1280)],
)
def test_shrink_gives_back_whole_blocks(pages: PageAllocator, order: int, scan: int, freed: int) -> None:
    pool = IonPagePool(pages, order, cached=False)
    pool.add(blocks(pages, order, 5))
    before = pages.free_frames
    assert pool.shrink(scan) == freed
    assert pages.free_frames == before + freed
    assert pool.total() == (5 << order) - freed


@pytest.fixture
def pools(pages: PageAllocator) -> Iterator[IonPagePools]:
    pools = IonPagePools(pages)
    for cached in (False, True):
        pools.of(8, cached).add(blocks(pages, 8, 1))
        pools.of(4, cached).add(blocks(pages, 4, 2))
        pools.of(0, cached).add(blocks(pages, 0, 3))
    yield pools
    pools.shrink(9999)
    assert pages.free_frames == FRAMES


def counts(pools: IonPagePools) -> list[list[int]]:
    return [[pool.low_count for pool in kind] for kind in (pools.uncached, pools.cached)]


def test_each_kind_and_order_has_a_pool(pools: IonPagePools) -> None:
    assert [(pool.order, pool.cached) for pool in pools.uncached] == [(8, False), (4, False), (0, False)]
    assert [(pool.order, pool.cached) for pool in pools.cached] == [(8, True), (4, True), (0, True)]
    assert pools.of(4, True) is pools.cached[1]
    assert counts(pools) == [[1, 2, 3], [1, 2, 3]]
    assert pools.total() == 2 * (256 + 32 + 3)


@pytest.mark.parametrize(
    ("scan", "freed", "left"),
    [
        pytest.param(0, 0, [[1, 2, 3], [1, 2, 3]], id="nothing"),
        pytest.param(1, 256, [[0, 2, 3], [1, 2, 3]], id="one page costs the uncached block of order 8"),
        pytest.param(257, 512, [[0, 2, 3], [0, 2, 3]], id="then the cached one"),
        pytest.param(513, 528, [[0, 1, 3], [0, 2, 3]], id="then order 4, uncached"),
        pytest.param(512 + 64 + 4, 580, [[0, 0, 0], [0, 0, 2]], id="single pages last"),
        pytest.param(9999, 582, [[0, 0, 0], [0, 0, 0]], id="no more than there is"),
    ],
)
def test_shrink_goes_by_order_then_by_kind(
    pools: IonPagePools, scan: int, freed: int, left: list[list[int]]
) -> None:
    assert pools.shrink(scan) == freed
    assert counts(pools) == left
