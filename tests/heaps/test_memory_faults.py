"""Every place an allocation passes is made to fail once: what was taken before it is given back."""

from __future__ import annotations

from collections.abc import Iterator
from errno import ENOMEM
from pathlib import Path

import pytest

from heaps.storage.cma import CoherentSource
from heaps.storage.memory import MemorySource
from heaps.storage.pooled import PooledSystemMemory
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from tests.heaps.all_sources import SOURCES
from tests.heaps.heap_kernel import KIB, PAGE, HeapKernel
from tests.heaps.table_blocks import blocks_of
from tests.kernel.dma_bench import DmaBoard
from tests.kernel.small_memory import MIB

SIZE = MIB // 2 + 64 * KIB + 3 * PAGE


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[HeapKernel]:
    kernel = HeapKernel(tmp_path)
    yield kernel
    assert kernel.log.warnings == []
    kernel.close()


def give_all_back(source: MemorySource) -> None:
    if isinstance(source, PooledSystemMemory):
        source.shrink(1 << 30)


PLACES = {
    "system": ["a block of order 4"] * 9 + ["3 pages", "sg_table"],
    "pooled": ["a block of order 4"] * 9 + ["3 pages", "sg_table"],
    "contig": ["a block of order 8", "sg_table"],
    "carveout": ["sg_table", "carveout: 588 KiB"],
    "chunk": ["sg_table", *(f"chunk: chunk {number} of 37" for number in range(37))],
    "cma": ["cma: 147 pages", "page array"],
}


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "uncached"])
@pytest.mark.parametrize("name", SOURCES)
def test_each_failure_leaves_everything_as_it_was(kernel: HeapKernel, name: str, cached: bool) -> None:
    source = SOURCES[name](kernel)
    before = kernel.baseline()
    failed = []
    for nth in range(1, 100):
        kernel.faults.fail_nth(nth)
        try:
            memory = source.allocate(SIZE, cached)
        except KernelError as error:
            assert error.errno == ENOMEM
            assert kernel.faults.failed is not None
        else:
            memory.give_back(shrinker=True)
            if kernel.faults.failed is None:
                break
        failed.append(kernel.faults.failed.partition(" of ")[2])
        give_all_back(source)
        assert kernel.baseline() == before
        assert source.live == 0
    assert failed == PLACES[name]


def test_an_injected_failure_says_so(kernel: HeapKernel) -> None:
    source = SOURCES["carveout"](kernel)
    kernel.faults.fail_nth(1)
    with pytest.raises(KernelError) as error:
        source.allocate(PAGE)
    assert str(error.value) == "-ENOMEM: injected failure: kmalloc of sg_table"


@pytest.mark.parametrize("name", ["system", "pooled"])
def test_without_a_block_of_a_high_order_smaller_ones_do(kernel: HeapKernel, name: str) -> None:
    source = SOURCES[name](kernel)
    kernel.faults.fail_nth(2, FaultSite.PAGE_ALLOC)
    memory = source.allocate(2 * MIB)
    assert kernel.faults.failed == "page allocation of a block of order 8"
    assert [order for _, order in blocks_of(memory.sgt)] == [8] + [4] * 16


def test_pooled_blocks_go_back_to_their_pools_when_fresh_ones_are_missing(kernel: HeapKernel) -> None:
    system = PooledSystemMemory(kernel, "system")
    system.allocate(2 * MIB + 2 * PAGE).give_back()
    kernel.faults.fail_nth(1, FaultSite.PAGE_ALLOC)
    with pytest.raises(KernelError):
        system.allocate(2 * MIB + 3 * PAGE)
    assert [pool.low_count for pool in system.pools.cached] == [2, 0, 2]
    assert kernel.memory.owners.live == []


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_coherent_memory_is_given_back(tmp_path: Path, nth: int) -> None:
    board = DmaBoard(tmp_path)
    kernel = board.kernel
    source = CoherentSource(kernel, "ion_dma_heap", board.device())
    before = kernel.memory.pages.free_blocks()
    kernel.faults.fail_nth(nth)
    with pytest.raises(KernelError) as error:
        source.allocate(5 * PAGE, cached=False)
    assert error.value.errno == ENOMEM
    assert kernel.memory.pages.free_blocks() == before
    source.allocate(5 * PAGE, cached=False).give_back()
    assert kernel.memory.pages.free_blocks() == before
    board.close()
