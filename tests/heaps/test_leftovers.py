"""The checker of what heaps promise to be zero: heaps that forget to clear are found, sound ones are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import heaps.storage.pooled
import heaps.storage.system
from heaps.storage.memory import HeapMemory, MemorySource
from heaps.storage.pooled import PooledSystemMemory
from heaps.storage.region import CarveoutMemory, ChunkMemory
from soc.kernel.mm.clear import clear
from tests.heaps.all_sources import CHUNK, SOURCES
from tests.heaps.heap_kernel import CARVEOUT_BASE, CARVEOUT_SIZE, PAGE, HeapKernel, linear
from tests.kernel.small_memory import MIB


@pytest.fixture(params=[True, False], ids=["with a cache", "without"])
def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HeapKernel]:
    kernel = HeapKernel(tmp_path, cached=request.param)
    yield kernel
    kernel.close()


def reuse(kernel: HeapKernel, source: MemorySource, size: int = 4 * PAGE, cached: bool = True) -> HeapMemory:
    """A buffer that is given back full of bytes, and the next one."""
    memory = source.allocate(size, cached)
    memory.belongs_to("dma-buf 3")
    kernel.fill(memory, 0x5A)
    memory.give_back()
    return source.allocate(size, cached)


class ForgetfulCarveout(CarveoutMemory):
    """Does not clear a buffer that is gone (the heap before the fix)."""

    keeps_memory = False


class ForgetfulChunks(ChunkMemory):
    keeps_memory = False


class ForgetfulPools(PooledSystemMemory):
    keeps_memory = False


FORGETFUL = {
    "carveout": lambda kernel: ForgetfulCarveout(kernel, "carveout", CARVEOUT_BASE, CARVEOUT_SIZE),
    "chunk": lambda kernel: ForgetfulChunks(kernel, "chunk", CARVEOUT_BASE, CARVEOUT_SIZE, CHUNK),
    "pooled": lambda kernel: ForgetfulPools(kernel, "pooled"),
}


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "uncached"])
@pytest.mark.parametrize("name", FORGETFUL)
def test_a_heap_that_keeps_memory_without_clearing_it_is_found(
    kernel: HeapKernel, name: str, cached: bool
) -> None:
    memory = reuse(kernel, FORGETFUL[name](kernel), cached=cached)
    assert kernel.log.warnings == [
        f"{name}: buffer 2 contains bytes of its previous owner dma-buf 3 of heap {name}, from offset 0x0 on"
    ]
    assert (kernel.cpu_sees(memory) == 0x5A).all(), "and it was true"


@pytest.mark.parametrize(
    ("name", "module", "clears"),
    [("system", heaps.storage.system, "zero_fresh"), ("pooled", heaps.storage.pooled, "zero_for_device")],
)
def test_a_heap_that_takes_pages_without_clearing_them_is_found(
    kernel: HeapKernel, name: str, module: object, clears: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages have been the page allocator's in between."""
    first = SOURCES["contig"](kernel).allocate(MIB)
    first.belongs_to("dma-buf 3")
    kernel.fill(first, 0x5A)
    first.give_back()
    monkeypatch.setattr(module, clears, lambda *arguments: None)
    SOURCES[name](kernel).allocate(MIB)
    assert kernel.log.warnings == [
        f"{name}: buffer 1 contains bytes of its previous owner dma-buf 3 of heap contig, from offset 0x0 on"
    ]


