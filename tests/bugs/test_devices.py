"""Rows 18, 35 and 36: devices that cannot use a buffer as it is, or are not the one that was attached."""

from __future__ import annotations

from collections.abc import Callable
from errno import EFAULT, EINVAL
from pathlib import Path

import pytest

from devices.lcdif.driver import LcdifDriver
from soc.address import Iova
from soc.dmabuf import (
    DmaBuf,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_get,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
)
from soc.dmabuf.bufinfo import BUFINFO
from soc.dmabuf.importer import ImportedBuffer
from soc.dmabuf.sanitizer.strays import StrayWatch
from soc.drm.device import DrmDriver
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.task import Task
from soc.picture import PictureFormat
from soc.v4l2.vb2_queue import Vb2Queue
from tests.bugs.bench import CMA, PAGE, Bench, alloc, clean_bench, errno_of, first_iova, noisy_bench, text
from tests.bugs.cards import Card, fd_to_handle, gem_close
from tests.bugs.ion_app import IonApp

TO_DEVICE, FROM_DEVICE = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE
FRAME = 64 * PAGE
PICTURE = PictureFormat(64, 64, "XRGB8888")


def no_iommu(board: str) -> str:
    return "".join(line for line in board.splitlines(keepends=True) if "iommus:" not in line)


def worn(board: str) -> str:
    """No more than eight free pages lie side by side, outside of CMA regions."""
    bank = "  reg: [[0x80000000, 1G]]\n"
    wear = "  dmabuf-soc,fragmentation: 100\n  dmabuf-soc,fragmentation-order: 3\n"
    return board.replace(bank, bank + wear)


def high(board: str) -> str:
    """A second bank, above 4 GiB."""
    return board.replace("reg: [[0x80000000, 1G]]", "reg: [[0x80000000, 1G], [0x880000000, 1G]]")


def queue_of(bench: Bench) -> Vb2Queue:
    queue = Vb2Queue(bench.device("camera"), "capture", FROM_DEVICE, (FRAME,))
    queue.reqbufs(1)
    return queue


# --- 18: one run is needed, and the pages are scattered -------------------------------------------


def test_row_18_planted_scattered_pages_without_an_iommu_are_refused_with_the_reason(tmp_path: Path) -> None:
    with noisy_bench(folder=tmp_path, change=lambda board: worn(no_iommu(board))) as bench:
        app, queue, card = bench.process(), queue_of(bench), Card(bench, "lcdif")
        fd = alloc(app, size=FRAME)
        runs = "262144 bytes in 8 runs, 32768 bytes in the first: its pages are scattered"
        with pytest.raises(KernelError) as error:
            queue.qbuf(app, 0, [(fd, 0)])
        assert (error.value.errno, error.value.why) == (
            EFAULT,
            f"dma-buf 2 'system': 32e20000.camera sees {runs}, and no IOMMU puts them side by side",
        )
        node = card.open(app)
        with pytest.raises(KernelError) as error:
            fd_to_handle(app, node, fd)
        assert (error.value.errno, runs in error.value.why) == (EINVAL, True)
        assert "dmabuf-soc-camera 32e20000.camera: contiguous chunk is too small 32768/262144" in [
            entry.text for entry in bench.kernel.log.entries
        ]


@pytest.mark.parametrize(
    ("change", "heap"),
    [(worn, "system"), (lambda board: worn(no_iommu(board)), CMA)],
    ids=["scattered behind the IOMMU", "in one run without"],
)
def test_row_18_clean_in_one_run_for_the_device_both_take_it(
    tmp_path: Path, change: Callable[[str], str], heap: str
) -> None:
    with clean_bench(folder=tmp_path, change=change) as bench:
        app, queue, card = bench.process(), queue_of(bench), Card(bench, "lcdif")
        fd, node = alloc(app, heap, FRAME), card.open(app)
        queue.qbuf(app, 0, [(fd, 0)])
        queue.reqbufs(0)
        gem_close(app, node, fd_to_handle(app, node, fd))
        for one in (fd, node):
            app.close(one)
        card.remove()


# --- 35: a device of 32 bits, memory above 4 GiB --------------------------------------------------


def camera_maps(bench: Bench, dmabuf: DmaBuf) -> tuple:
    attachment = dma_buf_attach(dmabuf, bench.device("camera"))
    return attachment, dma_buf_map_attachment_unlocked(attachment, FROM_DEVICE)


def test_row_35_planted_an_exporter_that_hands_out_addresses_the_device_cuts_short(tmp_path: Path) -> None:
    """ION of 4.9 asks no device; the camera keeps 32 bits and writes into somebody else's memory."""
    change = lambda board: high(no_iommu(board))  # noqa: E731
    with noisy_bench("vexpress-ion", folder=tmp_path, change=change) as bench:
        app = IonApp(bench.process())
        fd = app.share(app.alloc(length=4 * PAGE))
        dmabuf = dma_buf_get(app.process, fd, Holder("importer", "camera"))
        _, sgt = camera_maps(bench, dmabuf)
        address = int(sgt.dma_address.max())
        assert bench.warned() == [
            f"dma_buf_map_attachment: {dmabuf} is mapped for 32e20000.camera at {address:#x}, "
            f"beyond its 32-bit addresses: it would use {address & 0xFFFF_FFFF:#x}"
        ]
        hit = bench.engine("camera").write(Iova(address & 0xFFFF_FFFF), text("a frame"))
        assert hit.frames[0] not in sgt.frames(), "and so it would"


