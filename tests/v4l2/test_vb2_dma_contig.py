"""What vb2 does with the dma-buf of one plane: its calls in every order."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EBUSY, EFAULT, EINVAL, ENOMEM

import pytest

from soc.dmabuf import DmaBuf, DmaBufAttachment, DmaBufOps, dma_buf_export, dma_buf_put, get_dma_buf
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.fs.file import Holder
from soc.kernel.scatterlist import DmaDirection
from soc.v4l2.vb2_dma_contig import (
    vb2_dc_attach_dmabuf,
    vb2_dc_detach_dmabuf,
    vb2_dc_map_dmabuf,
    vb2_dc_unmap_dmabuf,
)
from tests.drm.bench import CardBench

QUEUE = Holder("importer", "queue")
FROM_DEVICE = DmaDirection.FROM_DEVICE


@pytest.fixture
def dmabuf(bench: CardBench) -> Iterator[DmaBuf]:
    """Four pages in one run; the queue has the one reference."""
    made = bench.foreign(0, 1, 2, 3).export()
    made.file.transfer(made.exporter, QUEUE)
    yield made
    dma_buf_put(made, QUEUE)
    assert made.released


def test_attach_map_unmap_detach(bench: CardBench, dmabuf: DmaBuf) -> None:
    buf = vb2_dc_attach_dmabuf(bench.camera, dmabuf, 16384, FROM_DEVICE)
    assert (buf.dma_addr, dmabuf.mappings) == (None, [])
    vb2_dc_map_dmabuf(buf)
    assert buf.dma_addr == bench.pool
    assert [str(mapping) for mapping in dmabuf.mappings] == [f"camera at iova {bench.pool:#x} (FROM_DEVICE)"]
    vb2_dc_unmap_dmabuf(buf)
    assert (buf.dma_addr, dmabuf.mappings, len(dmabuf.attachments)) == (None, [], 1)
    vb2_dc_detach_dmabuf(buf)
    assert dmabuf.attachments == []


def test_a_dma_buf_that_is_too_small_is_efault(bench: CardBench, dmabuf: DmaBuf) -> None:
    with pytest.raises(KernelError) as caught:
        vb2_dc_attach_dmabuf(bench.camera, dmabuf, 16385, FROM_DEVICE)
    assert caught.value.errno == EFAULT
    assert caught.value.why == f"{dmabuf} has 16384 bytes, camera needs 16385"


def test_the_errno_of_attach_is_passed_on(bench: CardBench) -> None:
    def refuse(dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
        raise KernelError(EBUSY, "it lies where the camera cannot reach it")

    ops = DmaBufOps(lambda a, d: None, lambda a, s, d: None, lambda d: None, attach=refuse)
    dmabuf = dma_buf_export(bench.kernel, ops, ops, 4096, 2, "fixed")
    with pytest.raises(KernelError) as caught:
        vb2_dc_attach_dmabuf(bench.camera, dmabuf, 4096, FROM_DEVICE)
    assert caught.value.errno == EBUSY
    assert bench.kernel.log.entries[-1].text == "camera camera: failed to attach dmabuf"
    dma_buf_put(dmabuf, dmabuf.exporter)


@pytest.mark.parametrize("nth", [1, 2])
def test_no_memory_for_the_attachment_is_enomem(bench: CardBench, dmabuf: DmaBuf, nth: int) -> None:
    bench.kernel.faults.fail_nth(nth, FaultSite.SLAB)
    with pytest.raises(KernelError) as caught:
        vb2_dc_attach_dmabuf(bench.camera, dmabuf, 4096, FROM_DEVICE)
    assert (caught.value.errno, dmabuf.attachments) == (ENOMEM, [])


def test_a_map_that_fails_is_einval_whatever_the_exporter_said(bench: CardBench, dmabuf: DmaBuf) -> None:
    bench.camera.dma_mask = 20
    buf = vb2_dc_attach_dmabuf(bench.camera, dmabuf, 16384, FROM_DEVICE)
    with pytest.raises(KernelError) as caught:
        vb2_dc_map_dmabuf(buf)
    assert caught.value.errno == EINVAL
    [said] = [e.text for e in bench.kernel.log.entries if e.text.startswith("camera camera: Error getting")]
    assert said.startswith("camera camera: Error getting dmabuf scatterlist: -")
    assert (buf.dma_sgt, dmabuf.mappings) == (None, [])
    vb2_dc_detach_dmabuf(buf)
    bench.warned()


def test_18_a_scattered_buffer_is_efault_and_not_left_mapped(bench: CardBench) -> None:
    dmabuf = bench.foreign(0, 1, 2, 4, 5, 6).export()
    buf = vb2_dc_attach_dmabuf(bench.camera, dmabuf, dmabuf.size, FROM_DEVICE)
    with pytest.raises(KernelError) as caught:
        vb2_dc_map_dmabuf(buf)
    assert caught.value.errno == EFAULT
    assert caught.value.why == (
        f"{dmabuf}: camera sees 24576 bytes in 2 runs, 12288 bytes in the first: "
        "its pages are scattered, and no IOMMU puts them side by side"
    )
    assert bench.kernel.log.entries[-1].text == "camera camera: contiguous chunk is too small 12288/24576"
    assert (buf.dma_addr, dmabuf.mappings) == (None, [])
    vb2_dc_detach_dmabuf(buf)
    dma_buf_put(dmabuf, dmabuf.exporter)


def test_18_a_frame_that_fits_into_the_first_run_is_taken(bench: CardBench) -> None:
    dmabuf = bench.foreign(0, 1, 2, 4, 5, 6).export()
    buf = vb2_dc_attach_dmabuf(bench.camera, dmabuf, 3 * 4096, FROM_DEVICE)
    vb2_dc_map_dmabuf(buf)
    assert buf.dma_addr == bench.pool
    vb2_dc_unmap_dmabuf(buf)
    vb2_dc_detach_dmabuf(buf)
    dma_buf_put(dmabuf, dmabuf.exporter)


# --- the wrong order ------------------------------------------------------------------------


def test_mapping_twice_is_a_warning_and_nothing_else(bench: CardBench, dmabuf: DmaBuf) -> None:
    buf = vb2_dc_attach_dmabuf(bench.camera, dmabuf, 4096, FROM_DEVICE)
    vb2_dc_map_dmabuf(buf)
    vb2_dc_map_dmabuf(buf)
    assert bench.warned() == ["camera camera: dmabuf buffer is already pinned"]
    assert dmabuf.mappings[0].times == 1
    vb2_dc_unmap_dmabuf(buf)
    vb2_dc_detach_dmabuf(buf)


def test_unmapping_twice_is_a_warning_and_nothing_else(bench: CardBench, dmabuf: DmaBuf) -> None:
    buf = vb2_dc_attach_dmabuf(bench.camera, dmabuf, 4096, FROM_DEVICE)
    vb2_dc_unmap_dmabuf(buf)
    assert bench.warned() == ["camera camera: dmabuf buffer is already unpinned"]
    vb2_dc_detach_dmabuf(buf)


def test_detaching_a_mapped_buffer_is_a_warning_and_unmaps_it(bench: CardBench, dmabuf: DmaBuf) -> None:
    buf = vb2_dc_attach_dmabuf(bench.camera, dmabuf, 4096, FROM_DEVICE)
    vb2_dc_map_dmabuf(buf)
    vb2_dc_detach_dmabuf(buf)
    assert bench.warned() == ["camera camera: vb2_dc_detach_dmabuf of a buffer that is still pinned"]
    assert (dmabuf.mappings, dmabuf.attachments) == ([], [])


def test_nothing_can_be_done_after_detach(bench: CardBench, dmabuf: DmaBuf) -> None:
    buf = vb2_dc_attach_dmabuf(bench.camera, dmabuf, 4096, FROM_DEVICE)
    vb2_dc_detach_dmabuf(buf)
    with pytest.raises(KernelError) as caught:
        vb2_dc_map_dmabuf(buf)
    assert caught.value.errno == EINVAL
    vb2_dc_unmap_dmabuf(buf)
    vb2_dc_detach_dmabuf(buf)
    assert bench.warned() == [
        "camera camera: trying to pin a non attached buffer",
        "camera camera: trying to unpin a not attached buffer",
    ]


def test_vb2_syncs_nothing(bench: CardBench, dmabuf: DmaBuf) -> None:
    """The exporter is asked for mappings only; brackets of CPU access are not vb2's."""
    asked: list[str] = []
    ops = dmabuf.ops
    spy = DmaBufOps(
        ops.map_dma_buf,
        ops.unmap_dma_buf,
        lambda d: None,
        begin_cpu_access=lambda d, direction: asked.append("begin"),
        end_cpu_access=lambda d, direction: asked.append("end"),
    )
    watched = dma_buf_export(bench.kernel, dmabuf.priv, spy, 16384, 2, "watched")
    get_dma_buf(watched, QUEUE)
    buf = vb2_dc_attach_dmabuf(bench.camera, watched, 16384, FROM_DEVICE)
    vb2_dc_map_dmabuf(buf)
    vb2_dc_unmap_dmabuf(buf)
    vb2_dc_detach_dmabuf(buf)
    assert asked == []
    dma_buf_put(watched, QUEUE)
    dma_buf_put(watched, watched.exporter)
