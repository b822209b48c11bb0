"""Rows 5 and 30: what a driver leaves behind, or puts twice, when a step of it fails.

Every step is made to fail once, in turn; after each failure everything must be as before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import EINVAL, EMFILE, ENOMEM

import pytest

from soc.dmabuf import dma_buf_attach, dma_buf_fd, dma_buf_get, dma_buf_map_attachment_unlocked, dma_buf_put
from soc.dmabuf.importer import ImportedBuffer
from soc.kernel.device import Device
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.fs.file import Holder, UseAfterFree
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.task import Task
from soc.kernel.uapi.memfd import F_ADD_SEALS, F_SEAL_SHRINK, MFD_ALLOW_SEALING
from soc.kernel.uapi.sw_sync import SW_SYNC_IOC_CREATE_FENCE, SwSyncCreateFenceData
from soc.kernel.uapi.udmabuf import UDMABUF_CREATE, UdmabufCreate
from soc.v4l2.vb2_queue import Vb2Queue
from tests.bugs.bench import CMA, PAGE, Bench, alloc, clean_bench, errno_of, noisy_bench
from tests.bugs.cards import GPU, Card, create_dumb, fd_to_handle, gem_close, handle_to_fd
from tests.bugs.frames import FrameDriver, get_fd
from tests.bugs.ion_app import IonApp

FROM_DEVICE = DmaDirection.FROM_DEVICE
SECOND_FD = 2
"""The first one is the node's."""


def fail_each(bench: Bench, work: Callable[[], object], only: FaultSite | None = None) -> int:
    """Let `work` fail at each place it passes, and compare what is left; how many places there were."""
    known = {only.errno} if only else {EINVAL, *(site.errno for site in FaultSite)}
    before = bench.left()
    for nth in range(1, 1000):
        bench.kernel.faults.fail_nth(nth, only)
        failed = errno_of(work)
        place = bench.kernel.faults.failed
        bench.kernel.faults.fail_nth(0)
        if place is None:
            assert failed == 0
            return nth - 1
        assert failed in known, place
        assert bench.left() == before, place
    raise AssertionError("it never came to an end")


# --- 5: dma_buf_fd fails, and the error path ------------------------------------------------------


class PutsTwice(FrameDriver):
    """A buffer for each client; when there is no fd for it, it is put, and put again by the caller."""

    def give(self, task: Task) -> int:
        dmabuf = self.new()
        try:
            return dma_buf_fd(task, dmabuf, os.O_CLOEXEC)
        except KernelError:
            dma_buf_put(dmabuf, dmabuf.exporter)
            dma_buf_put(dmabuf, dmabuf.exporter)
            raise


class FreesWhatReleaseHasFreed(FrameDriver):
    """Puts the buffer, which frees its memory, and then frees that."""

    def give(self, task: Task) -> int:
        dmabuf = self.new()
        try:
            return dma_buf_fd(task, dmabuf, os.O_CLOEXEC)
        except KernelError:
            dma_buf_put(dmabuf, dmabuf.exporter)
            dmabuf.priv.memory.give_back()
            raise


class ForgetsToPut(FrameDriver):
    """Believes that a failed dma_buf_fd has put the buffer."""

    def give(self, task: Task) -> int:
        return dma_buf_fd(task, self.new(), os.O_CLOEXEC)


def test_row_05_planted_a_second_put_is_trapped() -> None:
    with noisy_bench() as bench:
        PutsTwice(bench.kernel)
        bench.kernel.faults.fail_nth(SECOND_FD, FaultSite.FD)
        with pytest.raises(UseAfterFree):
            get_fd(bench.process())
        assert bench.warned() == ["dma_buf_put: dma-buf 3 'system' used after its release"]


def test_row_05_planted_memory_that_release_has_freed_is_freed_again() -> None:
    with noisy_bench() as bench:
        FreesWhatReleaseHasFreed(bench.kernel)
        bench.kernel.faults.fail_nth(SECOND_FD, FaultSite.FD)
        assert errno_of(get_fd, bench.process()) == EMFILE
        assert bench.warned() == ["system: the memory of dma-buf 3 was freed before"]


def test_row_05_planted_a_buffer_without_an_fd_stays_the_exporters() -> None:
    with noisy_bench() as bench:
        driver = ForgetsToPut(bench.kernel)
        app = bench.process()
        bench.kernel.faults.fail_nth(SECOND_FD, FaultSite.FD)
        assert errno_of(get_fd, app) == EMFILE
        app.exit()
        driver.unload()
        assert bench.left() == [
            "dma-buf 3 'system' (16384 bytes): held by kernel system",
            f"free pages: {bench.before['free pages']} before, {bench.before['free pages'] - 4} now",
            "open files dma-buf: 0 before, 1 now",
        ]


