"""memfd_create, its seals, and what mappings of it see: the rows of man 2 memfd_create and man 2 fcntl."""

from __future__ import annotations

import os
from errno import EACCES, EBADF, EBUSY, EINVAL, EMFILE, ENOMEM, ENOSYS, EPERM
from fcntl import F_GETFD, F_GETFL, F_SETFD, FD_CLOEXEC
from mmap import MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE
from pathlib import Path

import numpy as np
import pytest

from soc.kernel.errors import KernelError
from soc.kernel.fs.memfd import MemFile
from soc.kernel.generation import Generation
from soc.kernel.mm.user import UserFault
from soc.kernel.process import Process
from soc.kernel.uapi.memfd import (
    F_ADD_SEALS,
    F_GET_SEALS,
    F_SEAL_EXEC,
    F_SEAL_FUTURE_WRITE,
    F_SEAL_GROW,
    F_SEAL_SEAL,
    F_SEAL_SHRINK,
    F_SEAL_WRITE,
    MFD_ALLOW_SEALING,
    MFD_CLOEXEC,
    MFD_EXEC,
    MFD_HUGETLB,
    MFD_NOEXEC_SEAL,
)
from tests.dma_heap.bench import PAGE, HeapBench
from tests.udmabuf.sealed import memfd

RW = PROT_READ | PROT_WRITE


def file_of(process: Process, fd: int) -> MemFile:
    private = process.files.file(fd).private
    assert isinstance(private, MemFile)
    return private


def fails(call: object, *args: object) -> int:
    """The errno of a call."""
    with pytest.raises(KernelError) as error:
        call(*args)  # type: ignore[operator]
    return error.value.errno


def test_a_new_file_is_empty_and_named(app: Process) -> None:
    fd = app.memfd_create("frame", MFD_CLOEXEC)
    assert app.fstat(fd).st_size == 0
    assert app.readlink(fd) == "/memfd:frame (deleted)"
    assert app.fcntl(fd, F_GETFD) == FD_CLOEXEC
    assert app.fcntl(fd, F_GETFL) == os.O_RDWR


@pytest.mark.parametrize(
    ("name", "flags", "errno"),
    [
        ("x", 0x20, EINVAL),
        ("x", 1 << 31, EINVAL),
        ("x", MFD_EXEC | MFD_NOEXEC_SEAL, EINVAL),
        ("n" * 250, 0, EINVAL),
        ("x", MFD_HUGETLB, ENOSYS),
    ],
    ids=["unknown", "unknown high", "exec and not", "long name", "huge pages"],
)
def test_what_memfd_create_refuses(app: Process, name: str, flags: int, errno: int) -> None:
    assert fails(app.memfd_create, name, flags) == errno
    assert app.files.open_fds() == []


def test_the_longest_name(app: Process) -> None:
    assert app.memfd_create("n" * 249, 0) == 0


def test_there_is_none_in_2011(tmp_path: Path) -> None:
    bench = HeapBench(tmp_path, Generation.V2011)
    assert fails(bench.kernel.process("app").memfd_create, "x", 0) == ENOSYS
    bench.close()


def test_a_full_fd_table_is_emfile(bench: HeapBench) -> None:
    assert fails(bench.kernel.process("small", limit=0).memfd_create, "x", 0) == EMFILE


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_without_memory_nothing_is_left(bench: HeapBench, app: Process, nth: int) -> None:
    before = bench.baseline()
    bench.kernel.faults.fail_nth(nth)
    assert fails(app.memfd_create, "x", 0) in (ENOMEM, EMFILE)
    assert bench.baseline() == before


@pytest.mark.parametrize(
    ("flags", "seals"),
    [(0, F_SEAL_SEAL), (MFD_ALLOW_SEALING, 0), (MFD_NOEXEC_SEAL, F_SEAL_EXEC), (MFD_EXEC, F_SEAL_SEAL)],
)
def test_the_seals_a_file_begins_with(app: Process, flags: int, seals: int) -> None:
    assert app.fcntl(app.memfd_create("x", flags), F_GET_SEALS) == seals


def test_seals_are_added_until_f_seal_seal(app: Process) -> None:
    fd = app.memfd_create("x", MFD_ALLOW_SEALING)
    assert app.fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0
    assert app.fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL) == 0
    assert app.fcntl(fd, F_GET_SEALS) == F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL
    assert fails(app.fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE) == EPERM


def test_seals_that_do_not_exist_and_files_that_have_none(app: Process) -> None:
    fd = app.memfd_create("x", MFD_ALLOW_SEALING)
    assert fails(app.fcntl, fd, F_ADD_SEALS, 0x40) == EINVAL
    heap = app.open("/dev/dma_heap/system")
    assert fails(app.fcntl, heap, F_GET_SEALS) == EINVAL
    assert fails(app.fcntl, heap, F_ADD_SEALS, F_SEAL_SHRINK) == EINVAL
    assert fails(app.fcntl, fd, 9999) == EINVAL
    assert fails(app.fcntl, 77, F_GET_SEALS) == EBADF


def test_an_executable_file_that_stays_so_cannot_be_written_either(app: Process) -> None:
    fd = app.memfd_create("x", MFD_ALLOW_SEALING)
    app.fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC)
    every = F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE
    assert app.fcntl(fd, F_GET_SEALS) == every


