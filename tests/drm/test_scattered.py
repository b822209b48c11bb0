"""Bug 18 at a display: memory in one run is needed, and the buffer is scattered."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EINVAL

import numpy as np
import pytest

from soc.dmabuf.contiguous import contiguous_size, why_scattered
from soc.drm.device import DrmDevice, drm_dev_register, drm_dev_unregister
from soc.drm.file import drm_open
from soc.drm.gem_dma_helper import dma_addr_of
from soc.kernel.dma import dma_set_seg_boundary
from soc.kernel.errors import KernelError
from soc.kernel.process import Process
from soc.kernel.scatterlist import SgTable
from soc.kernel.uapi.drm import DRM_IOCTL_PRIME_FD_TO_HANDLE, DrmPrimeHandle
from tests.devices.kernel_bench import KernelBench
from tests.drm.bench import DISPLAY, CardBench, Foreign


def import_(app: Process, card: int, fd: int) -> int:
    args = DrmPrimeHandle(fd=fd)
    app.ioctl(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, args)
    return args.handle


# --- without an IOMMU -----------------------------------------------------------------------


def test_a_scattered_buffer_is_refused_by_a_display_and_taken_by_a_gpu(bench: CardBench) -> None:
    fd = bench.foreign_fd(0, 1, 5, 3)
    dmabuf = bench.dmabuf(fd)
    with pytest.raises(KernelError) as caught:
        bench.to_handle(bench.open("card0"), fd)
    assert caught.value.errno == EINVAL
    assert caught.value.why == (
        f"{dmabuf}: display sees 16384 bytes in 3 runs, 8192 bytes in the first: "
        "its pages are scattered, and no IOMMU puts them side by side"
    )
    assert (dmabuf.attachments, dmabuf.mappings, dmabuf.file.f_count) == ([], [], 1)
    assert bench.to_handle(bench.open("card1"), fd) == 1


def test_a_contiguous_buffer_is_taken_by_both(bench: CardBench) -> None:
    fd = bench.foreign_fd(2, 3, 4, 5)
    bench.to_handle(bench.open("card0"), fd)
    bench.to_handle(bench.open("card1"), fd)
    assert dma_addr_of(bench.card0.objects[0]) == bench.pool + 2 * 4096


# --- behind an IOMMU ------------------------------------------------------------------------


@pytest.fixture
def rehearsal() -> Iterator[KernelBench]:
    made = KernelBench()
    yield made
    made.close()


def scattered(bench: KernelBench, pages: int) -> Foreign:
    """Every other page of a block."""
    base = bench.kernel.memory.alloc_pages(2 * pages)
    return Foreign(bench.kernel, (base >> 12) + 2 * np.arange(pages, dtype=np.int64))


def display(bench: KernelBench) -> DrmDevice:
    node = bench.machine.tree.find("lcdif")
    assert node is not None
    device = bench.kernel.device(node)
    device.max_segment_size = 64 << 10
    dev = DrmDevice(device, DISPLAY)
    drm_dev_register(dev, drm_open)
    return dev


def test_an_iommu_puts_scattered_pages_side_by_side_also_in_segments_of_64_kib(
    rehearsal: KernelBench,
) -> None:
    dev = display(rehearsal)
    dmabuf = scattered(rehearsal, 64).export()
    fd = rehearsal.task.files.get_unused_fd()
    rehearsal.task.files.fd_install(fd, dmabuf.file, dmabuf.exporter)
    card = rehearsal.task.open(dev.node)
    import_(rehearsal.task, card, fd)
    [obj] = dev.objects
    assert obj.sgt is not None
    assert (obj.sgt.orig_nents, obj.sgt.nents, contiguous_size(obj.sgt)) == (64, 4, 64 * 4096)
    rehearsal.task.close(card)
    drm_dev_unregister(dev)
    rehearsal.task.exit()
    assert rehearsal.kernel.log.warnings == []


def test_a_boundary_that_segments_must_not_cross_tears_it_apart_again(rehearsal: KernelBench) -> None:
    dev = display(rehearsal)
    dma_set_seg_boundary(dev.device, 0x3FFF)
    base = rehearsal.kernel.memory.alloc_pages(16)
    frames = (base >> 12) + np.array([0, 1, 2, 8, 9, 10], dtype=np.int64)
    dmabuf = Foreign(rehearsal.kernel, frames).export()
    fd = rehearsal.task.files.get_unused_fd()
    rehearsal.task.files.fd_install(fd, dmabuf.file, dmabuf.exporter)
    with pytest.raises(KernelError) as caught:
        import_(rehearsal.task, rehearsal.task.open(dev.node), fd)
    assert caught.value.errno == EINVAL
    assert caught.value.why == (
        f"{dmabuf}: 32e00000.lcdif sees 24576 bytes in 2 runs, 12288 bytes in the first: "
        "its segments end at every multiple of 0x4000"
    )


# --- counting --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segments", "size"),
    [
        ([], 0),
        ([(0x1000, 0x1000)], 0x1000),
        ([(0x1000, 0x1000), (0x2000, 0x3000)], 0x4000),
        ([(0x1000, 0x1000), (0x2000, 0x1000), (0x8000, 0x1000), (0x9000, 0x1000)], 0x2000),
        ([(0x2000, 0x1000), (0x1000, 0x1000)], 0x1000),
    ],
    ids=["not mapped", "one", "adjacent", "a gap", "backwards"],
)
def test_bytes_up_to_the_first_gap(segments: list[tuple[int, int]], size: int) -> None:
    sgt = SgTable.of(segments)
    sgt.dma_address, sgt.dma_length = sgt.starts, sgt.lengths
    assert contiguous_size(sgt) == size


def test_entries_that_are_mapped_on_their_own_are_the_reason(rehearsal: KernelBench) -> None:
    dev = display(rehearsal)
    sgt = SgTable.of([(0x1000, 0x1000), (0x3000, 0x1000)])
    sgt.dma_address, sgt.dma_length, sgt.entrywise = sgt.starts, sgt.lengths, True
    assert why_scattered(dev.device, sgt).endswith(
        "the entries bounce or are no whole granules, so each is mapped on its own"
    )
