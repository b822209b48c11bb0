"""SEMANTICS 4.2: the system and CMA heaps as exporters: memory, tables, mapping, vmap."""

from __future__ import annotations

from errno import EINVAL, EIO, ENOMEM

import numpy as np
import pytest

from heaps.dma_heap import HeapBuffer
from soc.dmabuf import (
    DmaBuf,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
)
from soc.kernel.errors import KernelError
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from tests.dma_heap.bench import CMA, MIB, PAGE, HeapBench, alloc

TO, FROM, BOTH = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE, DmaDirection.BIDIRECTIONAL
HEAPS = ["system", CMA]


def buffer(bench: HeapBench, app: Process, heap: str, size: int = 4 * PAGE) -> DmaBuf:
    """A buffer that the test holds, beside its fd."""
    return bench.get(app, alloc(app, heap, size))


def behind(dmabuf: DmaBuf) -> HeapBuffer:
    assert isinstance(dmabuf.priv, HeapBuffer)
    return dmabuf.priv


def test_the_system_heap_takes_orders_8_4_0_the_largest_that_fits_first(
    bench: HeapBench, app: Process
) -> None:
    dmabuf = buffer(bench, app, "system", 2 * MIB + 2 * (64 << 10) + 3 * PAGE)
    lengths = behind(dmabuf).memory.sgt.lengths.tolist()
    assert lengths == [MIB, MIB, 64 << 10, 64 << 10, PAGE, PAGE, PAGE]


@pytest.mark.parametrize(("pages", "alignment"), [(1, 1), (3, 4), (16, 16), (200, 256), (1024, 256)], ids=str)
def test_the_cma_heap_takes_one_run_aligned_to_its_order_but_at_most_256_pages(
    bench: HeapBench, app: Process, pages: int, alignment: int
) -> None:
    alloc(app, CMA, PAGE)
    table = behind(buffer(bench, app, CMA, pages * PAGE)).memory.sgt
    assert table.lengths.tolist() == [pages * PAGE]
    assert int(table.starts[0]) // PAGE % alignment == 0


@pytest.mark.parametrize("heap", HEAPS)
def test_every_attachment_has_a_table_of_its_own_from_attach_to_detach(
    bench: HeapBench, app: Process, heap: str
) -> None:
    dmabuf = buffer(bench, app, heap)
    camera, display = (bench.attach(dmabuf, name) for name in ("camera", "display"))
    first = dma_buf_map_attachment_unlocked(camera, FROM)
    second = dma_buf_map_attachment_unlocked(display, TO)
    assert first is not second
    assert not np.shares_memory(first.dma_address, second.dma_address)
    assert first.frames().tolist() == second.frames().tolist() == behind(dmabuf).memory.frames().tolist()
    dma_buf_unmap_attachment_unlocked(camera, first, FROM)
    assert (first.nents, second.nents > 0) == (0, True), "one device's mapping is no other's"
    assert dma_buf_map_attachment_unlocked(camera, BOTH) is first, "the same table again"
    dma_buf_unmap_attachment_unlocked(camera, first, BOTH)
    dma_buf_unmap_attachment_unlocked(display, second, TO)
    for attachment in (camera, display):
        dma_buf_detach(dmabuf, attachment)
    assert behind(dmabuf).attachments == []
    assert bench.problems() == []


@pytest.mark.parametrize("heap", HEAPS)
def test_mapped_is_true_between_map_and_unmap(bench: HeapBench, app: Process, heap: str) -> None:
    dmabuf = buffer(bench, app, heap)
    attachment = bench.attach(dmabuf, "camera")
    (mine,) = behind(dmabuf).attachments
    states = [mine.mapped]
    sgt = dma_buf_map_attachment_unlocked(attachment, TO)
    states.append(mine.mapped)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)
    states.append(mine.mapped)
    assert states == [False, True, False]
    dma_buf_detach(dmabuf, attachment)


