"""Who cleans and who invalidates an ION buffer of 4.9, on a CPU whose cache devices do not see.

Each rule has its control: the same steps without it are an incident.
Row 6 of the checklist, rows of SEMANTICS 3.5, the SYNC row of 3.2.
"""

from __future__ import annotations

import numpy as np
import pytest

from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
    get_dma_buf,
)
from soc.kernel.fs.file import Holder
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.uapi.dma_buf import (
    DMA_BUF_IOCTL_SYNC,
    DMA_BUF_SYNC_END,
    DMA_BUF_SYNC_READ,
    DMA_BUF_SYNC_RW,
    DMA_BUF_SYNC_START,
    DMA_BUF_SYNC_WRITE,
    DmaBufSync,
)
from soc.memory.cache.incoherence import Kind
from soc.memory.span import PageSpan
from tests.ion.bench import (
    CACHED,
    CARVEOUT,
    CHUNK,
    CONTIG,
    NEEDS_SYNC,
    PAGE,
    SYSTEM,
    IonBench,
    platform_device,
)

LENGTH = 3 * PAGE
DRIVER = Holder("kernel", "a driver")
HEAPS = pytest.mark.parametrize(
    "mask", [SYSTEM, CONTIG, CARVEOUT, CHUNK], ids=["system", "contig", "carveout", "chunk"]
)


