"""SEMANTICS 1.4, deferred allocation: memory is chosen at first use, for the devices attached by then."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EINVAL, ENOMEM
from pathlib import Path

import numpy as np
import pytest

from heaps.negotiated.dma_heap import NegotiatedHeap
from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
)
from soc.kernel.dma import dma_set_mask, dma_set_max_seg_size, dma_set_seg_boundary
from soc.kernel.dma.of.ranges import DmaWindow, DmaWindows
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from tests.dma_heap.bench import PAGE, REGIONS
from tests.kernel.rehearsal import Rehearsal
from tests.negotiated.bench import HIGH, SIZE, TO, NegotiatedBench, behind, frames

CMA_FIRST, CMA_END = 0x81000, 0x81800


@pytest.mark.parametrize("generation", list(Generation), ids=str)
def test_nothing_is_allocated_until_the_first_map(tmp_path: Path, generation: Generation) -> None:
    bench = NegotiatedBench(tmp_path, generation, dynamic=False)
    free = bench.kernel.memory.pages.free_frames
    dmabuf = bench.buffer()
    camera, display = bench.attach_all(dmabuf, "camera", "display")
    assert behind(dmabuf).backing is None
    assert bench.kernel.memory.pages.free_frames == free
    sgt = dma_buf_map_attachment_unlocked(camera, TO)
    assert bench.kernel.memory.pages.free_frames == free - SIZE // PAGE
    assert (frames(dmabuf) < HIGH // PAGE).all(), "the 32-bit device was attached in time"
    dma_buf_unmap_attachment_unlocked(camera, sgt, TO)
    bench.end(dmabuf)
    assert bench.kernel.memory.pages.free_frames == free
    assert bench.problems() == []
    bench.close()


@pytest.mark.parametrize(
    ("labels", "place"),
    [
        ([], "high"),
        (["display"], "high"),
        (["camera"], "low"),
        (["display", "camera"], "low"),
        (["scaler"], "cma"),
        (["port"], "cma"),
        (["display", "port"], "cma"),
        (["display", "camera", "scaler", "port"], "cma"),
    ],
    ids=str,
)
def test_where_memory_is_taken_from(bench: NegotiatedBench, labels: list[str], place: str) -> None:
    dmabuf = bench.buffer()
    attachments = bench.attach_all(dmabuf, *labels)
    tables = [dma_buf_map_attachment_unlocked(attachment, TO) for attachment in attachments]
    if not labels:
        bench.fill(dmabuf)
    where = frames(dmabuf)
    high, in_cma = where >= HIGH // PAGE, (where >= CMA_FIRST) & (where < CMA_END)
    assert {"high": high.all(), "low": not high.any() and not in_cma.any(), "cma": in_cma.all()}[place]
    assert (np.diff(where) == 1).all() or place != "cma"
    for attachment, sgt in zip(attachments, tables, strict=True):
        assert sgt.bounced_bytes == 0
        assert not attachment.device.one_segment or sgt.nents == 1
        dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)
    bench.end(dmabuf)


@pytest.mark.parametrize("use", ["touch", "vmap"])
def test_a_cpu_that_comes_first_takes_memory_that_does_for_the_devices(
    bench: NegotiatedBench, use: str
) -> None:
    dmabuf = bench.buffer()
    bench.attach_all(dmabuf, "camera")
    if use == "touch":
        bench.fill(dmabuf)
    else:
        dma_buf_vunmap_unlocked(dmabuf, dma_buf_vmap_unlocked(dmabuf))
    assert (frames(dmabuf) < HIGH // PAGE).all()
    bench.end(dmabuf)


def test_a_device_that_went_away_before_the_first_map_has_no_say(bench: NegotiatedBench) -> None:
    dmabuf = bench.buffer()
    port, display = bench.attach_all(dmabuf, "port", "display")
    dma_buf_detach(dmabuf, port)
    sgt = dma_buf_map_attachment_unlocked(display, TO)
    assert (frames(dmabuf) >= HIGH // PAGE).all()
    dma_buf_unmap_attachment_unlocked(display, sgt, TO)
    bench.end(dmabuf)


def test_a_narrower_mask_than_32_bits_counts_as_it_is(bench: NegotiatedBench) -> None:
    device = bench.device("camera")
    device.dma_mask = 32
    device.bus_dma_limit = 0x80FF_FFFF
    dmabuf = bench.buffer()
    attachment = dma_buf_attach(dmabuf, device)
    sgt = dma_buf_map_attachment_unlocked(attachment, TO)
    assert (frames(dmabuf) < 0x8100_0000 // PAGE).all()
    dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)
    bench.end(dmabuf)


@pytest.mark.parametrize(
    ("limit", "boundary", "longest", "crosses"),
    [(2 * PAGE, 0, 2 * PAGE, 0), (PAGE + 100, 0, PAGE, 0), (0, 4 * PAGE - 1, 4 * PAGE, 4 * PAGE)],
    ids=["2 pages", "not whole pages", "a boundary"],
)
def test_a_table_is_cut_for_the_segments_of_its_device_alone(
    bench: NegotiatedBench, limit: int, boundary: int, longest: int, crosses: int
) -> None:
    camera = bench.device("camera")
    dma_set_max_seg_size(camera, limit or 1 << 32)
    dma_set_seg_boundary(camera, boundary)
    dmabuf = bench.buffer(32 * PAGE)
    attachments = bench.attach_all(dmabuf, "camera", "port")
    cut, whole = (dma_buf_map_attachment_unlocked(attachment, TO) for attachment in attachments)
    assert whole.nents == 1
    assert int(cut.dma_length.max()) <= longest and cut.size == whole.size
    if crosses:
        assert (cut.dma_address // crosses == (cut.dma_address + cut.dma_length - 1) // crosses).all()
    assert (cut.frames() == whole.frames()).all()
    for attachment, sgt in zip(attachments, (cut, whole), strict=True):
        dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)
    bench.end(dmabuf)


def test_one_segment_that_cannot_be_long_enough_is_einval_at_once(bench: NegotiatedBench) -> None:
    dma_set_max_seg_size(bench.device("port"), 0)
    dmabuf = bench.buffer(32 * PAGE)
    with pytest.raises(KernelError) as error:
        bench.attach_all(dmabuf, "port")
    assert error.value.errno == EINVAL
    assert "1003000.port takes one segment of up to 64 KiB, not 128 KiB" in error.value.why
    bench.end(dmabuf)


def test_a_device_that_reaches_no_memory_is_einval_at_once(bench: NegotiatedBench) -> None:
    bench.device("camera").dma_mask = 31
    dmabuf = bench.buffer()
    with pytest.raises(KernelError) as error:
        bench.attach_all(dmabuf, "camera")
    assert error.value.errno == EINVAL
    bench.end(dmabuf)


@pytest.fixture
def high_cma(tmp_path: Path) -> Iterator[NegotiatedBench]:
    """A board whose default area lies above 4 GiB."""
    regions = REGIONS.replace("81000000", "100000000")
    bench = NegotiatedBench(tmp_path, dynamic=False, regions=regions)
    yield bench
    bench.close()


def test_no_area_within_reach_is_enomem_at_the_first_map(high_cma: NegotiatedBench) -> None:
    dmabuf = high_cma.buffer()
    (port,) = high_cma.attach_all(dmabuf, "port")
    with pytest.raises(KernelError) as error:
        dma_buf_map_attachment_unlocked(port, TO)
    assert error.value.errno == ENOMEM
    assert behind(dmabuf).backing is None
    dma_buf_detach(dmabuf, port)
    (scaler,) = high_cma.attach_all(dmabuf, "scaler")
    sgt = dma_buf_map_attachment_unlocked(scaler, TO)
    assert sgt.nents == 1 and int(sgt.dma_address[0]) >= HIGH
    dma_buf_unmap_attachment_unlocked(scaler, sgt, TO)
    high_cma.end(dmabuf)


def test_a_window_that_begins_above_the_memory_there_is_leaves_none(bench: NegotiatedBench) -> None:
    """Memory is asked for below the window's end, and what comes is looked at."""
    bench.device("camera").dma_windows = DmaWindows((DmaWindow(0, 0x8080_0000, 64 * PAGE),))
    dmabuf = bench.buffer()
    (camera,) = bench.attach_all(dmabuf, "camera")
    free = bench.kernel.memory.pages.free_frames
    with pytest.raises(KernelError) as error:
        dma_buf_map_attachment_unlocked(camera, TO)
    assert error.value.errno == ENOMEM
    assert error.value.why == f"{dmabuf}: 1000000.camera cannot reach the memory there is"
    assert bench.kernel.memory.pages.free_frames == free
    bench.end(dmabuf)