def udmabuf(process: Process) -> None:
    memory = process.memfd_create("frame", MFD_ALLOW_SEALING)
    device = -1
    try:
        process.ftruncate(memory, 4 * PAGE)
        process.fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK)
        device = process.open("/dev/udmabuf")
        process.close(process.ioctl(device, UDMABUF_CREATE, UdmabufCreate(memory, 0, 0, 4 * PAGE)))
    finally:
        process.close(memory)
        if device >= 0:
            process.close(device)


def prime(process: Process) -> None:
    card = process.open("/dev/dri/card0")
    try:
        handle = create_dumb(process, card)
        process.close(handle_to_fd(process, card, handle))
        gem_close(process, card, handle)
    finally:
        process.close(card)


def sw_sync(process: Process) -> None:
    timeline = process.open("/sys/kernel/debug/sync/sw_sync")
    try:
        data = SwSyncCreateFenceData(value=1)
        process.ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, data)
        process.close(data.fence)
    finally:
        process.close(timeline)


HAND_OUT: dict[str, Callable[[Process], object]] = {
    "system heap": lambda app: app.close(alloc(app, "system")),
    "CMA heap": lambda app: app.close(alloc(app, CMA)),
    "negotiated heap": lambda app: app.close(alloc(app, "negotiated")),
    "frame driver": lambda app: app.close(get_fd(app)),
    "udmabuf": udmabuf,
    "PRIME": prime,
    "sw_sync": sw_sync,
}


@pytest.mark.parametrize("who", HAND_OUT)
def test_row_05_clean_whoever_hands_out_an_fd_survives_every_emfile(who: str) -> None:
    with clean_bench() as bench:
        card, driver, app = Card(bench, "camera", GPU), FrameDriver(bench.kernel), bench.process()
        assert fail_each(bench, lambda: HAND_OUT[who](app), FaultSite.FD) >= 2
        driver.unload()
        card.remove()


def test_row_05_clean_ion_survives_every_emfile() -> None:
    with clean_bench("vexpress-ion") as bench:
        app = IonApp(bench.process())
        number = app.alloc()
        assert fail_each(bench, lambda: app.process.close(app.share(number)), FaultSite.FD) == 1
        app.free(number)
        app.process.close(app.fd)


# --- 30: an attachment that the error path forgets ------------------------------------------------


def import_and_forget_to_detach(task: Task, fd: int, device: Device) -> None:
    """get, attach, map; and when that fails, put."""
    importer = Holder("importer", device.name)
    dmabuf = dma_buf_get(task, fd, importer)
    attachment = dma_buf_attach(dmabuf, device)
    try:
        dma_buf_map_attachment_unlocked(attachment, FROM_DEVICE)
    except KernelError:
        dma_buf_put(dmabuf, importer)
        raise


def test_row_30_planted_the_attachment_outlives_a_failed_map() -> None:
    with noisy_bench() as bench:
        app = bench.process()
        fd = alloc(app)
        bench.kernel.faults.fail_nth(1, FaultSite.DMA_MAP)
        assert errno_of(import_and_forget_to_detach, app, fd, bench.device("camera")) == ENOMEM
        assert "dma-buf attachments: 0 before, 1 now" in bench.left()
        app.close(fd)
        assert bench.warned() == ["dma_buf_release: dma-buf 2 'system' is still attached to 32e20000.camera"]


def imported(bench: Bench, app: Process, fd: int) -> None:
    ImportedBuffer(app, fd, bench.device("camera"), FROM_DEVICE).close()


def imported_by_drm(bench: Bench, app: Process, fd: int) -> None:
    card = app.open("/dev/dri/card0")
    try:
        gem_close(app, card, fd_to_handle(app, card, fd))
    finally:
        app.close(card)


def imported_by_vb2(bench: Bench, app: Process, fd: int) -> None:
    queue = Vb2Queue(bench.device("camera"), "capture", FROM_DEVICE, (4 * PAGE,))
    queue.reqbufs(1)
    try:
        queue.qbuf(app, 0, [(fd, 0)])
    finally:
        queue.reqbufs(0)


@pytest.mark.parametrize("how", [imported, imported_by_drm, imported_by_vb2], ids=["driver", "drm", "vb2"])
@pytest.mark.parametrize("heap", ["system", CMA, "negotiated"])
def test_row_30_clean_importers_undo_whatever_step_fails(how: Callable, heap: str) -> None:
    with clean_bench() as bench:
        card, app = Card(bench, "lcdif"), bench.process()
        fd = alloc(app, heap)
        how(bench, app, fd)
        assert fail_each(bench, lambda: how(bench, app, fd)) >= 3
        app.close(fd)
        card.remove()
