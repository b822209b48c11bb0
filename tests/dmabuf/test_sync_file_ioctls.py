"""Names, fences in and out as sync_files, and poll on a dma-buf, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EFAULT, EINVAL, EMFILE, ENOMEM, ENOTTY

import pytest

from soc.dmabuf import DmaBuf
from soc.dmabuf.fence import DmaFence, dma_fence_is_signaled, dma_fence_put, dma_fence_signal
from soc.dmabuf.resv import DmaResvUsage, dma_resv_get_fences, dma_resv_test_signaled
from soc.dmabuf.sync import sync_file_get_fence
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.fs.poll import EPOLLIN, EPOLLOUT
from soc.kernel.generation import Generation
from soc.kernel.process import Process
from soc.kernel.uapi.dma_buf import (
    DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
    DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
    DMA_BUF_SET_NAME,
    DMA_BUF_SET_NAME_A,
    DMA_BUF_SET_NAME_B,
    DMA_BUF_SYNC_READ,
    DMA_BUF_SYNC_RW,
    DMA_BUF_SYNC_WRITE,
    DmaBufExportSyncFile,
    DmaBufImportSyncFile,
)
from tests.dmabuf.paged import Job, PagedExporter, PagedKernel, paged_kernel

READ, WRITE, BOOKKEEP = DmaResvUsage.READ, DmaResvUsage.WRITE, DmaResvUsage.BOOKKEEP
MODERN = [Generation.V6_12, Generation.V6_15]


@pytest.fixture(params=MODERN, ids=str)
def generation(request: pytest.FixtureRequest) -> Generation:
    assert isinstance(request.param, Generation)
    return request.param


@pytest.fixture
def kernel(generation: Generation) -> Iterator[PagedKernel]:
    with paged_kernel(generation) as kernel:
        yield kernel


@pytest.fixture
def app(kernel: PagedKernel) -> Process:
    return kernel.process("app", limit=4)


@pytest.fixture
def opened(kernel: PagedKernel, app: Process) -> tuple[int, DmaBuf]:
    return PagedExporter(kernel).open(app)


def exported(app: Process, fd: int, flags: int) -> DmaFence:
    data = DmaBufExportSyncFile(flags)
    app.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, data)
    assert data.fd in app.files.cloexec
    fence = sync_file_get_fence(app, data.fd)
    dma_fence_put(fence)
    return fence


# --- names -----------------------------------------------------------------------------


@pytest.mark.parametrize("cmd", [DMA_BUF_SET_NAME, DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B], ids=hex)
def test_every_encoding_sets_the_name_and_the_last_wins(
    app: Process, opened: tuple[int, DmaBuf], cmd: int
) -> None:
    fd, dmabuf = opened
    app.ioctl(fd, cmd, bytearray(b"first\0"))
    assert dmabuf.name == "first"
    app.ioctl(fd, cmd, bytearray(b"n" * 31 + b"\0"))
    assert dmabuf.name == "n" * 31
    app.ioctl(fd, cmd, bytearray(b"\0"))
    assert dmabuf.name == ""


def test_a_name_of_32_bytes_is_einval_and_a_bad_pointer_efault(
    app: Process, opened: tuple[int, DmaBuf]
) -> None:
    fd, dmabuf = opened
    for argument, errno in ((bytearray(b"n" * 33), EINVAL), (None, EFAULT)):
        with pytest.raises(KernelError) as error:
            app.ioctl(fd, DMA_BUF_SET_NAME_A, argument)
        assert error.value.errno == errno
    assert dmabuf.name is None


@pytest.mark.parametrize("generation", [Generation.V4_9], ids=str)
@pytest.mark.parametrize(
    "cmd", [DMA_BUF_SET_NAME_A, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DMA_BUF_IOCTL_IMPORT_SYNC_FILE], ids=hex
)
def test_4_9_has_only_sync(app: Process, opened: tuple[int, DmaBuf], cmd: int) -> None:
    with pytest.raises(KernelError) as error:
        app.ioctl(opened[0], cmd, bytearray(8))
    assert error.value.errno == ENOTTY


# --- export ------------------------------------------------------------------------------


def test_without_fences_the_sync_file_has_signalled(app: Process, opened: tuple[int, DmaBuf]) -> None:
    assert dma_fence_is_signaled(exported(app, opened[0], DMA_BUF_SYNC_RW))


@pytest.mark.parametrize(
    ("flags", "usage", "pending"),
    [
        (DMA_BUF_SYNC_READ, READ, False),
        (DMA_BUF_SYNC_READ, WRITE, True),
        (DMA_BUF_SYNC_WRITE, READ, True),
        (DMA_BUF_SYNC_WRITE, WRITE, True),
        (DMA_BUF_SYNC_RW, READ, True),
        (DMA_BUF_SYNC_RW, BOOKKEEP, False),
    ],
)
def test_what_an_export_waits_for(
    kernel: PagedKernel,
    app: Process,
    opened: tuple[int, DmaBuf],
    flags: int,
    usage: DmaResvUsage,
    pending: bool,
) -> None:
    Job(kernel).on(opened[1], usage)
    assert dma_fence_is_signaled(exported(app, opened[0], flags)) is not pending


def test_an_export_is_a_snapshot_of_all_of_them(
    kernel: PagedKernel, app: Process, opened: tuple[int, DmaBuf]
) -> None:
    fd, dmabuf = opened
    first, second = Job(kernel, "gpu").on(dmabuf, WRITE), Job(kernel, "vpu").on(dmabuf, READ)
    fence = exported(app, fd, DMA_BUF_SYNC_RW)
    later = Job(kernel, "isp").on(dmabuf, WRITE)
    for one in (first, second):
        assert not dma_fence_is_signaled(fence)
        dma_fence_signal(one)
    assert dma_fence_is_signaled(fence)
    assert not dma_fence_is_signaled(later)


@pytest.mark.parametrize("cmd", [DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DMA_BUF_IOCTL_IMPORT_SYNC_FILE], ids=hex)
@pytest.mark.parametrize("flags", [0, 4, 8 | DMA_BUF_SYNC_READ])
def test_other_flags_are_einval(app: Process, opened: tuple[int, DmaBuf], cmd: int, flags: int) -> None:
    with pytest.raises(KernelError) as error:
        app.ioctl(opened[0], cmd, DmaBufExportSyncFile(flags))
    assert error.value.errno == EINVAL


def test_a_full_table_is_emfile(app: Process, opened: tuple[int, DmaBuf]) -> None:
    for _ in range(3):
        app.dup(opened[0])
    with pytest.raises(KernelError) as error:
        app.ioctl(opened[0], DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DmaBufExportSyncFile(DMA_BUF_SYNC_RW))
    assert error.value.errno == EMFILE


def test_no_failure_of_an_export_leaks_an_fd_or_a_file(
    kernel: PagedKernel, app: Process, opened: tuple[int, DmaBuf]
) -> None:
    fd, dmabuf = opened
    Job(kernel, "gpu").on(dmabuf, WRITE), Job(kernel, "vpu").on(dmabuf, READ)
    failures = set()
    for nth in range(1, 20):
        kernel.faults.fail_nth(nth)
        try:
            app.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DmaBufExportSyncFile(DMA_BUF_SYNC_RW))
        except KernelError as error:
            failures.add(error.errno)
            assert (app.files.open_fds(), [file.ino for file in kernel.files.live()]) == ([0], [dmabuf.ino])
            continue
        break
    assert failures == {EMFILE, ENOMEM, EFAULT}
    assert app.files.open_fds() == [0, 1], "no number was lost either"


# --- import ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "usage"), [(DMA_BUF_SYNC_READ, READ), (DMA_BUF_SYNC_WRITE, WRITE), (3, WRITE)]
)
def test_an_import_adds_every_pending_fence(
    kernel: PagedKernel, app: Process, opened: tuple[int, DmaBuf], flags: int, usage: DmaResvUsage
) -> None:
    _, source = opened
    target_fd, target = PagedExporter(kernel).open(app)
    fences = [Job(kernel, name).on(source, WRITE) for name in ("gpu", "vpu", "isp")]
    data = DmaBufExportSyncFile(DMA_BUF_SYNC_RW)
    app.ioctl(opened[0], DMA_BUF_IOCTL_EXPORT_SYNC_FILE, data)
    dma_fence_signal(fences[0])
    app.ioctl(target_fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, DmaBufImportSyncFile(flags, data.fd))
    assert {slot.fence for slot in target.resv.table} == set(fences[1:]), "arrays are unwrapped"
    assert {slot.usage for slot in target.resv.table} == {usage}


def test_an_import_of_another_file_is_einval(app: Process, opened: tuple[int, DmaBuf]) -> None:
    for fd in (opened[0], 3):
        with pytest.raises(KernelError) as error:
            app.ioctl(opened[0], DMA_BUF_IOCTL_IMPORT_SYNC_FILE, DmaBufImportSyncFile(DMA_BUF_SYNC_RW, fd))
        assert error.value.errno == EINVAL


def test_an_import_without_memory_adds_nothing(
    kernel: PagedKernel, app: Process, opened: tuple[int, DmaBuf]
) -> None:
    fd, dmabuf = opened
    Job(kernel).on(dmabuf, WRITE)
    data = DmaBufExportSyncFile(DMA_BUF_SYNC_RW)
    app.ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, data)
    other_fd, other = PagedExporter(kernel).open(app)
    kernel.faults.fail_nth(1, only=FaultSite.SLAB)
    with pytest.raises(KernelError) as error:
        app.ioctl(other_fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, DmaBufImportSyncFile(DMA_BUF_SYNC_RW, data.fd))
    assert error.value.errno == ENOMEM
    assert dma_resv_test_signaled(other.resv, BOOKKEEP)


# --- poll --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "ready"),
    [(WRITE, 0), (DmaResvUsage.KERNEL, 0), (READ, EPOLLIN), (BOOKKEEP, EPOLLIN | EPOLLOUT)],
)
def test_what_a_pending_fence_leaves_ready(
    kernel: PagedKernel, app: Process, opened: tuple[int, DmaBuf], usage: DmaResvUsage, ready: int
) -> None:
    fd, dmabuf = opened
    both = EPOLLIN | EPOLLOUT
    assert app.poll([(fd, both)], timeout=0) == [both]
    fence = Job(kernel).on(dmabuf, usage)
    assert app.poll([(fd, both)], timeout=0) == [ready]
    dma_fence_signal(fence)
    assert app.poll([(fd, both)], timeout=0) == [both]


def test_poll_waits_for_one_fence_after_the_other(
    kernel: PagedKernel, app: Process, opened: tuple[int, DmaBuf]
) -> None:
    fd, dmabuf = opened
    fences = [Job(kernel, name).on(dmabuf, READ) for name in ("gpu", "vpu")]
    for delay, fence in zip((300, 100), fences, strict=True):
        kernel.clock.after(delay, lambda fence=fence: dma_fence_signal(fence))
    assert app.poll([(fd, EPOLLOUT)]) == [EPOLLOUT]
    assert kernel.clock.now == 300


def test_an_armed_poll_keeps_the_buffer(
    kernel: PagedKernel, app: Process, opened: tuple[int, DmaBuf]
) -> None:
    """close() during a poll does not free the buffer; the fence does when it fires."""
    fd, dmabuf = opened
    fence = Job(kernel).on(dmabuf, WRITE)
    app.poll([(fd, EPOLLIN | EPOLLOUT)], timeout=0)
    app.close(fd)
    assert dmabuf.file.held_by() == "kernel poll of dma-buf 1 'test' (2 times)"
    dma_fence_signal(fence)
    assert dmabuf.released
    assert kernel.log.warnings == []


def test_only_the_directions_asked_for_are_armed(
    kernel: PagedKernel, app: Process, opened: tuple[int, DmaBuf]
) -> None:
    fd, dmabuf = opened
    Job(kernel).on(dmabuf, WRITE)
    app.poll([(fd, EPOLLIN)], timeout=0)
    app.poll([(fd, EPOLLIN)], timeout=0)
    assert dmabuf.file.f_count == 2, "armed once, however often it is asked"
    assert len(dma_resv_get_fences(dmabuf.resv, BOOKKEEP)) == 1
