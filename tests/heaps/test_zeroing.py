"""No owner sees what another left: in any heap, whoever wrote it, in the cache or behind it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.heaps.all_sources import SOURCES
from tests.heaps.heap_kernel import KIB, PAGE, HeapKernel
from tests.kernel.small_memory import MIB

KINDS = {"uncached": False, "cached": True}
SIZE = 64 * KIB + 3 * PAGE


@pytest.fixture(params=[True, False], ids=["with a cache", "without"])
def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HeapKernel]:
    kernel = HeapKernel(tmp_path, cached=request.param)
    yield kernel
    assert kernel.log.warnings == []
    assert kernel.cache is None or kernel.cache.incidents == []
    kernel.close()


@pytest.mark.parametrize("writer", ["cpu", "device", "both"])
@pytest.mark.parametrize(("first", "second"), list(product(KINDS, KINDS)))
@pytest.mark.parametrize("name", SOURCES)
def test_the_next_owner_sees_zeros(
    kernel: HeapKernel, name: str, first: str, second: str, writer: str
) -> None:
    """The bytes of the last owner lie in dirty lines, in DRAM behind stale lines, or in both."""
    source = SOURCES[name](kernel)
    memory = source.allocate(SIZE, KINDS[first])
    if writer in ("cpu", "both"):
        kernel.fill(memory, 0x5A)
    if writer in ("device", "both"):
        kernel.fill(memory, 0xA5, by_device=True)
    memory.give_back()
    again = source.allocate(SIZE, KINDS[second])
    if name != "pooled" or first == second:
        assert again.frames().tolist() == memory.frames().tolist(), "or this would show nothing"
    assert not kernel.cpu_sees(again).any()
    if source.dram_is_clean or second == "uncached":
        assert not kernel.dram_has(again).any()
        for span in again.sgt.spans:
            assert not kernel.device.read_span(span).any()
            assert not kernel.cpu.read_span(span).any()


@pytest.mark.parametrize("last", ["system", "pooled", "contig", "cma"])
@pytest.mark.parametrize("name", ["system", "pooled", "contig"])
def test_memory_that_went_through_the_page_allocator_shows_nothing_of_another_heap(
    kernel: HeapKernel, last: str, name: str
) -> None:
    before = SOURCES[last](kernel)
    held = [before.allocate(MIB) for _ in range(8)]
    for number, memory in enumerate(held):
        kernel.fill(memory, 0x11 * (number + 1), by_device=bool(number % 2))
    for memory in held:
        memory.give_back(shrinker=True)
    source = SOURCES[name](kernel)
    taken = [source.allocate(MIB, cached) for cached in (True, False) * 4]
    if last != "cma":
        assert {int(m.frames()[0]) for m in taken} & {int(m.frames()[0]) for m in held}
    for memory in taken:
        assert not kernel.cpu_sees(memory).any()
        if source.dram_is_clean or not memory.cached:
            assert not kernel.dram_has(memory).any()


def test_what_the_cma_heap_lends_out_in_between_does_not_show(kernel: HeapKernel) -> None:
    source = SOURCES["cma"](kernel)
    kernel.small.fill()
    app = kernel.small.movable(2048)
    kernel.pages.movable.free(app)
    memory = source.allocate(8 * MIB)
    assert not kernel.cpu_sees(memory).any()


@pytest.mark.parametrize("name", ["system", "cma"])
def test_cached_memory_of_a_dma_heap_is_zero_to_the_cpu_and_to_a_device_after_its_first_map(
    tmp_path: Path, name: str
) -> None:
    """Its zeros may still be in the cache, as in Linux: mapping for a device cleans it."""
    kernel = HeapKernel(tmp_path)
    source = SOURCES[name](kernel)
    memory = source.allocate(MIB)
    kernel.fill(memory, 0xA5, by_device=True)
    memory.give_back()
    again = source.allocate(MIB)
    assert not kernel.cpu_sees(again).any()
    assert (kernel.dram_has(again) == 0xA5).all()
    assert kernel.cache is not None
    for span in again.sgt.spans:
        kernel.cache.clean(span)
    assert not kernel.dram_has(again).any()
    kernel.close()


@pytest.mark.parametrize("name", SOURCES)
def test_clearing_is_the_cpus_traffic_and_nobody_elses(tmp_path: Path, name: str) -> None:
    kernel = HeapKernel(tmp_path)
    source = SOURCES[name](kernel)
    before = kernel.cpu.traffic.total()
    source.allocate(MIB).give_back()
    read, written = kernel.cpu.traffic.total()
    assert read == before[0]
    times = 2 if name == "pooled" else 1
    assert written - before[1] == times * MIB
    assert kernel.device.traffic.total() == (0, 0)
    kernel.close()
