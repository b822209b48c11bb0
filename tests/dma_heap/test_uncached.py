"""SEMANTICS 4.3, Android: the system-uncached heap, its pools, and what is freed later."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EBUSY, ENOMEM
from pathlib import Path

import pytest

from heaps.dma_heap.deferred_free import WORKER, DeferredFree
from heaps.dma_heap.registry import POOLS_VIEW
from heaps.system.dma_heap import system_heap_create
from heaps.system_uncached.dma_heap import NAME, SystemUncachedHeap, system_uncached_heap_create
from soc.dmabuf import (
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
)
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from tests.dma_heap.bench import MIB, PAGE, HeapBench, alloc, heaps

BOTH = DmaDirection.BIDIRECTIONAL


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HeapBench]:
    bench = HeapBench(tmp_path, modules=(system_heap_create, system_uncached_heap_create))
    yield bench
    assert bench.problems() == []
    bench.close()


def deferred(bench: HeapBench) -> DeferredFree:
    return bench.kernel.subsystem(DeferredFree)


def pooled_kib(bench: HeapBench) -> int:
    return int(bench.kernel.views.read(POOLS_VIEW))


def test_it_is_ebusy_until_its_device_is_ready(tmp_path: Path) -> None:
    bench = HeapBench(tmp_path, modules=())
    app = bench.kernel.process("app")
    heap = SystemUncachedHeap(bench.kernel)
    heap.register()
    with pytest.raises(KernelError) as error:
        alloc(app, NAME, PAGE)
    assert error.value.errno == EBUSY
    heap.ready = True
    assert app.fstat(alloc(app, NAME, PAGE)).st_size == PAGE
    bench.close()


@pytest.mark.parametrize(
    ("generation", "there"), [(Generation.V4_9, False), (Generation.V6_12, True), (Generation.V6_19, True)]
)
def test_it_is_loaded_where_there_are_dma_heaps(tmp_path: Path, generation: Generation, there: bool) -> None:
    bench = HeapBench(tmp_path, generation, modules=(system_uncached_heap_create,))
    assert (NAME in heaps(bench.kernel)) is there
    bench.close()


def test_the_cpu_maps_it_write_combined_at_once(bench: HeapBench, app: Process) -> None:
    fd = alloc(app, NAME, 2 * PAGE)
    address = app.mmap(fd, 2 * PAGE)
    (vma,) = app.mm.vmas
    assert not vma.cached and (vma.frames >= 0).all()
    dmabuf = bench.get(app, fd)
    mapping = dma_buf_vmap_unlocked(dmabuf)
    assert not mapping.cached
    app.store(address, b"shared")
    assert bytes(mapping.read(0, 6)) == b"shared"
    dma_buf_vunmap_unlocked(dmabuf, mapping)
    bench.put(dmabuf)


def test_what_is_released_waits_for_the_thread_and_then_lies_in_the_pools(
    bench: HeapBench, app: Process
) -> None:
    size = MIB + (64 << 10) + PAGE
    fd = alloc(app, NAME, size)
    app.close(fd)
    assert (deferred(bench).list_nr_pages, pooled_kib(bench)) == (size // PAGE, 0)
    bench.kernel.sched.run_ready()
    assert (deferred(bench).list_nr_pages, pooled_kib(bench)) == (0, size >> 10)
    assert WORKER in {thread.name for thread in bench.kernel.sched.queue.threads}


def test_a_buffer_from_the_pools_needs_no_page_of_the_allocator(bench: HeapBench, app: Process) -> None:
    app.close(alloc(app, NAME, MIB))
    bench.kernel.sched.run_ready()
    free = bench.kernel.memory.pages.free_frames
    fd = alloc(app, NAME, MIB)
    assert bench.kernel.memory.pages.free_frames == free
    assert pooled_kib(bench) == 0
    app.close(fd)


def test_memory_that_waits_to_be_freed_is_had_at_once_by_who_is_short_of_it(
    bench: HeapBench, app: Process
) -> None:
    """Row 38 of section 9: deferred free must not make an allocation fail."""
    pages = bench.kernel.memory.pages
    half = (pages.total_frames // 2 - 64) * PAGE
    app.close(alloc(app, NAME, half))
    assert deferred(bench).list_nr_pages == half // PAGE
    left = (pages.free_frames - pages.free_cma) * PAGE
    fd = alloc(app, "system", left + half // 2)
    assert deferred(bench).list_nr_pages == 0
    assert pooled_kib(bench) == 0, "past the pools"
    app.close(fd)


def test_pools_are_emptied_for_who_is_short_of_memory(bench: HeapBench, app: Process) -> None:
    pages = bench.kernel.memory.pages
    app.close(alloc(app, NAME, 4 * MIB))
    bench.kernel.sched.run_ready()
    assert pooled_kib(bench) == 4 << 10
    fd = alloc(app, "system", (pages.free_frames - pages.free_cma) * PAGE + 3 * MIB)
    assert pooled_kib(bench) <= 1 << 10
    app.close(fd)


def test_more_than_half_of_all_ram_is_enomem_at_once(bench: HeapBench, app: Process) -> None:
    free = bench.kernel.memory.pages.free_frames
    with pytest.raises(KernelError) as error:
        alloc(app, NAME, (bench.kernel.memory.pages.total_frames // 2 + 1) * PAGE)
    assert error.value.errno == ENOMEM
    assert bench.kernel.memory.pages.free_frames == free


def test_a_device_maps_it_without_maintenance(tmp_path: Path) -> None:
    """Negative control: dirty lines that are there in spite of it stay where they are."""
    bench = HeapBench(tmp_path, modules=(system_uncached_heap_create,), cached=True)
    app = bench.kernel.process("app")
    dmabuf = bench.get(app, alloc(app, NAME, PAGE))
    (frame,) = dmabuf.priv.memory.frames().tolist()  # type: ignore[attr-defined]
    alias = bench.machine.bus.master("cpu")
    attachment = bench.attach(dmabuf, "camera")
    assert bench.cache is not None
    sgt = dma_buf_map_attachment_unlocked(attachment, BOTH)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, BOTH)
    alias.write(frame * PAGE, 4, 0x6E69_6C61)
    sgt = dma_buf_map_attachment_unlocked(attachment, BOTH)
    assert bench.engine_reads("camera", sgt, 4) == bytes(4), "nobody cleaned the linear map's line"
    dma_buf_unmap_attachment_unlocked(attachment, sgt, BOTH)
    dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)
    bench.close()


def test_nothing_pooled_reads_as_zero_kib(bench: HeapBench) -> None:
    assert bench.kernel.views.read(POOLS_VIEW) == "0\n"
