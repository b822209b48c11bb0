"""Fragmentation from the board file: much is free, and large blocks are not to be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from soc.errors import BadInput
from soc.kernel.errors import KernelError
from tests.kernel.small_memory import BOARD, SmallMemory

PERCENT = "dmabuf-soc,fragmentation: {}"


def worn(folder: Path, *properties: str) -> SmallMemory:
    return SmallMemory(folder, memory="\n  ".join(properties))


def test_every_pageblock_worn_means_no_order_10_though_nearly_all_is_free(tmp_path: Path) -> None:
    small = worn(tmp_path, PERCENT.format(100))
    pages = small.pages
    assert (pages.total_frames, pages.free_frames, pages.free_cma) == (7 * 1024, 7 * 1024 - 5, 2048)
    assert pages.alloc(10) is None
    assert [pages.alloc(9) is not None for _ in range(6)] == [True] * 5 + [False]
    with pytest.raises(KernelError, match="^-ENOMEM: no 1024 contiguous free pages$"):
        small.memory.alloc_pages(1024)
    assert small.memory.cma.areas[0].alloc(2048) == 0x81000
    small.close()


@pytest.mark.parametrize(("percent", "whole"), [(0, 5), (20, 4), (50, 2), (80, 1)])
def test_the_percentage_is_of_the_pageblocks_outside_cma(tmp_path: Path, percent: int, whole: int) -> None:
    small = worn(tmp_path, PERCENT.format(percent))
    blocks = [small.pages.alloc(10) for _ in range(6)]
    assert len([block for block in blocks if block is not None]) == whole
    small.close()


@pytest.mark.parametrize("order", [0, 3, 8])
def test_the_largest_order_left_can_be_chosen(tmp_path: Path, order: int) -> None:
    small = worn(tmp_path, PERCENT.format(100), f"dmabuf-soc,fragmentation-order: {order}")
    pages = small.pages
    assert pages.alloc(order + 1) is None
    kept = 5 * 1024 >> (order + 1)
    assert pages.free_frames == 7 * 1024 - kept
    assert all(pages.alloc(order) is not None for _ in range(kept))
    small.close()


def test_the_seed_decides_which_pages_are_kept(tmp_path: Path) -> None:
    maps = []
    for seed in (1, 1, 2):
        small = worn(tmp_path, PERCENT.format(60), f"dmabuf-soc,fragmentation-seed: {seed}")
        maps.append(small.views.read("/proc/buddyinfo") + str(small.pages.zones[0].state.tobytes()))
        small.close()
    assert maps[0] == maps[1]
    assert maps[0] != maps[2]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            ["dmabuf-soc,fragmentation: 101"],
            ":8: dmabuf-soc,fragmentation of /memory@80000000 must be a percentage from 0 to 100, not 101",
        ),
        (
            ["dmabuf-soc,fragmentation: 5", "dmabuf-soc,fragmentation-order: 10"],
            ":9: dmabuf-soc,fragmentation-order of /memory@80000000 must be an order from 0 to 9, not 10",
        ),
        (
            ["dmabuf-soc,fragmentaton: 50"],
            ":8: dmabuf-soc,fragmentaton of /memory@80000000 is not known: expected one of "
            "dmabuf-soc,fragmentation, dmabuf-soc,fragmentation-order, dmabuf-soc,fragmentation-seed",
        ),
        (
            ["dmabuf-soc,fragmentation: half"],
            ":8: dmabuf-soc,fragmentation: 'half' stands where a number is needed",
        ),
        (
            ["dmabuf-soc,fragmentation-seed: 1"],
            ":8: dmabuf-soc,fragmentation-seed of /memory@80000000 needs dmabuf-soc,fragmentation beside it",
        ),
    ],
)
def test_mistakes_are_reported_with_their_line(tmp_path: Path, lines: list[str], problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        worn(tmp_path, *lines)
    assert str(caught.value) == f"{tmp_path / 'board.yaml'}{problem}"


def test_a_node_that_is_no_memory_cannot_be_worn(tmp_path: Path) -> None:
    board = BOARD.replace("model: small\n", "model: small\ndmabuf-soc,fragmentation: 5\n")
    with pytest.raises(BadInput) as caught:
        SmallMemory(tmp_path, board=board)
    problem = "dmabuf-soc,fragmentation of / has no effect: it belongs into a /memory node"
    assert str(caught.value) == f"{tmp_path / 'board.yaml'}:2: {problem}"
