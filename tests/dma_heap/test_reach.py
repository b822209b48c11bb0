"""Row 35 of SEMANTICS 9: a 32-bit device and memory above 4 GiB: a bounce or an errno, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EBUSY, EIO
from pathlib import Path

import pytest

from soc.dmabuf import (
    DmaBuf,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
)
from soc.kernel.dma import dma_set_mask
from soc.kernel.errors import KernelError
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from tests.dma_heap.bench import PAGE, HeapBench, alloc

TO = DmaDirection.TO_DEVICE
HIGH = 1 << 32
SIZE = 4 * PAGE


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HeapBench]:
    bench = HeapBench(tmp_path, memory="[[0x80000000, 32M], [0x100000000, 32M]]", bootargs="swiotlb=512")
    dma_set_mask(bench.device("display"), 64)
    yield bench
    bench.close()


@pytest.fixture
def app(bench: HeapBench) -> Process:
    return bench.kernel.process("app")


def filled(bench: HeapBench, app: Process, heap: str) -> DmaBuf:
    """A buffer whose bytes say where they are, held by the test."""
    fd = alloc(app, heap, SIZE)
    address = app.mmap(fd, SIZE)
    for page in range(SIZE // PAGE):
        app.store(address + page * PAGE, b"page%d" % page)
    dmabuf = bench.get(app, fd)
    app.munmap(address, SIZE)
    app.close(fd)
    return dmabuf


def test_the_system_heap_lies_high_and_a_32_bit_device_gets_a_bounce(bench: HeapBench, app: Process) -> None:
    dmabuf = filled(bench, app, "system")
    attachment = bench.attach(dmabuf, "camera")
    sgt = dma_buf_map_attachment_unlocked(attachment, TO)
    assert (sgt.starts >= HIGH).all()
    assert (sgt.dma_address < HIGH).all()
    assert sgt.bounced_bytes == SIZE, "counted: this is no zero-copy"
    assert bench.engine_reads("camera", sgt, 5, PAGE) == b"page1"
    dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)
    dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)


def test_without_a_bounce_pool_the_map_fails(bench: HeapBench, app: Process) -> None:
    bench.kernel.swiotlb = None
    dmabuf = filled(bench, app, "system")
    attachment = bench.attach(dmabuf, "camera")
    with pytest.raises(KernelError) as error:
        dma_buf_map_attachment_unlocked(attachment, TO)
    assert error.value.errno == EIO
    assert attachment.mappings == []
    dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)


def test_a_64_bit_device_has_the_pages_themselves(bench: HeapBench, app: Process) -> None:
    dmabuf = filled(bench, app, "system")
    attachment = bench.attach(dmabuf, "display")
    sgt = dma_buf_map_attachment_unlocked(attachment, TO)
    assert (sgt.dma_address >= HIGH).all() and sgt.bounced_bytes == 0
    assert bench.engine_reads("display", sgt, 5, 2 * PAGE) == b"page2"
    dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)
    dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)


def test_the_negotiated_heap_moves_down_for_it_and_nothing_bounces(bench: HeapBench, app: Process) -> None:
    dmabuf = filled(bench, app, "negotiated")
    for label, high in (("display", True), ("camera", False)):
        attachment = bench.attach(dmabuf, label)
        sgt = dma_buf_map_attachment_unlocked(attachment, TO)
        assert bool((sgt.dma_address >= HIGH).all()) is high
        assert sgt.bounced_bytes == 0
        assert bench.engine_reads(label, sgt, 5, 3 * PAGE) == b"page3"
        dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)
        dma_buf_detach(dmabuf, attachment)
    bench.put(dmabuf)


def test_the_negotiated_heap_refuses_it_while_the_buffer_must_stay(bench: HeapBench, app: Process) -> None:
    dmabuf = filled(bench, app, "negotiated")
    mapping = dma_buf_vmap_unlocked(dmabuf)
    with pytest.raises(KernelError) as error:
        bench.attach(dmabuf, "camera")
    assert error.value.errno == EBUSY
    dma_buf_vunmap_unlocked(dmabuf, mapping)
    dma_buf_detach(dmabuf, bench.attach(dmabuf, "camera"))
    bench.put(dmabuf)
    assert bench.problems() == []
