"""alloc_pages: what the flags allow, who is asked to give pages back, and what is logged at the end."""

from __future__ import annotations

from collections.abc import Iterator
from errno import ENOMEM
from pathlib import Path

import numpy as np
import pytest

from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.mm.page_alloc import GFP_HIGHUSER, HIGH_ORDER, Gfp, alloc_pages, alloc_single_pages
from soc.kernel.mm.shrinker import Shrinkers
from tests.heaps.heap_kernel import HeapKernel


class Hoard:
    """A shrinker with blocks of `order` it can do without; writes down what it was asked for."""

    def __init__(self, kernel: HeapKernel, order: int, count: int) -> None:
        self.pages = kernel.pages
        self.order = order
        self.blocks = [self.pages.alloc(order) for _ in range(count)]
        self.asked: list[int] = []

    def count_objects(self) -> int:
        return len(self.blocks) << self.order

    def scan_objects(self, nr_to_scan: int) -> int:
        self.asked.append(nr_to_scan)
        freed = 0
        while freed < nr_to_scan and self.blocks:
            block = self.blocks.pop()
            assert block is not None
            self.pages.free(block, self.order)
            freed += 1 << self.order
        return freed


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[HeapKernel]:
    kernel = HeapKernel(tmp_path)
    yield kernel
    kernel.close()


def texts(kernel: HeapKernel) -> list[str]:
    return [entry.text for entry in kernel.log.entries]


def test_shrinkers_are_asked_in_turn_until_enough_came_back(kernel: HeapKernel) -> None:
    shrinkers = Shrinkers()
    hoards = [Hoard(kernel, order, count) for order, count in ((0, 3), (2, 0), (2, 2), (0, 9))]
    for hoard in hoards:
        shrinkers.register(hoard)
    assert shrinkers.shrink(8) == 3 + 8
    assert [hoard.asked for hoard in hoards] == [[8], [], [5], []]
    shrinkers.unregister(hoards[3])
    shrinkers.unregister(hoards[3])
    assert shrinkers.shrink(8) == 0


def test_a_request_that_may_not_reclaim_takes_what_is_there(kernel: HeapKernel) -> None:
    hoard = Hoard(kernel, 4, 4)
    kernel.memory.shrinkers.register(hoard)
    kernel.small.fill()
    assert alloc_pages(kernel, 4, HIGH_ORDER) is None
    assert (hoard.asked, texts(kernel)) == ([], [])


def test_a_request_that_may_reclaim_gets_what_the_shrinkers_give_back(kernel: HeapKernel) -> None:
    hoard = Hoard(kernel, 4, 4)
    kernel.memory.shrinkers.register(hoard)
    kernel.small.fill()
    assert alloc_pages(kernel, 4, GFP_HIGHUSER) is not None
    assert hoard.asked == [16]
    assert texts(kernel) == []


def scattered(kernel: HeapKernel, count: int) -> Hoard:
    """`count` single pages, every second one of memory that is used up."""
    frames = kernel.small.fill()
    hoard = Hoard(kernel, 0, 0)
    hoard.blocks = np.sort(frames)[1::2].tolist()[:count]
    kernel.memory.shrinkers.register(hoard)
    return hoard


def test_a_small_block_is_tried_for_until_the_shrinkers_have_nothing_left(kernel: HeapKernel) -> None:
    hoard = scattered(kernel, 20)
    assert alloc_pages(kernel, 2, GFP_HIGHUSER) is None
    assert hoard.asked == [4] * 5
    assert texts(kernel) == ["swapper/0: page allocation failure: order:2"]


def test_a_large_block_is_tried_for_once(kernel: HeapKernel) -> None:
    hoard = scattered(kernel, 200)
    app = kernel.process("camera")
    with kernel.sched.running(app):
        assert alloc_pages(kernel, 4, GFP_HIGHUSER) is None
    assert hoard.asked == [16]
    assert texts(kernel) == ["camera: page allocation failure: order:4"]


def test_nowarn_says_nothing(kernel: HeapKernel) -> None:
    kernel.small.fill()
    assert alloc_pages(kernel, 0, GFP_HIGHUSER | Gfp.NOWARN) is None
    assert texts(kernel) == []


def test_single_pages_reclaim_what_is_missing(kernel: HeapKernel) -> None:
    hoard = Hoard(kernel, 4, 4)
    kernel.memory.shrinkers.register(hoard)
    free = kernel.pages.free_frames - kernel.pages.free_cma
    frames = alloc_single_pages(kernel, free + 3)
    assert frames is not None
    assert len(np.unique(frames)) == free + 3
    assert hoard.asked == [3]


def test_single_pages_end_at_the_oom_killer(kernel: HeapKernel) -> None:
    hoard = Hoard(kernel, 4, 1)
    kernel.memory.shrinkers.register(hoard)
    free = kernel.pages.free_frames - kernel.pages.free_cma
    assert alloc_single_pages(kernel, free + 17) is None
    assert kernel.pages.free_frames - kernel.pages.free_cma == free + 16
    assert texts(kernel) == [
        "swapper/0 invoked oom-killer: gfp_mask=GFP_HIGHUSER, order=0, oom_score_adj=0",
        f"Out of memory: nothing to kill that would give swapper/0 {free + 17} pages",
    ]


def test_both_are_places_for_an_injected_failure_which_is_silent(kernel: HeapKernel) -> None:
    before = kernel.baseline()
    kernel.faults.fail_nth(1, FaultSite.PAGE_ALLOC)
    assert alloc_pages(kernel, 8, GFP_HIGHUSER) is None
    assert kernel.faults.failed == "page allocation of a block of order 8"
    kernel.faults.fail_nth(1)
    assert alloc_single_pages(kernel, 3) is None
    assert kernel.faults.failed == "page allocation of 3 pages"
    assert (kernel.baseline(), texts(kernel)) == (before, [])


def test_the_kernels_own_pages_reclaim_too(kernel: HeapKernel) -> None:
    kernel.memory.shrinkers.register(Hoard(kernel, 4, 4))
    kernel.small.fill()
    addresses = {kernel.memory.alloc_pages(8) for _ in range(8)}
    assert len(addresses) == 8, "all 64 pages of the hoard"
    with pytest.raises(KernelError) as error:
        kernel.memory.alloc_pages(1)
    assert error.value.errno == ENOMEM