def test_row_35_clean_the_dma_api_bounces_what_the_device_does_not_reach(tmp_path: Path) -> None:
    with clean_bench(folder=tmp_path, change=lambda board: high(no_iommu(board))) as bench:
        app = bench.process()
        fd = alloc(app)
        dmabuf = dma_buf_get(app, fd, Holder("importer", "camera"))
        attachment, sgt = camera_maps(bench, dmabuf)
        assert int(sgt.starts.min()) > 1 << 32
        assert int(sgt.dma_address.max()) < 1 << 32
        bench.engine("camera").write(Iova(first_iova(sgt)), text("a frame"))
        dma_buf_unmap_attachment_unlocked(attachment, sgt, FROM_DEVICE)
        address = app.mmap(fd, PAGE)
        assert app.load(address, 7) == b"a frame"
        app.munmap(address, PAGE)
        dma_buf_detach(dmabuf, attachment)
        dma_buf_put(dmabuf, Holder("importer", "camera"))
        app.close(fd)


def test_row_35_clean_a_negotiated_buffer_lies_where_all_reach_it_or_says_busy(tmp_path: Path) -> None:
    with clean_bench(folder=tmp_path, change=lambda board: high(no_iommu(board))) as bench:
        app, holder = bench.process(), Holder("importer", "camera")
        fd = alloc(app, "negotiated")
        dmabuf = dma_buf_get(app, fd, holder)
        attachment, sgt = camera_maps(bench, dmabuf)
        assert int(sgt.starts.max()) < 1 << 32, "no bounce is needed"
        dma_buf_unmap_attachment_unlocked(attachment, sgt, FROM_DEVICE)
        dma_buf_detach(dmabuf, attachment)
        dma_buf_put(dmabuf, holder)
        app.close(fd)


# --- 36: another device than the one that was attached --------------------------------------------


class ImportsForTheCamera(LcdifDriver):
    """Attaches the device that made the frame, and programs its own registers with what that was given."""

    def import_framebuffer(self, task: Task, fd: int) -> int:
        camera = next(d for d in self.kernel.devices.values() if d.name == "32e20000.camera")
        self.buffers.append(ImportedBuffer(task, fd, camera, TO_DEVICE))
        return len(self.buffers) - 1


def show(bench: Bench, app: Process, fd: int) -> LcdifDriver:
    """A frame on screen, for as long as two refreshes take."""
    driver = bench.device("lcdif").driver
    assert isinstance(driver, LcdifDriver)
    driver.set_mode(PICTURE)
    driver.flip(driver.import_framebuffer(app, fd))
    bench.machine.run(bench.kernel.clock.now + 40_000_000, lambda: False)
    return driver


def test_row_36_planted_it_is_told_before_and_the_iommu_stops_the_device_that_is_not_attached() -> None:
    with noisy_bench(bugs=[ImportsForTheCamera]) as bench:
        app = bench.process()
        show(bench, app, alloc(app))
        assert bench.kernel.log.entries[-1].text == (
            "arm-smmu-v3 2b400000.iommu: F_TRANSLATION: stream 0x10 read at iova 0xffffc000; "
            "last owner: never mapped"
        )
        assert bench.warned() == [
            "32e00000.lcdif is to use dma-buf 2 'system', which is attached to 32e20000.camera"
        ]


def test_row_36_planted_without_an_iommu_the_bus_ledger_knows_who_it_was(tmp_path: Path) -> None:
    with noisy_bench(folder=tmp_path, change=no_iommu, bugs=[ImportsForTheCamera]) as bench:
        bench.kernel.subsystem(StrayWatch).start()
        app = bench.process()
        fd = alloc(app, CMA)
        show(bench, app, fd).disable()
        read, _ = bench.machine.bus.master("lcdif@32e00000").traffic.total()
        assert read >= PICTURE.size
        assert bench.warned() == [
            f"32e00000.lcdif is to use dma-buf 2 '{CMA}', which is attached to 32e20000.camera",
            f"stray DMA: lcdif@32e00000 read {read} bytes of dma-buf 2 '{CMA}', "
            "which is mapped by 32e20000.camera at iova 0xa0000000 (TO_DEVICE)",
        ]


def test_row_36_clean_the_device_that_shows_it_is_in_bufinfo(tmp_path: Path) -> None:
    with clean_bench(folder=tmp_path, change=no_iommu) as bench:
        bench.kernel.subsystem(StrayWatch).start()
        app = bench.process()
        fd = alloc(app, CMA)
        driver = show(bench, app, fd)
        assert "\tAttached Devices:\n\t32e00000.lcdif\n" in bench.kernel.views.read(BUFINFO)
        driver.disable()
        app.close(fd)


def test_row_36_clean_a_card_that_cannot_import_says_so_and_copies_nothing() -> None:
    with clean_bench() as bench:
        card, app = Card(bench, "lcdif", DrmDriver("blind")), bench.process()
        node, fd = card.open(app), alloc(app)
        assert errno_of(fd_to_handle, app, node, fd) == EINVAL
        for one in (fd, node):
            app.close(one)
        card.remove()