@pytest.mark.parametrize(
    ("seals", "size", "errno"),
    [
        (F_SEAL_SHRINK, PAGE, EPERM),
        (F_SEAL_SHRINK, 3 * PAGE, 0),
        (F_SEAL_GROW, 3 * PAGE, EPERM),
        (F_SEAL_GROW, PAGE, 0),
        (F_SEAL_SHRINK | F_SEAL_GROW, 2 * PAGE, 0),
    ],
)
def test_a_sealed_size(app: Process, seals: int, size: int, errno: int) -> None:
    fd = memfd(app, 2, seals)
    if errno:
        assert fails(app.ftruncate, fd, size) == errno
    else:
        app.ftruncate(fd, size)
        assert app.fstat(fd).st_size == size


@pytest.mark.parametrize("seal", [F_SEAL_WRITE, F_SEAL_FUTURE_WRITE])
def test_a_file_sealed_against_writing(app: Process, seal: int) -> None:
    fd = memfd(app, 1, seal)
    assert fails(app.mmap, fd, PAGE, RW, MAP_SHARED) == EPERM
    assert app.load(app.mmap(fd, PAGE, PROT_READ, MAP_SHARED), 1) == b"\0"
    private = app.mmap(fd, PAGE, RW, MAP_PRIVATE)
    app.store(private, b"mine")
    assert app.load(private, 4) == b"mine"
    assert app.fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0, "nobody could write through these"


def test_f_seal_write_waits_for_no_writer_and_future_write_lets_the_old_ones_be(app: Process) -> None:
    fd = memfd(app, 1, 0)
    address = app.mmap(fd, PAGE, RW, MAP_SHARED)
    assert fails(app.fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE) == EBUSY
    app.fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)
    app.store(address, b"still")
    app.munmap(address, PAGE)
    app.fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)


def test_pages_are_allocated_as_they_are_touched_zeroed_and_shared(bench: HeapBench, app: Process) -> None:
    pages = bench.kernel.memory.pages
    free = pages.free_frames
    fd = memfd(app, 8)
    first, second = app.mmap(fd, 8 * PAGE), app.mmap(fd, 2 * PAGE, RW, MAP_SHARED, 2 * PAGE)
    assert pages.free_frames == free
    assert app.load(first + 2 * PAGE - 2, 4) == bytes(4)
    assert pages.free_frames == free - 2
    app.store(first + 2 * PAGE, b"seen")
    assert app.load(second, 4) == b"seen"
    app.close(fd)
    app.munmap(first, 8 * PAGE)
    app.munmap(second, 2 * PAGE)
    assert pages.free_frames == free


def test_beyond_the_size_is_sigbus(app: Process) -> None:
    fd = memfd(app, 0, 0)
    app.ftruncate(fd, PAGE + 1)
    address = app.mmap(fd, 4 * PAGE)
    app.store(address + 2 * PAGE - 1, b"x")
    with pytest.raises(UserFault) as fault:
        app.load(address + 2 * PAGE, 1)
    assert fault.value.signal == "SIGBUS"
    app.ftruncate(fd, 3 * PAGE)
    assert app.load(address + 2 * PAGE, 1) == b"\0"


def test_a_smaller_file_forgets_what_it_had(bench: HeapBench, app: Process) -> None:
    fd = memfd(app, 4, 0)
    address = app.mmap(fd, 4 * PAGE)
    app.store(address, b"\xaa" * 4 * PAGE)
    free = bench.kernel.memory.pages.free_frames
    app.ftruncate(fd, PAGE + 10)
    assert bench.kernel.memory.pages.free_frames == free + 2
    with pytest.raises(UserFault):
        app.load(address + 2 * PAGE, 1)
    app.ftruncate(fd, 4 * PAGE)
    seen = app.load(address, 4 * PAGE)
    assert seen[: PAGE + 10] == b"\xaa" * (PAGE + 10)
    assert not any(seen[PAGE + 10 :])


def test_its_pages_may_move_and_mappings_follow(bench: HeapBench, app: Process) -> None:
    """CMA lends its pages to such memory, and takes them back."""
    fd = memfd(app, 4)
    address = app.mmap(fd, 4 * PAGE)
    app.store(address, b"a" * PAGE + b"b" * PAGE + b"c" * PAGE + b"d" * PAGE)
    old = file_of(app, fd).populate(0, 4)
    pages, migration = bench.kernel.memory.pages, bench.kernel.memory.migration
    new = pages.movable_frames(4)
    assert new is not None
    for frame, to in zip(old.tolist(), new.tolist(), strict=True):
        bench.machine.dram.view(to * PAGE, PAGE)[:] = bench.machine.dram.view(frame * PAGE, PAGE)  # type: ignore[arg-type]
    pages.movable.move(old, new)
    assert (app.mm.vmas[0].frames == -1).all(), "every entry is gone"
    assert app.load(address + PAGE, PAGE) == b"b" * PAGE
    assert np.intersect1d(file_of(app, fd).populate(0, 4), old).size == 0
    assert migration.failed == 0


def test_fcntl_sets_close_on_exec(app: Process) -> None:
    fd = app.memfd_create("x", 0)
    app.fcntl(fd, F_SETFD, FD_CLOEXEC)
    assert app.fcntl(fd, F_GETFD) == FD_CLOEXEC
    app.fcntl(fd, F_SETFD, 0)
    assert app.fcntl(fd, F_GETFD) == 0


def test_a_read_only_fd_seals_nothing(app: Process) -> None:
    fd = app.memfd_create("x", MFD_ALLOW_SEALING)
    app.files.file(fd).flags = os.O_RDONLY
    assert fails(app.fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK) == EPERM
    assert fails(app.mmap, fd, PAGE, RW, MAP_SHARED) == EACCES
