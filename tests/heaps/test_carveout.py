"""The carveout heap on real DRAM: zeroing, fragmentation, mapping, release."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EINVAL, EIO, ENOMEM

import numpy as np
import pytest

from heaps import HEAP_KINDS
from heaps.carveout import CarveoutBuffer, CarveoutHeap
from soc.address import PhysAddr
from soc.bus import Bus
from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_fd,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
)
from soc.dmabuf.buffer import DmaBuf
from soc.dmabuf.ledger import leaked, references
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection
from soc.memory.dram import Bank, Dram
from tests.dmabuf.small_kernel import SmallDevice, SmallKernel

PAGE = 4096
DRAM_BASE = PhysAddr(0x8000_0000)
BASE = PhysAddr(0x8010_0000)
SIZE = 16 * PAGE


class MemoryKernel(SmallKernel):
    """With memory below, and a CPU that clears it. Every device sees the caches; nothing bounces."""

    cache = dma_debug = swiotlb = None

    def __init__(self) -> None:
        super().__init__()
        self.dram = Dram([Bank(DRAM_BASE, 4 << 20)])
        self.cpu = Bus(self.dram).master("cpu")


class DirectDevice(SmallDevice):
    """A device without an IOMMU, which reaches `dma_mask` bits of addresses."""

    behind_iommu = False
    dma_coherent = True
    dma_windows = bus_dma_limit = bounce_pool = None

    def __init__(self, kernel: SmallKernel, name: str, dma_mask: int = 32) -> None:
        super().__init__(kernel, name)
        self.dma_mask = dma_mask
        self.title = f"platform {name}"


@pytest.fixture
def kernel() -> Iterator[MemoryKernel]:
    kernel = MemoryKernel()
    yield kernel
    kernel.dram.banks[0].close()


@pytest.fixture
def heap(kernel: MemoryKernel) -> CarveoutHeap:
    return CarveoutHeap(kernel, "carveout", BASE, SIZE)


def memory(dmabuf: DmaBuf) -> tuple[int, int]:
    assert isinstance(dmabuf.priv, CarveoutBuffer)
    return dmabuf.priv.base, dmabuf.priv.size


def put(dmabuf: DmaBuf) -> None:
    dma_buf_put(dmabuf, dmabuf.exporter)


def test_the_kind_is_listed() -> None:
    assert HEAP_KINDS["carveout"] is CarveoutHeap


def test_allocate_exports_contiguous_whole_pages(kernel: MemoryKernel, heap: CarveoutHeap) -> None:
    first, second = heap.allocate(1), heap.allocate(2 * PAGE)
    assert [memory(first), memory(second)] == [(BASE, PAGE), (BASE + PAGE, 2 * PAGE)]
    assert (first.size, first.exp_name, first.file.held_by()) == (PAGE, "carveout", "kernel carveout")
    assert first.ino != second.ino
    assert (heap.size, heap.used, heap.largest_free) == (SIZE, 3 * PAGE, 13 * PAGE)
    assert [entry.size for entry in references(kernel)] == [PAGE, 2 * PAGE]


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


def test_a_region_that_is_not_whole_pages_is_refused(kernel: MemoryKernel) -> None:
    with pytest.raises(ValueError, match="0x80100000\\+0x800 is not page aligned"):
        CarveoutHeap(kernel, "carveout", BASE, 2048)


def test_memory_is_cleared_at_creation_and_nothing_beside_it(kernel: MemoryKernel) -> None:
    everything = kernel.dram.banks[0].bytes
    everything[:] = 0xAA
    CarveoutHeap(kernel, "carveout", BASE, 2 << 20)
    cleared = np.flatnonzero(everything == 0)
    assert (cleared[0], cleared[-1], len(cleared)) == (BASE - DRAM_BASE, (3 << 20) - 1, 2 << 20)


def test_the_next_owner_sees_nothing_of_the_last(kernel: MemoryKernel, heap: CarveoutHeap) -> None:
    dmabuf = heap.allocate(3 * PAGE)
    view = kernel.dram.view(BASE, 3 * PAGE)
    view[:] = 0x5A
    beside = kernel.dram.view(PhysAddr(BASE + 3 * PAGE), PAGE)
    beside[:] = 0x77
    put(dmabuf)
    assert not view.any()
    assert (beside == 0x77).all()
    assert heap.used == 0


def test_clearing_is_booked_as_traffic_of_the_cpu(kernel: MemoryKernel, heap: CarveoutHeap) -> None:
    assert kernel.cpu.traffic.total() == (0, SIZE)
    dmabuf = heap.allocate(2 * PAGE)
    assert kernel.cpu.traffic.total() == (0, SIZE), "not at allocation"
    put(dmabuf)
    assert kernel.cpu.traffic.total() == (0, SIZE + 2 * PAGE)


def test_each_attachment_gets_a_table_of_its_own(kernel: MemoryKernel, heap: CarveoutHeap) -> None:
    dmabuf = heap.allocate(2 * PAGE)
    tables = []
    for name in ("camera", "display"):
        attachment = dma_buf_attach(dmabuf, DirectDevice(kernel, name))
        tables.append((attachment, dma_buf_map_attachment_unlocked(attachment, DmaDirection.TO_DEVICE)))
    (first, one), (second, two) = tables
    assert one is not two
    for table in (one, two):
        assert table.dma_address.tolist() == [BASE]
        assert table.dma_length.tolist() == [2 * PAGE]
        assert table.frames().tolist() == [BASE >> 12, (BASE >> 12) + 1]
    dma_buf_unmap_attachment_unlocked(first, one, DmaDirection.TO_DEVICE)
    assert (one.nents, two.nents) == (0, 1), "unmapped for one device only"
    dma_buf_unmap_attachment_unlocked(second, two, DmaDirection.TO_DEVICE)
    for attachment, _ in tables:
        dma_buf_detach(dmabuf, attachment)
    put(dmabuf)
    assert kernel.log.warnings == []
    assert heap.used == 0


def test_a_device_that_cannot_reach_the_memory_gets_the_errno_of_the_dma_api(
    kernel: MemoryKernel, heap: CarveoutHeap
) -> None:
    attachment = dma_buf_attach(heap.allocate(PAGE), DirectDevice(kernel, "old", dma_mask=31))
    with pytest.raises(KernelError) as error:
        dma_buf_map_attachment_unlocked(attachment, DmaDirection.TO_DEVICE)
    assert error.value.errno == EIO
    assert attachment.mappings == []


def test_an_fd_keeps_the_memory_and_a_leak_names_it(kernel: MemoryKernel, heap: CarveoutHeap) -> None:
    app = kernel.task(1, "camera-app")
    dma_buf_fd(app, heap.allocate(PAGE))
    assert heap.used == PAGE
    assert leaked(kernel) == ["dma-buf 1 'carveout' (4096 bytes): held by fd 0 of camera-app (pid 1)"]
    app.exit()
    assert heap.used == 0
    assert leaked(kernel) == []
