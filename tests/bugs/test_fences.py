"""Rows 21, 22 and 23: fences that nobody can signal, that a program has to, and that nobody waits for."""

from __future__ import annotations

import pytest

from soc.clock import SECOND
from soc.dmabuf import DmaBuf
from soc.dmabuf.fence import (
    DmaFence,
    FenceWatchdog,
    dma_fence_context_alloc,
    dma_fence_put,
    dma_fence_signal,
    dma_fence_wait,
    signalling,
)
from soc.dmabuf.resv import (
    DmaResvUsage,
    dma_resv_add_fence,
    dma_resv_fences,
    dma_resv_reserve_fences,
    dma_resv_usage_rw,
    dma_resv_wait_timeout,
)
from soc.dmabuf.sanitizer.access import Access
from soc.dmabuf.sanitizer.races import RaceChecker
from soc.kernel.fs.poll import EPOLLIN
from soc.kernel.process import Process
from soc.kernel.sched.deadlock import Deadlock
from soc.kernel.uapi.dma_buf import (
    DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
    DMA_BUF_IOCTL_SYNC,
    DMA_BUF_SYNC_READ,
    DMA_BUF_SYNC_WRITE,
    DmaBufImportSyncFile,
    DmaBufSync,
)
from soc.kernel.uapi.sw_sync import SW_SYNC_IOC_CREATE_FENCE, SW_SYNC_IOC_INC, SwSyncCreateFenceData
from tests.bugs.bench import Bench, alloc, clean_bench, noisy_bench

SW_SYNC = "/sys/kernel/debug/sync/sw_sync"
ONE = b"\1\0\0\0"


def job(bench: Bench, driver: str, seqno: int = 1) -> DmaFence:
    """A device's job, on a timeline of its own."""
    return DmaFence(bench.kernel, driver, "ring", dma_fence_context_alloc(bench.kernel), seqno)


def add(dmabuf: DmaBuf, fence: DmaFence, usage: DmaResvUsage) -> None:
    with dmabuf.resv.locked():
        dma_resv_reserve_fences(dmabuf.resv, 1)
        dma_resv_add_fence(dmabuf.resv, fence, usage)


def timeline_and_fence(process: Process) -> tuple[int, int]:
    """A timeline that the program moves on, and a sync_file at its first point."""
    timeline = process.open(SW_SYNC)
    data = SwSyncCreateFenceData(value=1)
    process.ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, data)
    return timeline, data.fence


# --- 21: deadlocks --------------------------------------------------------------------------------


def test_row_21_planted_a_task_that_waits_for_its_own_fence_is_told_of_the_cycle() -> None:
    with noisy_bench() as bench:
        app = bench.process()
        fd = alloc(app)
        fence = job(bench, "gpu")
        fence.signaller = app
        add(bench.dmabuf(app, fd), fence, DmaResvUsage.WRITE)
        with pytest.raises(Deadlock):
            app.ioctl(fd, DMA_BUF_IOCTL_SYNC, DmaBufSync(DMA_BUF_SYNC_READ))
        assert bench.warned() == [
            "deadlock: app (pid 100) waits for fence gpu 1:1, to be signalled by app (pid 100)"
        ]


def test_row_21_planted_the_lock_of_a_buffer_on_the_way_to_its_fence() -> None:
    """The interrupt handler locks what a waiter holds: told before it ever hangs."""
    with noisy_bench() as bench:
        app = bench.process()
        dmabuf = bench.dmabuf(app, alloc(app))
        fence = job(bench, "gpu")
        with signalling(bench.kernel, "gpu interrupt"):
            with dmabuf.resv.locked():
                pass
            dma_fence_signal(fence)
        (warning,) = bench.warned()
        assert warning.startswith("possible circular locking dependency: ")
        assert warning.endswith("but the order is reservation_ww_class -> fs_reclaim -> dma_fence_map")


def test_row_21_planted_a_fence_that_nobody_signals_is_told_by_the_watchdog() -> None:
    with noisy_bench() as bench:
        watchdog = FenceWatchdog(bench.kernel, limit=SECOND)
        fence = job(bench, "gpu")
        bench.machine.run(2 * SECOND, lambda: False)
        where = "driver gpu, timeline ring, seqno 1, to be signalled by nobody known"
        assert bench.warned() == [f"{fence} has been pending for 1.000 s: {where}"]
        assert f"{fence} was never signalled: {where}" in bench.left()
        watchdog.stop()


