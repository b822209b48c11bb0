"""Rows 1 to 4: references that are put too early, given away twice, lost in the fd table, or not kept."""

from __future__ import annotations

import os

import pytest

from soc.address import Iova
from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_fd,
    dma_buf_get,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
    get_dma_buf,
)
from soc.dmabuf.ledger import references
from soc.kernel.fs.fdtable import FD_IS_PUBLIC
from soc.kernel.fs.file import Holder, UseAfterFree
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.task import Task
from tests.bugs.bench import PAGE, Bench, alloc, clean_bench, errno_of, first_iova, noisy_bench, text
from tests.bugs.frames import FrameDriver, get_fd

FROM_DEVICE = DmaDirection.FROM_DEVICE
IMPORTER = Holder("importer", "32e20000.camera")


# --- 1: put in the wrong order --------------------------------------------------------------------


def test_row_01_planted_the_last_put_comes_before_unmap_and_detach() -> None:
    with noisy_bench() as bench:
        app, camera = bench.process(), bench.device("camera")
        fd = alloc(app)
        dmabuf = dma_buf_get(app, fd, IMPORTER)
        attachment = dma_buf_attach(dmabuf, camera)
        sgt = dma_buf_map_attachment_unlocked(attachment, FROM_DEVICE)
        dma_buf_put(dmabuf, IMPORTER)
        app.close(fd)
        assert bench.warned() == [
            f"dma_buf_release: {dmabuf} is still attached to 32e20000.camera",
            f"dma_buf_release: {dmabuf} is still mapped by 32e20000.camera "
            f"at iova {first_iova(sgt):#x} (FROM_DEVICE)",
        ]
        bench.engine("camera").write(Iova(first_iova(sgt) + PAGE), text("late"))
        where = int(sgt.frames()[1]) << 12
        late = f"camera@32e20000 wrote 4 bytes on a freed page of dma-buf 2 of heap system, at {where:#x}"
        assert f"use after free: {late}" in bench.left()
        with pytest.raises(UseAfterFree):
            dma_buf_unmap_attachment_unlocked(attachment, sgt, FROM_DEVICE)


def test_row_01_clean_unmap_then_detach_then_put() -> None:
    with clean_bench() as bench:
        app, camera = bench.process(), bench.device("camera")
        fd = alloc(app)
        dmabuf = dma_buf_get(app, fd, IMPORTER)
        app.close(fd)
        attachment = dma_buf_attach(dmabuf, camera)
        sgt = dma_buf_map_attachment_unlocked(attachment, FROM_DEVICE)
        bench.engine("camera").write(Iova(first_iova(sgt) + PAGE), text("in time"))
        dma_buf_unmap_attachment_unlocked(attachment, sgt, FROM_DEVICE)
        dma_buf_detach(dmabuf, attachment)
        dma_buf_put(dmabuf, IMPORTER)


# --- 2: dma_buf_fd takes no reference, it consumes one --------------------------------------------


class GivesItsOwnAway(FrameDriver):
    """Believes that dma_buf_fd takes a reference for the fd."""

    def give(self, task: Task) -> int:
        return dma_buf_fd(task, self.shared, os.O_CLOEXEC)


def test_row_02_planted_the_second_fd_has_no_reference_and_the_first_close_ends_the_buffer() -> None:
    with noisy_bench() as bench:
        driver = GivesItsOwnAway(bench.kernel)
        first, second = bench.process("first"), bench.process("second")
        mine, other = get_fd(first), get_fd(second)
        assert bench.warned() == [
            "dma-buf 1 'system': transfer to fd 1 of second (pid 101) by kernel system, "
            "which has no reference; held by fd 1 of first (pid 100)"
        ]
        first.close(mine)
        assert driver.shared.released, "the driver's only buffer went with one of its clients"
        with pytest.raises(UseAfterFree):
            get_fd(second)
        with pytest.raises(UseAfterFree):
            second.mmap(other, PAGE)
        assert bench.warned() == [
            "dma_buf_fd: dma-buf 1 'system' used after its release",
            "get_file: dma-buf 1 'system' used after its release",
        ]


def test_row_02_clean_each_fd_has_a_reference_and_the_ledger_says_whose_they_are() -> None:
    with clean_bench() as bench:
        driver = FrameDriver(bench.kernel)
        first, second = bench.process("first"), bench.process("second")
        mine, other = get_fd(first), get_fd(second)
        address = second.mmap(other, PAGE)
        (entry,) = references(bench.kernel)
        assert entry.holders == {
            "fd 1 of first (pid 100)": 1,
            "fd 1 of second (pid 101)": 1,
            "kernel system": 1,
            f"vma {address:#x} of second (pid 101)": 1,
        }
        assert entry.count == sum(entry.holders.values())
        first.close(mine)
        second.close(other)
        second.munmap(address, PAGE)
        assert driver.shared.file.held_by() == "kernel system"
        driver.unload()


