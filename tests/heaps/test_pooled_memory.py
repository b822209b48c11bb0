"""The memory of ION's system heap: pools of cleared blocks in front of the page allocator."""

from __future__ import annotations

from collections.abc import Iterator
from errno import ENOMEM
from pathlib import Path

import pytest

from heaps.storage.memory import HeapMemory
from heaps.storage.pooled import PooledSystemMemory
from soc.kernel.errors import KernelError
from tests.heaps.heap_kernel import KIB, PAGE, HeapKernel
from tests.heaps.table_blocks import blocks_of
from tests.kernel.small_memory import MIB


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[HeapKernel]:
    kernel = HeapKernel(tmp_path)
    yield kernel
    assert kernel.log.warnings == []
    kernel.close()


@pytest.fixture
def system(kernel: HeapKernel) -> PooledSystemMemory:
    return PooledSystemMemory(kernel, "system")


def pooled(system: PooledSystemMemory) -> dict[str, list[int]]:
    """Blocks of orders 8, 4, 0 in the pools."""
    pools = {"uncached": system.pools.uncached, "cached": system.pools.cached}
    return {kind: [pool.low_count for pool in mine] for kind, mine in pools.items()}


def blocks(memory: HeapMemory) -> list[tuple[int, int]]:
    return blocks_of(memory.sgt)


@pytest.mark.parametrize("cached", [False, True], ids=["uncached", "cached"])
def test_a_freed_buffer_goes_to_the_pools_of_its_kind_and_comes_back_from_there(
    kernel: HeapKernel, system: PooledSystemMemory, cached: bool
) -> None:
    first = system.allocate(MIB + 64 * KIB + 2 * PAGE, cached)
    free = kernel.pages.free_frames
    first.give_back()
    mine, other = ("cached", "uncached") if cached else ("uncached", "cached")
    assert pooled(system) == {mine: [1, 1, 2], other: [0, 0, 0]}
    assert kernel.pages.free_frames == free, "the page allocator got nothing"
    second = system.allocate(MIB + 64 * KIB + 2 * PAGE, cached)
    assert blocks(second) == blocks(first)
    assert system.pools.total() == 0


def test_the_other_kind_gets_fresh_pages(kernel: HeapKernel, system: PooledSystemMemory) -> None:
    system.allocate(MIB, cached=True).give_back()
    free = kernel.pages.free_frames
    system.allocate(MIB, cached=False)
    assert pooled(system) == {"uncached": [0, 0, 0], "cached": [1, 0, 0]}
    assert kernel.pages.free_frames == free - 256


def test_pooled_single_pages_come_before_fresh_ones(system: PooledSystemMemory) -> None:
    small = system.allocate(3 * PAGE)
    small.give_back()
    large = system.allocate(5 * PAGE)
    assert blocks(large)[:3] == blocks(small)
    assert len(set(large.frames().tolist())) == 5


def test_a_fresh_block_of_a_higher_order_comes_before_pooled_lower_ones(system: PooledSystemMemory) -> None:
    system.allocate(15 * 64 * KIB).give_back()
    assert [order for _, order in blocks(system.allocate(MIB))] == [8]
    assert pooled(system)["cached"] == [0, 15, 0]


def test_more_than_half_of_all_ram_is_refused_at_once(kernel: HeapKernel, system: PooledSystemMemory) -> None:
    half = kernel.pages.total_frames // 2 * PAGE
    before = kernel.baseline()
    with pytest.raises(KernelError) as error:
        system.allocate(half + PAGE)
    assert error.value.errno == ENOMEM
    assert str(error.value) == (
        "-ENOMEM: system: no 13828 KiB, more than half of 27 MiB of RAM: "
        "19 MiB of 19 MiB are free, the largest run is 4 MiB"
    )
    assert kernel.baseline() == before
    assert kernel.log.entries == []
    assert system.allocate(half).size == half, "half of it is had"