@pytest.mark.parametrize("label", ["display", "camera", "port"])
def test_more_than_there_is_is_enomem_at_the_first_map_and_not_before(
    bench: NegotiatedBench, label: str
) -> None:
    dmabuf = bench.buffer(bench.kernel.memory.dram.page_count * PAGE)
    (attachment,) = bench.attach_all(dmabuf, label)
    with pytest.raises(KernelError) as error:
        dma_buf_map_attachment_unlocked(attachment, TO)
    assert error.value.errno == ENOMEM
    bench.end(dmabuf)


@pytest.mark.parametrize("more", [PAGE, 1 << 62, (1 << 64) - PAGE])
def test_more_than_the_machine_has_is_enomem_at_once(bench: NegotiatedBench, more: int) -> None:
    total = bench.kernel.memory.dram.page_count * PAGE
    with pytest.raises(KernelError) as caught:
        NegotiatedHeap(bench.kernel).buffer(total + more)
    assert caught.value.errno == ENOMEM
    assert f"a buffer of {total + more} bytes in a machine of" in caught.value.why


def test_a_mask_that_is_raised_in_time_is_the_one_that_counts(bench: NegotiatedBench) -> None:
    dmabuf = bench.buffer()
    (camera,) = bench.attach_all(dmabuf, "camera")
    dma_set_mask(bench.device("camera"), 64)
    sgt = dma_buf_map_attachment_unlocked(camera, TO)
    assert (sgt.dma_address >= HIGH).all()
    dma_buf_unmap_attachment_unlocked(camera, sgt, TO)
    bench.end(dmabuf)


def test_behind_an_iommu_any_pages_do_and_are_one_segment_all_the_same() -> None:
    """The drivers of the rehearsal board take one address a buffer; their SMMU gives it to them."""
    board = Rehearsal()
    heap = NegotiatedHeap(board.kernel)
    dmabuf = heap.buffer(64 * PAGE)
    taken = board.kernel.memory.pages.alloc_pages(128)
    assert taken is not None
    board.kernel.memory.pages.free_pages(taken[::2])
    for label in ("camera", "lcdif"):
        device = board.device(label)
        assert device.one_segment
        attachment = dma_buf_attach(dmabuf, device)
        sgt = dma_buf_map_attachment_unlocked(attachment, TO)
        assert sgt.nents == 1 and int(sgt.dma_length[0]) == 64 * PAGE
        dma_buf_unmap_attachment_unlocked(attachment, sgt, TO)
        dma_buf_detach(dmabuf, attachment)
    area = board.kernel.memory.cma.default
    assert area is not None and area.used == 0
    dma_buf_put(dmabuf, dmabuf.exporter)
    assert board.kernel.log.warnings == []
    board.close()