class Stage:
    """A buffer that a program has mapped, and a camera that reads and writes it past the CPU's cache."""

    def __init__(self, bench: IonBench, flags: int, mask: int = SYSTEM) -> None:
        self.bench = bench
        self.app = bench.app
        self.fd = self.app.share(self.app.alloc(mask, LENGTH, 0, flags))
        self.address = self.app.process.mmap(self.fd, LENGTH)
        self.dmabuf = self.app.dmabuf(self.fd)
        self.camera = platform_device(bench.kernel, "camera")
        self.camera.dma_coherent = False
        self.attachment = None

    def cpu_writes(self, text: bytes) -> None:
        self.app.process.store(self.address, text)

    def cpu_reads(self, size: int) -> bytes:
        return self.app.process.load(self.address, size)

    def map(self, direction: DmaDirection) -> None:
        get_dma_buf(self.dmabuf, DRIVER)
        self.attachment = dma_buf_attach(self.dmabuf, self.camera)
        self.table = dma_buf_map_attachment_unlocked(self.attachment, direction)
        self.direction = direction

    def unmap(self) -> None:
        dma_buf_unmap_attachment_unlocked(self.attachment, self.table, self.direction)
        dma_buf_detach(self.dmabuf, self.attachment)
        self.dmabuf.file.put(DRIVER)

    def device_reads(self, size: int) -> bytes:
        return self.bench.kernel.device.read_span(self._span(size)).tobytes()

    def device_writes(self, text: bytes) -> None:
        self.bench.kernel.device.write_span(self._span(len(text)), np.frombuffer(text, dtype=np.uint8))

    def bracket(self, flags: int) -> None:
        for when in (DMA_BUF_SYNC_START, DMA_BUF_SYNC_END):
            self.app.process.ioctl(self.fd, DMA_BUF_IOCTL_SYNC, DmaBufSync(when | flags))

    def incidents(self) -> list[Kind]:
        return [incident.kind for incident in self.bench.kernel.cache.incidents]

    def _span(self, size: int) -> PageSpan:
        return PageSpan.of(self.dmabuf.priv.frames[: -(-size // PAGE)], 0, size)


# --- to the device ---------------------------------------------------------------------


def test_control_nobody_cleans_and_the_device_reads_old_data(bench: IonBench) -> None:
    stage = Stage(bench, NEEDS_SYNC)
    stage.cpu_writes(b"picture")
    stage.map(DmaDirection.TO_DEVICE)
    assert stage.device_reads(7) == bytes(7)
    assert stage.incidents() == [Kind.STALE_DEVICE_READ]
    stage.unmap()


@HEAPS
def test_ion_ioc_sync_cleans_for_the_device(bench: IonBench, mask: int) -> None:
    stage = Stage(bench, NEEDS_SYNC, mask)
    stage.cpu_writes(b"picture")
    stage.map(DmaDirection.TO_DEVICE)
    bench.app.sync(stage.fd)
    assert stage.device_reads(7) == b"picture"
    assert stage.incidents() == []
    stage.unmap()


@pytest.mark.parametrize("flags", [DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW])
def test_the_sync_ioctl_of_the_dma_buf_does_nothing_at_all(bench: IonBench, flags: int) -> None:
    stage = Stage(bench, NEEDS_SYNC)
    stage.map(DmaDirection.BIDIRECTIONAL)
    stage.cpu_writes(b"picture")
    stage.bracket(flags)
    assert stage.device_reads(7) == bytes(7)
    assert stage.incidents() == [Kind.STALE_DEVICE_READ]
    stage.unmap()


@HEAPS
@pytest.mark.parametrize("direction", [DmaDirection.TO_DEVICE, DmaDirection.BIDIRECTIONAL])
def test_fault_mode_cleans_what_was_touched_at_every_map(
    bench: IonBench, direction: DmaDirection, mask: int
) -> None:
    stage = Stage(bench, CACHED, mask)
    for text in (b"first", b"again"):
        stage.cpu_writes(text)
        stage.map(direction)
        assert stage.device_reads(5) == text
        stage.unmap()
    assert stage.incidents() == []


def test_fault_mode_control_a_write_after_the_map_is_not_cleaned(bench: IonBench) -> None:
    stage = Stage(bench, CACHED)
    stage.cpu_writes(b"first")
    stage.map(DmaDirection.TO_DEVICE)
    stage.cpu_writes(b"later")
    assert stage.device_reads(5) == b"first"
    assert stage.incidents() == [Kind.STALE_DEVICE_READ]
    stage.unmap()


@HEAPS
def test_an_uncached_buffer_needs_nothing(bench: IonBench, mask: int) -> None:
    stage = Stage(bench, 0, mask)
    stage.map(DmaDirection.BIDIRECTIONAL)
    stage.cpu_writes(b"picture")
    assert stage.device_reads(7) == b"picture"
    stage.device_writes(b"camera!")
    assert stage.cpu_reads(7) == b"camera!"
    assert stage.incidents() == []
    stage.unmap()


def test_a_coherent_device_needs_nothing(bench: IonBench) -> None:
    stage = Stage(bench, CACHED)
    stage.camera.dma_coherent = True
    stage.cpu_writes(b"picture")
    epoch = bench.kernel.cache._epoch
    stage.map(DmaDirection.TO_DEVICE)
    assert bench.kernel.cache._epoch == epoch, "no maintenance"
    assert not stage.dmabuf.priv.dirty.any()
    stage.unmap()


# --- from the device ---------------------------------------------------------------------


@pytest.mark.parametrize("flags", [CACHED, NEEDS_SYNC])
def test_nobody_invalidates_after_the_device_wrote(bench: IonBench, flags: int) -> None:
    """The consequence: neither unmap nor the SYNC ioctl lets the CPU see what came."""
    stage = Stage(bench, flags)
    stage.cpu_reads(LENGTH)
    stage.map(DmaDirection.FROM_DEVICE)
    stage.device_writes(b"frame 1")
    stage.unmap()
    stage.bracket(DMA_BUF_SYNC_READ)
    assert stage.cpu_reads(7) == bytes(7)
    assert stage.incidents() == [Kind.STALE_CPU_READ]


@HEAPS
@pytest.mark.parametrize("flags", [CACHED, NEEDS_SYNC])
def test_ion_ioc_sync_before_reading_does(bench: IonBench, flags: int, mask: int) -> None:
    stage = Stage(bench, flags, mask)
    stage.cpu_reads(LENGTH)
    stage.map(DmaDirection.FROM_DEVICE)
    stage.device_writes(b"frame 1")
    stage.unmap()
    bench.app.sync(stage.fd)
    assert stage.cpu_reads(7) == b"frame 1"
    assert stage.incidents() == []


def test_control_a_dirty_line_under_a_device_loses_the_devices_data(bench: IonBench) -> None:
    stage = Stage(bench, NEEDS_SYNC)
    stage.cpu_writes(b"dirty")
    stage.map(DmaDirection.FROM_DEVICE)
    stage.device_writes(b"frame")
    bench.app.sync(stage.fd)
    assert stage.cpu_reads(5) == b"dirty"
    assert stage.incidents() == [Kind.LOST_DEVICE_WRITE]
    stage.unmap()


def test_fault_mode_cleans_a_dirty_line_before_the_device_writes(bench: IonBench) -> None:
    stage = Stage(bench, CACHED)
    stage.cpu_writes(b"dirty")
    stage.map(DmaDirection.FROM_DEVICE)
    stage.device_writes(b"frame")
    bench.app.sync(stage.fd)
    assert stage.cpu_reads(5) == b"frame"
    assert stage.incidents() == []
    stage.unmap()