def test_row_21_clean_work_is_done_while_others_wait_for_it() -> None:
    with clean_bench() as bench:
        watchdog = FenceWatchdog(bench.kernel, limit=SECOND)
        app, worker = bench.process(), bench.process("worker")
        fd = alloc(app)
        fence = job(bench, "gpu")
        fence.signaller = bench.kernel.sched.spawn(worker, dma_fence_signal, fence)
        add(bench.dmabuf(app, fd), fence, DmaResvUsage.WRITE)
        app.ioctl(fd, DMA_BUF_IOCTL_SYNC, DmaBufSync(DMA_BUF_SYNC_READ))
        late = job(bench, "camera")
        with bench.kernel.sched.atomic("camera interrupt"), signalling(bench.kernel, "camera interrupt"):
            dma_fence_signal(late)
        dma_fence_wait(late)
        for one in (fence, late):
            dma_fence_put(one)
        app.close(fd)
        watchdog.stop()


# --- 22: fences that user space signals -----------------------------------------------------------


def test_row_22_planted_a_program_waits_for_what_only_it_can_signal() -> None:
    """By way of a buffer, so that even kernel code which waits for that is caught."""
    with noisy_bench() as bench:
        app = bench.process()
        fd = alloc(app)
        _, fence = timeline_and_fence(app)
        app.ioctl(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, DmaBufImportSyncFile(DMA_BUF_SYNC_WRITE, fence))
        cycle = "fence sw_sync 1:1, to be signalled by app (pid 100)"
        with pytest.raises(Deadlock):
            app.poll([(fence, EPOLLIN)])
        with bench.kernel.sched.running(app), pytest.raises(Deadlock):
            dma_resv_wait_timeout(bench.dmabuf(app, fd).resv, DmaResvUsage.READ)
        assert bench.warned() == [
            f"deadlock: app (pid 100) waits for poll of fd {fence}, which needs {cycle}",
            f"deadlock: app (pid 100) waits for {cycle}",
        ]
        assert any(text.startswith("fence sw_sync 1:1 was never signalled") for text in bench.left())


def test_row_22_clean_another_thread_moves_the_timeline_on() -> None:
    with clean_bench() as bench:
        app = bench.process()
        fd = alloc(app)
        timeline, fence = timeline_and_fence(app)
        app.ioctl(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, DmaBufImportSyncFile(DMA_BUF_SYNC_WRITE, fence))
        bench.kernel.sched.spawn(app, app.ioctl, timeline, SW_SYNC_IOC_INC, bytearray(ONE))
        assert app.poll([(fence, EPOLLIN)]) == [EPOLLIN]
        for one in (fence, timeline, fd):
            app.close(one)


# --- 23: fences that nobody waits for, or that say the wrong thing --------------------------------


def submit(
    bench: Bench, dmabuf: DmaBuf, engine: str, write: bool, careful: bool, usage: DmaResvUsage
) -> DmaFence:
    """A job on the whole buffer; `careful` waits for the fences that stand in its way."""
    table, fence = dmabuf.priv.memory.sgt, job(bench, engine)
    waits: list[DmaFence] = []
    if careful:
        with dmabuf.resv.locked():
            waits = list(dma_resv_fences(dmabuf.resv, dma_resv_usage_rw(write)))
    bench.kernel.subsystem(RaceChecker).submit(engine, [Access.of(str(dmabuf), table, write)], waits, fence)
    add(dmabuf, fence, usage)
    return fence


RACE = (
    "data race: job 2 of lcdif reads dma-buf 2 'system', pages 0..3 (bytes 0x0..0x3fff), "
    "which job 1 of camera writes; no fence orders them"
)


@pytest.mark.parametrize(
    ("careful", "usage"),
    [(False, DmaResvUsage.WRITE), (True, DmaResvUsage.READ)],
    ids=["the reader does not look", "the writer says that it reads"],
)
def test_row_23_planted_a_reader_and_a_writer_that_no_fence_orders(
    careful: bool, usage: DmaResvUsage
) -> None:
    with noisy_bench() as bench:
        app = bench.process()
        dmabuf = bench.dmabuf(app, alloc(app))
        submit(bench, dmabuf, "camera", True, True, usage)
        submit(bench, dmabuf, "lcdif", False, careful, DmaResvUsage.READ)
        assert bench.warned() == [RACE]


def test_row_23_clean_the_reader_waits_for_the_writer() -> None:
    with clean_bench() as bench:
        app = bench.process()
        fd = alloc(app)
        dmabuf = bench.dmabuf(app, fd)
        for _ in range(3):
            written = submit(bench, dmabuf, "camera", True, True, DmaResvUsage.WRITE)
            shown = submit(bench, dmabuf, "lcdif", False, True, DmaResvUsage.READ)
            for fence in (written, shown):
                dma_fence_signal(fence)
                dma_fence_put(fence)
        app.close(fd)