def test_a_failed_allocation_leaves_its_blocks_in_the_pools_cleared(
    kernel: HeapKernel, system: PooledSystemMemory
) -> None:
    held = system.allocate(13 * MIB)
    kernel.fill(held, 0xAA)
    held.give_back(shrinker=True)
    other = PooledSystemMemory(kernel, "other").allocate(13 * MIB)
    with pytest.raises(KernelError) as error:
        system.allocate(8 * MIB, cached=False)
    assert str(error.value) == (
        "-ENOMEM: system: no 8 MiB in pages: 0 B of 19 MiB are free, the largest run is 0 B, "
        "6 MiB are in its pools"
    )
    assert pooled(system) == {"uncached": [6, 0, 0], "cached": [0, 0, 0]}
    assert [entry.text.split(":")[0] for entry in kernel.log.entries] == [
        "swapper/0",
        "swapper/0 invoked oom-killer",
        "Out of memory",
    ]
    assert kernel.log.entries[0].text == "swapper/0: page allocation failure: order:4"
    again = system.allocate(6 * MIB, cached=False)
    assert not kernel.cpu_sees(again).any()
    assert not kernel.dram_has(again).any()
    other.give_back()


def test_freed_by_the_shrinker_pages_bypass_the_pools_and_are_not_cleared(
    kernel: HeapKernel, system: PooledSystemMemory
) -> None:
    before = kernel.baseline()
    memory = system.allocate(MIB + PAGE)
    kernel.fill(memory, 0xAA)
    wrote = kernel.cpu.traffic.total()
    memory.give_back(shrinker=True)
    assert kernel.cpu.traffic.total() == wrote
    assert system.pools.total() == 0
    assert kernel.baseline() == before


def test_shrink_with_nothing_to_scan_counts(kernel: HeapKernel, system: PooledSystemMemory) -> None:
    system.allocate(MIB + PAGE).give_back()
    system.allocate(MIB, cached=False).give_back()
    assert system.shrink(0) == 513
    assert system.shrink(1) == 256
    assert system.shrink(0) == 257
    assert pooled(system) == {"uncached": [0, 0, 0], "cached": [1, 0, 1]}
    assert system.shrink(9999) == 257
    assert kernel.pages.free_frames == kernel.pages.total_frames


class SystemShrinker:
    """What ION registers for the heap."""

    def __init__(self, system: PooledSystemMemory) -> None:
        self.system = system

    def count_objects(self) -> int:
        return self.system.shrink(0)

    def scan_objects(self, nr_to_scan: int) -> int:
        return self.system.shrink(nr_to_scan)


def test_memory_kept_in_the_wrong_pool_is_had_back_through_the_shrinker(
    kernel: HeapKernel, system: PooledSystemMemory
) -> None:
    """All memory is in the cached pools; an uncached buffer still gets pages."""
    first, second = system.allocate(13 * MIB), system.allocate(6 * MIB)
    first.give_back()
    second.give_back()
    assert kernel.pages.free_frames == kernel.pages.free_cma
    with pytest.raises(KernelError):
        system.allocate(PAGE, cached=False)
    kernel.memory.shrinkers.register(SystemShrinker(system))
    memory = system.allocate(2 * MIB, cached=False)
    assert [order for _, order in blocks(memory)] == [4] * 32, "order 8 asks nobody to give pages back"
    assert pooled(system)["cached"] == [17, 0, 0]


def test_memory_has_no_line_that_differs_when_it_comes_and_when_it_goes(
    kernel: HeapKernel, system: PooledSystemMemory
) -> None:
    assert kernel.cache is not None
    for cached in (False, True):
        for _ in range(2):
            memory = system.allocate(MIB, cached)
            dirty, stale = kernel.cache.state(memory.frames())
            assert not (dirty | stale).any()
            kernel.fill(memory, 0x55)
            memory.give_back()
            dirty, _ = kernel.cache.state(memory.frames())
            assert not dirty.any()