# --- 3: put_unused_fd after fd_install ------------------------------------------------------------


class PutsTheNumber(FrameDriver):
    """Gives the number back when it is done with it, though by then a file is in its slot."""

    def give(self, task: Task) -> int:
        fd = super().give(task)
        task.files.put_unused_fd(fd)
        return fd


def test_row_03_planted_the_number_is_given_again_and_the_file_in_its_slot_is_lost() -> None:
    with noisy_bench() as bench:
        driver = PutsTheNumber(bench.kernel)
        app = bench.process()
        fd = get_fd(app)
        assert bench.warned() == [
            f"put_unused_fd: fd {fd} of app (pid 100) holds dma-buf 1 'system'; "
            "after fd_install only close() gives it back"
        ]
        assert [alloc(app, "negotiated") for _ in range(2)] == [fd, 2], "the number comes a second time"
        assert bench.warned() == [
            f"alloc_fd: slot {fd} not NULL! app (pid 100) loses its reference to dma-buf 1 'system'"
        ]
        app.exit()
        driver.unload()
        assert bench.left()[0] == (
            f"dma-buf 1 'system' (16384 bytes): held by fd {fd} of app (pid 100), overwritten and lost"
        )


def test_row_03_clean_a_number_without_a_file_is_put_and_one_with_a_file_is_closed() -> None:
    with clean_bench() as bench:
        driver = FrameDriver(bench.kernel)
        app = bench.process()
        app.files.put_unused_fd(app.files.get_unused_fd())
        fd = get_fd(app)
        app.close(fd)
        assert get_fd(app) == fd
        app.close(fd)
        driver.unload()


# --- 4: use of the buffer when its fd is public already -------------------------------------------


class AttachesAfterwards(FrameDriver):
    """Makes a new buffer for each client, and goes on with it when the fd has the only reference."""

    def give(self, task: Task) -> int:
        dmabuf = self.new()
        fd = dma_buf_fd(task, dmabuf, os.O_CLOEXEC)
        self.prepare(dmabuf)
        return fd

    def prepare(self, dmabuf) -> None:
        attachment = dma_buf_attach(dmabuf, self.device)
        dma_buf_detach(dmabuf, attachment)


class KeepsOneWhileItWorks(AttachesAfterwards):
    """Has a reference of its own for as long as it uses the buffer."""

    def give(self, task: Task) -> int:
        dmabuf, mine = self.new(), Holder("kernel", "frames")
        get_dma_buf(dmabuf, mine)
        fd = dma_buf_fd(task, dmabuf, os.O_CLOEXEC)
        self.prepare(dmabuf)
        dma_buf_put(dmabuf, mine)
        return fd


def close_at_once(bench: Bench, app: Process, fd: int) -> None:
    """Another thread of the program closes `fd` the moment it is there."""

    def preempt(place: str) -> None:
        if place == FD_IS_PUBLIC:
            bench.kernel.sched.spawn(app, app.close, fd)
            bench.kernel.sched.run_ready()

    bench.kernel.sched.on_preempt = preempt


def test_row_04_planted_another_thread_closes_the_fd_before_the_driver_is_done() -> None:
    with noisy_bench() as bench:
        AttachesAfterwards(bench.kernel, bench.device("camera"))
        app = bench.process()
        close_at_once(bench, app, 1)
        with pytest.raises(UseAfterFree):
            get_fd(app)
        assert bench.warned() == ["dma_buf_attach: dma-buf 3 'system' used after its release"]


def test_row_04_planted_it_is_told_though_nobody_closes_the_fd_this_time() -> None:
    with noisy_bench() as bench:
        AttachesAfterwards(bench.kernel, bench.device("camera"))
        app = bench.process()
        fd = get_fd(app)
        used = "is used without a kernel reference; held by fd 1 of app (pid 100)"
        assert bench.warned() == [
            f"dma_buf_attach: dma-buf 3 'system' {used}",
            f"dma_buf_detach: dma-buf 3 'system' {used}",
        ]
        app.close(fd)


def test_row_04_clean_with_a_reference_of_its_own_the_driver_does_not_care() -> None:
    with clean_bench() as bench:
        driver = KeepsOneWhileItWorks(bench.kernel, bench.device("camera"))
        app = bench.process()
        close_at_once(bench, app, 1)
        assert errno_of(app.close, get_fd(app)) != 0, "it was closed meanwhile"
        driver.unload()