@pytest.mark.parametrize("offset", [0, 1, PAGE - 1, 3 * PAGE + 77, MIB - 1, MIB + 5 * PAGE + 4095], ids=hex)
def test_one_byte_is_enough(kernel: HeapKernel, offset: int) -> None:
    system = ForgetfulPools(kernel, "system")
    memory = system.allocate(MIB + 6 * PAGE)
    memory.belongs_to("dma-buf 3")
    frame = int(memory.frames()[offset // PAGE])
    kernel.cpu.write_span(linear((frame << 12) + offset % PAGE, 1), kernel.dram.view(0x8000_0000, 1) * 0 + 1)
    memory.give_back()
    system.allocate(MIB + 6 * PAGE)
    assert kernel.log.warnings == [
        "system: buffer 2 contains bytes of its previous owner dma-buf 3 of heap system, "
        f"from offset {offset:#x} on"
    ]


def test_bytes_that_no_buffer_left_are_found_as_well(kernel: HeapKernel) -> None:
    carveout = SOURCES["carveout"](kernel)
    span = linear(CARVEOUT_BASE + PAGE, 1)
    kernel.cpu.write_span(span, kernel.dram.view(CARVEOUT_BASE, 1) + 1)
    carveout.allocate(2 * PAGE)
    assert kernel.log.warnings == [
        "carveout: buffer 1 contains bytes of its previous owner (no buffer), from offset 0x1000 on"
    ]


class Unclean(CarveoutMemory):
    """Clears through the cache and leaves it at that: DRAM keeps the bytes."""

    def _clear(self, memory: HeapMemory, shrinker: bool) -> None:
        for span in memory.sgt.spans:
            self.kernel.cache.forget(span.frames)
            clear(self.kernel.cpu, span)


def test_zeros_that_are_only_in_the_cache_are_not_enough_for_a_device(tmp_path: Path) -> None:
    kernel = HeapKernel(tmp_path)
    carveout = Unclean(kernel, "carveout", CARVEOUT_BASE, CARVEOUT_SIZE)
    memory = carveout.allocate(PAGE)
    kernel.fill(memory, 0x5A, by_device=True)
    memory.give_back()
    again = carveout.allocate(PAGE)
    assert kernel.log.warnings == [
        "carveout: buffer 2 contains bytes of its previous owner buffer 1 of heap carveout, "
        "from offset 0x0 on, in DRAM behind the CPU's cache"
    ]
    assert (kernel.dram_has(again) == 0x5A).all()
    kernel.close()


@pytest.mark.parametrize("name", SOURCES)
def test_the_heaps_themselves_leave_nothing(kernel: HeapKernel, name: str) -> None:
    source = SOURCES[name](kernel)
    for cached in (True, False):
        reuse(kernel, source, 200 * PAGE, cached).give_back()
    assert kernel.log.warnings == []


def test_it_can_be_switched_off(kernel: HeapKernel) -> None:
    kernel.memory.owners.look_for_leftovers = False
    reuse(kernel, FORGETFUL["carveout"](kernel))
    assert kernel.log.warnings == []


def test_looking_is_in_nobodys_books(kernel: HeapKernel) -> None:
    carveout = SOURCES["carveout"](kernel)
    before = kernel.cpu.traffic.total()
    carveout.allocate(MIB)
    assert kernel.cpu.traffic.total() == before


@pytest.mark.parametrize("name", SOURCES)
def test_a_device_that_goes_on_after_the_free_is_named(tmp_path: Path, name: str) -> None:
    """The camera was not stopped when its buffer was given back; the next buffer gets the same pages."""
    kernel = HeapKernel(tmp_path, cached=False)
    source = SOURCES[name](kernel)
    memory = source.allocate(MIB)
    memory.belongs_to("dma-buf 3")
    kernel.fill(memory, 0x5A, by_device=True)
    span = memory.sgt.spans[0]
    memory.give_back()
    kernel.device.write_span(linear(span.address, PAGE), kernel.dram.view(span.address, PAGE) | 1)
    source.allocate(MIB)
    late = f"camera wrote 4096 bytes on a freed page of dma-buf 3 of heap {name}, at {span.address:#x}"
    assert f"use after free: {late}" in kernel.log.warnings
    kernel.close()


@pytest.mark.parametrize("name", SOURCES)
def test_a_device_that_stops_in_time_is_not(tmp_path: Path, name: str) -> None:
    kernel = HeapKernel(tmp_path, cached=False)
    source = SOURCES[name](kernel)
    for _ in range(3):
        memory = source.allocate(MIB)
        kernel.fill(memory, 0x5A, by_device=True)
        memory.give_back()
        assert kernel.memory.owners.audit() == []
    assert kernel.log.warnings == []
    kernel.close()