@pytest.mark.parametrize("heap", HEAPS)
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_attach_without_memory_is_enomem(bench: HeapBench, app: Process, heap: str, nth: int) -> None:
    """The attachment of the core, then the heap's, then its table."""
    dmabuf = buffer(bench, app, heap)
    bench.kernel.faults.fail_nth(nth)
    with pytest.raises(KernelError) as error:
        bench.attach(dmabuf, "camera")
    assert error.value.errno == ENOMEM
    assert (dmabuf.attachments, behind(dmabuf).attachments) == ([], [])
    dma_buf_detach(dmabuf, bench.attach(dmabuf, "camera"))


@pytest.mark.parametrize(("heap", "errno"), [("system", EIO), (CMA, ENOMEM)])
def test_a_map_that_fails_is_the_dma_apis_errno_and_cma_says_enomem(
    bench: HeapBench, app: Process, heap: str, errno: int
) -> None:
    device = bench.device("camera")
    device.dma_mask = 31
    device.kernel.swiotlb = None
    attachment = dma_buf_attach(buffer(bench, app, heap), device)
    with pytest.raises(KernelError) as error:
        dma_buf_map_attachment_unlocked(attachment, TO)
    assert error.value.errno == errno
    assert attachment.mappings == []
    (mine,) = behind(attachment.dmabuf).attachments
    assert not mine.mapped


@pytest.mark.parametrize("heap", HEAPS)
def test_vmap_is_counted_and_shows_the_pages_in_order(bench: HeapBench, app: Process, heap: str) -> None:
    fd = alloc(app, heap, 3 * PAGE)
    dmabuf = bench.get(app, fd)
    mapping = dma_buf_vmap_unlocked(dmabuf)
    assert dma_buf_vmap_unlocked(dmabuf) is mapping
    assert (mapping.size, mapping.cached) == (3 * PAGE, True)
    mapping.write(b"kernel", PAGE - 3)
    address = app.mmap(fd, 3 * PAGE)
    assert app.load(address + PAGE - 3, 6) == b"kernel"
    for _ in range(2):
        dma_buf_vunmap_unlocked(dmabuf, mapping)
    assert dmabuf.vmapping is None


@pytest.mark.parametrize("heap", HEAPS)
def test_vmap_without_memory_is_enomem(bench: HeapBench, app: Process, heap: str) -> None:
    dmabuf = buffer(bench, app, heap)
    bench.kernel.faults.fail_nth(1)
    with pytest.raises(KernelError) as error:
        dma_buf_vmap_unlocked(dmabuf)
    assert (error.value.errno, dmabuf.vmapping_counter) == (ENOMEM, 0)


@pytest.mark.parametrize("heap", HEAPS)
def test_the_exporter_is_called_as_the_heap(bench: HeapBench, app: Process, heap: str) -> None:
    dmabuf = buffer(bench, app, heap)
    assert dmabuf.exp_name == heap
    assert f"exp_name:\t{heap}\n" in app.fdinfo(1)


@pytest.mark.parametrize("heap", HEAPS)
def test_an_attachment_is_mapped_once_at_a_time(bench: HeapBench, app: Process, heap: str) -> None:
    """Linux would map the one table again, over its first mapping."""
    attachment = bench.attach(buffer(bench, app, heap), "camera")
    sgt = dma_buf_map_attachment_unlocked(attachment, TO)
    with pytest.raises(KernelError) as error:
        dma_buf_map_attachment_unlocked(attachment, TO)
    assert error.value.errno == (ENOMEM if heap == CMA else EINVAL)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)


def test_the_system_heap_eats_pages_until_memory_is_out(bench: HeapBench, app: Process) -> None:
    """There is no guard at half of all RAM, as ION has one."""
    pages = bench.kernel.memory.pages
    free = pages.free_frames - pages.free_cma
    fd = alloc(app, "system", (free - 8) * PAGE)
    assert free > pages.total_frames // 2 or free * PAGE > 8 * MIB
    with pytest.raises(KernelError) as error:
        alloc(app, "system", 16 * PAGE)
    assert error.value.errno == ENOMEM
    assert any("Out of memory" in entry.text for entry in bench.kernel.log.entries)
    app.close(fd)


def test_the_memory_of_a_buffer_is_known_by_its_inode(bench: HeapBench, app: Process) -> None:
    dmabuf = buffer(bench, app, "system")
    (owner,) = bench.kernel.memory.owners.live
    assert str(owner) == f"dma-buf {dmabuf.ino} of heap system"
