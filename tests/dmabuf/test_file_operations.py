"""What a program does with the fd of a dma-buf: mmap, lseek, fstat, names, read and write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from errno import EACCES, EINVAL, ENODEV, ENOMEM, ENOTTY, EOVERFLOW, ESPIPE
from mmap import MAP_SHARED, PROT_READ

import pytest

from soc.address import PAGE_SIZE
from soc.dmabuf import dma_buf_mmap
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import FileOperations, Holder
from soc.kernel.generation import Generation
from soc.kernel.mm.user import UserFault
from soc.kernel.mm.vma import Vma
from soc.kernel.process import READ_WRITE, Process, Stat
from soc.kernel.uapi.dma_buf import DMA_BUF_SET_NAME_A
from tests.dmabuf.paged import FRAMES, PagedExporter, PagedKernel, paged_kernel

SIZE = 4 * PAGE_SIZE
SINCE_4_9 = [generation for generation in Generation if generation >= Generation.V4_9]


@pytest.fixture(params=SINCE_4_9, ids=str)
def generation(request: pytest.FixtureRequest) -> Generation:
    assert isinstance(request.param, Generation)
    return request.param


@pytest.fixture
def kernel(generation: Generation) -> Iterator[PagedKernel]:
    with paged_kernel(generation) as kernel:
        yield kernel


@pytest.fixture
def exporter(kernel: PagedKernel) -> PagedExporter:
    return PagedExporter(kernel)


@pytest.fixture
def app(kernel: PagedKernel) -> Process:
    return kernel.process("app")


# --- mmap --------------------------------------------------------------------------


def test_a_mapping_shows_the_pages_and_survives_the_fd(
    kernel: PagedKernel, exporter: PagedExporter, app: Process
) -> None:
    fd, dmabuf = exporter.open(app)
    address = app.mmap(fd, SIZE)
    app.close(fd)
    app.store(address + PAGE_SIZE, b"second")
    assert bytes(kernel.dram.view(int(FRAMES[1]) << 12, 6)) == b"second"
    assert dmabuf.file.held_by() == f"vma {address:#x} of app (pid 100)"
    app.munmap(address, SIZE)
    assert dmabuf.released
    assert kernel.log.warnings == []


@pytest.mark.parametrize(
    ("length", "offset"),
    [(SIZE + 1, 0), (SIZE, PAGE_SIZE), (1, SIZE), (0, 0), (PAGE_SIZE, 1)],
    ids=["longer", "beyond the end", "at the end", "no bytes", "inside a page"],
)
def test_the_whole_mapping_must_lie_inside(
    exporter: PagedExporter, app: Process, length: int, offset: int
) -> None:
    fd, dmabuf = exporter.open(app)
    with pytest.raises(KernelError) as error:
        app.mmap(fd, length, READ_WRITE, MAP_SHARED, offset)
    assert error.value.errno == EINVAL
    assert (exporter.calls, dmabuf.file.f_count) == ([], 1)


def test_a_part_of_the_buffer(exporter: PagedExporter, app: Process) -> None:
    fd, _ = exporter.open(app)
    whole, tail = app.mmap(fd, SIZE), app.mmap(fd, 1, offset=3 * PAGE_SIZE)
    app.store(whole + 3 * PAGE_SIZE, b"tail")
    assert app.load(tail, 4) == b"tail"


def test_an_exporter_without_mmap_is_einval(exporter: PagedExporter, app: Process) -> None:
    fd, _ = exporter.open(app, ops=replace(exporter.paged_ops(), mmap=None))
    with pytest.raises(KernelError) as error:
        app.mmap(fd, SIZE)
    assert str(error.value) == "-EINVAL: dma-buf 1 'test': its exporter maps nothing for programs"


def test_an_exporters_errno_leaves_no_reference(kernel: PagedKernel, app: Process) -> None:
    fd, dmabuf = PagedExporter(kernel, fail=("mmap", ENOMEM)).open(app)
    with pytest.raises(KernelError) as error:
        app.mmap(fd, SIZE)
    assert (error.value.errno, dmabuf.file.f_count, app.mm.vmas) == (ENOMEM, 1, [])


def test_a_read_only_fd_is_not_mapped_for_writing(exporter: PagedExporter, app: Process) -> None:
    fd, _ = exporter.open(app, flags=os.O_RDONLY)
    with pytest.raises(KernelError) as error:
        app.mmap(fd, SIZE)
    assert error.value.errno == EACCES
    address = app.mmap(fd, SIZE, PROT_READ)
    with pytest.raises(UserFault, match="SIGSEGV"):
        app.store(address, b"x")


# --- a driver that maps an imported buffer as its own ------------------------------


def drm_mmap(kernel: PagedKernel, app: Process, dmabuf: object, pgoff: int) -> tuple[int, Holder]:
    """An fd of another driver whose mmap hands over to the dma-buf."""
    holder = Holder("importer", "drm")

    def mmap(file: object, vma: Vma) -> None:
        dma_buf_mmap(dmabuf, vma, pgoff)  # type: ignore[arg-type]

    ops = FileOperations("drm", lambda file: None, mmap=mmap)
    kernel.devfs.add(
        "/dev/dri/card0", lambda task, flags, who: kernel.files.open(ops, 0, "card0", who, flags)
    )
    return app.open("/dev/dri/card0"), holder


def test_a_driver_hands_its_mapping_over(kernel: PagedKernel, exporter: PagedExporter, app: Process) -> None:
    fd, dmabuf = exporter.open(app)
    drm, _ = drm_mmap(kernel, app, dmabuf, 1)
    address = app.mmap(drm, PAGE_SIZE)
    app.store(address, b"page 1")
    assert bytes(kernel.dram.view(int(FRAMES[1]) << 12, 6)) == b"page 1"
    app.close(fd)
    assert dmabuf.file.held_by() == f"vma {address:#x} of app (pid 100)"
    assert app.files.file(drm).f_count == 1, "the mapping is the dma-buf's, not the driver's"
    app.exit()
    assert (kernel.files.live(), kernel.log.warnings) == ([], [])


@pytest.mark.parametrize(("pgoff", "errno"), [(4, EINVAL), (1 << 52, EOVERFLOW), ((1 << 52) - 1, EOVERFLOW)])
def test_where_it_may_not_begin(
    kernel: PagedKernel, exporter: PagedExporter, app: Process, pgoff: int, errno: int
) -> None:
    drm, _ = drm_mmap(kernel, app, exporter.open(app)[1], pgoff)
    with pytest.raises(KernelError) as error:
        app.mmap(drm, PAGE_SIZE)
    assert error.value.errno == errno
    app.exit()
    assert (kernel.files.live(), kernel.log.warnings) == ([], [])


def test_nothing_or_no_mmap_to_hand_over_to_is_einval(
    kernel: PagedKernel, exporter: PagedExporter, app: Process
) -> None:
    dmabuf = exporter.export(ops=replace(exporter.paged_ops(), mmap=None))
    vma = Vma(app.mm, 0x1000, 0x2000, 0)  # type: ignore[arg-type]
    for buffer in (None, dmabuf):
        with pytest.raises(KernelError) as error:
            dma_buf_mmap(buffer, vma, 0)
        assert error.value.errno == EINVAL


# --- the rest ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "whence", "result"),
    [
        (0, os.SEEK_END, SIZE),
        (0, os.SEEK_SET, 0),
        (1, os.SEEK_END, None),
        (-1, os.SEEK_END, None),
        (4096, os.SEEK_SET, None),
        (0, os.SEEK_CUR, None),
        (0, 5, None),
    ],
)
def test_lseek_only_asks_for_the_size(
    exporter: PagedExporter, app: Process, offset: int, whence: int, result: int | None
) -> None:
    fd, _ = exporter.open(app)
    if result is not None:
        assert app.lseek(fd, offset, whence) == result
        return
    with pytest.raises(KernelError) as error:
        app.lseek(fd, offset, whence)
    assert error.value.errno == EINVAL


def test_read_write_and_truncate_are_einval(exporter: PagedExporter, app: Process) -> None:
    fd, _ = exporter.open(app)
    for call in (lambda: app.read(fd, 1), lambda: app.write(fd, b"x"), lambda: app.ftruncate(fd, 0)):
        with pytest.raises(KernelError) as error:
            call()
        assert error.value.errno == EINVAL


def test_what_proc_and_fstat_say(exporter: PagedExporter, app: Process, generation: Generation) -> None:
    fd, dmabuf = exporter.open(app)
    app.dup(fd)
    if generation < Generation.V6_12:
        assert (app.readlink(fd), app.fstat(fd)) == ("anon_inode:dma-buf", Stat(1, 0))
        assert "size:" not in app.fdinfo(fd)
        return
    assert (app.readlink(fd), app.fstat(fd)) == ("/dmabuf:", Stat(dmabuf.ino, SIZE))
    common = "pos:\t0\nflags:\t02\nino:\t1\n"
    assert app.fdinfo(fd) == common + "size:\t16384\ncount:\t2\nexp_name:\ttest\n"
    app.ioctl(fd, DMA_BUF_SET_NAME_A, bytearray(b"camera\0"))
    assert app.readlink(fd) == "/dmabuf:camera"
    assert app.fdinfo(fd) == common + "size:\t16384\ncount:\t2\nexp_name:\ttest\nname:\tcamera\n"


def test_dup_and_fork_are_the_same_file(exporter: PagedExporter, app: Process) -> None:
    fd, dmabuf = exporter.open(app)
    child = app.fork()
    assert {app.fstat(app.dup(fd)).st_ino, child.fstat(fd).st_ino} == {dmabuf.ino}
    assert dmabuf.file.f_count == 3


@pytest.mark.parametrize("generation", [Generation.V2011], ids=str)
def test_in_2011_the_fd_can_only_be_passed_on(exporter: PagedExporter, app: Process) -> None:
    fd, _ = exporter.open(app)
    for call, errno in (
        (lambda: app.mmap(fd, SIZE), ENODEV),
        (lambda: app.lseek(fd, 0, os.SEEK_END), ESPIPE),
        (lambda: app.ioctl(fd, 0x40086200, bytearray(8)), ENOTTY),
    ):
        with pytest.raises(KernelError) as error:
            call()
        assert error.value.errno == errno
