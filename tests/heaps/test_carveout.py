"""The carveout heap on real DRAM: zeroing, fragmentation, mapping, release, and as a dma-heap."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EINVAL, EIO, ENOMEM
from pathlib import Path

import numpy as np
import pytest

from heaps.carveout import CarveoutHeap
from heaps.dma_heap import HeapBuffer
from soc.address import PhysAddr
from soc.dmabuf import (
    DmaBuf,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_fd,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
)
from soc.dmabuf.ledger import leaked, references
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection
from tests.dma_heap.bench import PAGE, HeapBench, alloc

BASE = PhysAddr(0x81C0_0000)
SIZE = 16 * PAGE
TO = DmaDirection.TO_DEVICE
REGION = "  ion@81c00000: {{compatible: ion-region, reg: [[0x81c00000, 64K]]{more}}}\n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HeapBench]:
    bench = HeapBench(tmp_path, regions=REGION.format(more=""), modules=())
    yield bench
    bench.close()


@pytest.fixture
def heap(bench: HeapBench) -> CarveoutHeap:
    return CarveoutHeap(bench.kernel, "carveout", BASE, SIZE)


def memory(dmabuf: DmaBuf) -> tuple[int, int]:
    assert isinstance(dmabuf.priv, HeapBuffer)
    (start,), (length,) = dmabuf.priv.memory.sgt.starts.tolist(), dmabuf.priv.memory.sgt.lengths.tolist()
    return start, length


def put(dmabuf: DmaBuf) -> None:
    dma_buf_put(dmabuf, dmabuf.exporter)


def view(bench: HeapBench, offset: int, size: int) -> np.ndarray:
    """DRAM of the region, to look at and to write."""
    return bench.machine.dram.view(PhysAddr(BASE + offset), size)


def test_allocate_exports_contiguous_whole_pages(bench: HeapBench, heap: CarveoutHeap) -> None:
    first, second = heap.allocate(1), heap.allocate(2 * PAGE)
    assert [memory(first), memory(second)] == [(BASE, PAGE), (BASE + PAGE, 2 * PAGE)]
    assert (first.size, first.exp_name, first.file.held_by()) == (PAGE, "carveout", "kernel carveout")
    assert first.ino != second.ino
    assert (heap.size, heap.used, heap.largest_free) == (SIZE, 3 * PAGE, 13 * PAGE)
    assert [entry.size for entry in references(bench.kernel)] == [PAGE, 2 * PAGE]


@pytest.mark.parametrize("size", [0, -4096])
def test_no_bytes_is_einval(heap: CarveoutHeap, size: int) -> None:
    with pytest.raises(KernelError) as error:
        heap.allocate(size)
    assert error.value.errno == EINVAL
    assert str(error.value) == f"-EINVAL: carveout: a buffer of {size} bytes was asked for"


def test_a_fragmented_heap_is_enomem_and_says_why(heap: CarveoutHeap) -> None:
    buffers = [heap.allocate(PAGE) for _ in range(16)]
    for dmabuf in buffers[::2]:
        put(dmabuf)
    with pytest.raises(KernelError) as error:
        heap.allocate(2 * PAGE)
    assert error.value.errno == ENOMEM
    assert str(error.value) == (
        "-ENOMEM: carveout: no 8 KiB in one run: 32 KiB of 64 KiB are free, the largest run is 4 KiB"
    )
    put(buffers[1])
    assert memory(heap.allocate(3 * PAGE)) == (BASE, 3 * PAGE)


@pytest.mark.parametrize("size", [SIZE + 1, 1 << 62])
def test_more_than_the_region_is_enomem(heap: CarveoutHeap, size: int) -> None:
    with pytest.raises(KernelError) as error:
        heap.allocate(size)
    assert error.value.errno == ENOMEM
    assert heap.used == 0


def test_a_region_that_is_not_whole_pages_is_refused(bench: HeapBench) -> None:
    with pytest.raises(ValueError, match="0x81c00000\\+0x800 is not page aligned"):
        CarveoutHeap(bench.kernel, "carveout", BASE, 2048)


def test_memory_is_cleared_at_creation_and_nothing_beside_it(bench: HeapBench) -> None:
    everything = view(bench, 0, SIZE)
    everything[:] = 0xAA
    CarveoutHeap(bench.kernel, "carveout", PhysAddr(BASE + PAGE), 2 * PAGE)
    cleared = np.flatnonzero(everything == 0)
    assert (cleared[0], cleared[-1], len(cleared)) == (PAGE, 3 * PAGE - 1, 2 * PAGE)


def test_the_next_owner_sees_nothing_of_the_last(bench: HeapBench, heap: CarveoutHeap) -> None:
    dmabuf = heap.allocate(3 * PAGE)
    mine, beside = view(bench, 0, 3 * PAGE), view(bench, 3 * PAGE, PAGE)
    mine[:], beside[:] = 0x5A, 0x77
    put(dmabuf)
    assert not mine.any()
    assert (beside == 0x77).all()
    assert heap.used == 0


def test_clearing_is_booked_as_traffic_of_the_cpu(bench: HeapBench) -> None:
    before = bench.kernel.cpu.traffic.total()[1]
    heap = CarveoutHeap(bench.kernel, "carveout", BASE, SIZE)
    assert bench.kernel.cpu.traffic.total()[1] - before == SIZE
    dmabuf = heap.allocate(2 * PAGE)
    assert bench.kernel.cpu.traffic.total()[1] - before == SIZE, "not at allocation"
    put(dmabuf)
    assert bench.kernel.cpu.traffic.total()[1] - before == SIZE + 2 * PAGE


def test_each_attachment_gets_a_table_of_its_own(bench: HeapBench, heap: CarveoutHeap) -> None:
    dmabuf = heap.allocate(2 * PAGE)
    tables = []
    for label in ("camera", "display"):
        attachment = dma_buf_attach(dmabuf, bench.device(label))
        tables.append((attachment, dma_buf_map_attachment_unlocked(attachment, TO)))
    (first, one), (second, two) = tables
    assert one is not two
    for table in (one, two):
        assert table.dma_address.tolist() == [BASE]
        assert table.dma_length.tolist() == [2 * PAGE]
        assert table.frames().tolist() == [BASE >> 12, (BASE >> 12) + 1]
    dma_buf_unmap_attachment_unlocked(first, one, TO)
    assert (one.nents, two.nents) == (0, 1), "unmapped for one device only"
    dma_buf_unmap_attachment_unlocked(second, two, TO)
    for attachment, _ in tables:
        dma_buf_detach(dmabuf, attachment)
    put(dmabuf)
    assert bench.problems() == []
    assert heap.used == 0


def test_a_device_that_cannot_reach_the_memory_gets_the_errno_of_the_dma_api(
    bench: HeapBench, heap: CarveoutHeap
) -> None:
    device = bench.device("camera")
    device.dma_mask, device.kernel.swiotlb = 31, None
    attachment = dma_buf_attach(heap.allocate(PAGE), device)
    with pytest.raises(KernelError) as error:
        dma_buf_map_attachment_unlocked(attachment, TO)
    assert error.value.errno == EIO
    assert attachment.mappings == []


def test_an_fd_keeps_the_memory_and_a_leak_names_it(bench: HeapBench, heap: CarveoutHeap) -> None:
    app = bench.kernel.process("camera-app")
    dma_buf_fd(app, heap.allocate(PAGE))
    assert heap.used == PAGE
    assert leaked(bench.kernel) == ["dma-buf 1 'carveout' (4096 bytes): held by fd 0 of camera-app (pid 100)"]
    app.exit()
    assert heap.used == 0
    assert leaked(bench.kernel) == []


def test_as_a_dma_heap_it_serves_programs(bench: HeapBench, heap: CarveoutHeap) -> None:
    heap.register()
    app = bench.kernel.process("app")
    fd = alloc(app, "carveout", 3 * PAGE)
    address = app.mmap(fd, 3 * PAGE)
    app.store(address, b"written")
    assert bytes(view(bench, 0, 7)) == b"written"
    with pytest.raises(KernelError) as error:
        alloc(app, "carveout", SIZE)
    assert error.value.errno == ENOMEM
    app.exit()
    assert (heap.used, leaked(bench.kernel)) == (0, [])


@pytest.mark.parametrize("no_map", [False, True], ids=["mapped", "no-map"])
def test_how_the_cpu_maps_it_and_whether_a_map_cleans(tmp_path: Path, no_map: bool) -> None:
    """A no-map region is never cached: what the CPU writes is in DRAM without a sync."""
    more = ", no-map: true" if no_map else ""
    bench = HeapBench(tmp_path, regions=REGION.format(more=more), modules=(), cached=True)
    heap = CarveoutHeap(bench.kernel, "carveout", BASE, SIZE, cached=not no_map)
    app = bench.kernel.process("app")
    dmabuf = heap.allocate(PAGE)
    attachment = bench.attach(dmabuf, "camera")
    sgt = dma_buf_map_attachment_unlocked(attachment, TO)
    fd = dma_buf_fd(app, dmabuf)
    app.store(app.mmap(fd, PAGE), b"now")
    assert app.mm.vmas[0].cached is not no_map
    assert bench.engine_reads("camera", sgt, 3) == (b"now" if no_map else bytes(3))
    mapping = dma_buf_vmap_unlocked(dmabuf)
    assert mapping.cached is not no_map
    dma_buf_vunmap_unlocked(dmabuf, mapping)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)
    bench.close()
