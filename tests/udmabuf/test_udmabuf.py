"""SEMANTICS 4.4, row by row: what a udmabuf is made of, and what it is refused for."""

from __future__ import annotations

import os
from ctypes import sizeof
from errno import EBADFD, EBUSY, EFAULT, EINVAL, EMFILE, ENOMEM, ENOTTY

import pytest

from soc.kernel.errors import KernelError
from soc.kernel.process import Process
from soc.kernel.uapi.memfd import (
    F_ADD_SEALS,
    F_SEAL_FUTURE_WRITE,
    F_SEAL_GROW,
    F_SEAL_SHRINK,
    F_SEAL_WRITE,
)
from soc.kernel.uapi.udmabuf import (
    UDMABUF_CREATE,
    UDMABUF_CREATE_LIST,
    UDMABUF_FLAGS_CLOEXEC,
    UdmabufCreate,
    UdmabufCreateItem,
)
from tests.dma_heap.bench import PAGE, HeapBench, alloc
from tests.udmabuf.sealed import DEVICE, create, create_list, memfd


def errno_of(error: pytest.ExceptionInfo[KernelError]) -> int:
    return error.value.errno


def test_the_numbers_and_the_layouts() -> None:
    assert (UDMABUF_CREATE, UDMABUF_CREATE_LIST) == (0x4018_7542, 0x4008_7543)
    assert (sizeof(UdmabufCreate), sizeof(UdmabufCreateItem)) == (24, 24)
    offsets = {name: getattr(UdmabufCreate, name).offset for name in ("memfd", "flags", "offset", "size")}
    assert offsets == {"memfd": 0, "flags": 4, "offset": 8, "size": 16}


def test_a_buffer_of_a_memfds_pages(app: Process) -> None:
    memory = memfd(app, 4)
    fd = create(app, memory, PAGE, 2 * PAGE)
    assert app.fstat(fd).st_size == 2 * PAGE
    assert "exp_name:\tudmabuf\n" in app.fdinfo(fd)
    assert app.files.file(fd).flags == os.O_RDWR


@pytest.mark.parametrize(
    ("flags", "cloexec"), [(0, False), (UDMABUF_FLAGS_CLOEXEC, True), (2, False), (3, True)]
)
def test_bit_0_of_the_flags_is_close_on_exec_and_others_are_nothing(
    app: Process, flags: int, cloexec: bool
) -> None:
    memory = memfd(app, 1)
    assert (create(app, memory, 0, PAGE, flags) in app.files.cloexec) is cloexec
    assert (create_list(app, [(memory, 0, PAGE)], flags) in app.files.cloexec) is cloexec


@pytest.mark.parametrize("kind", ["closed", "never open", "huge", "a heap", "a dma-buf"])
@pytest.mark.parametrize("listed", [False, True], ids=["CREATE", "CREATE_LIST"])
def test_a_number_that_is_no_memfd_is_ebadfd(app: Process, kind: str, listed: bool) -> None:
    number = {"closed": 0, "never open": 55, "huge": 0xFFFF_FFFF}.get(kind)
    if kind == "closed":
        number = memfd(app, 1)
        app.close(number)
    elif number is None:
        number = app.open("/dev/dma_heap/system") if kind == "a heap" else alloc(app, "system", PAGE)
    with pytest.raises(KernelError) as error:
        create_list(app, [(number, 0, PAGE)]) if listed else create(app, number, 0, PAGE)
    assert errno_of(error) == EBADFD


@pytest.mark.parametrize(
    ("offset", "size"),
    [
        (1, PAGE),
        (PAGE // 2, PAGE),
        (0, PAGE + 1),
        (0, 1),
        (0, 0),
        (PAGE, 0),
        (0, 5 * PAGE),
        (4 * PAGE, PAGE),
        (3 * PAGE, 2 * PAGE),
        ((1 << 64) - PAGE, PAGE),
        ((1 << 64) - PAGE, 2 * PAGE),
        (PAGE, (1 << 64) - PAGE),
        (0, (64 << 20) + PAGE),
    ],
    ids=[
        "offset 1",
        "offset in a page",
        "size in a page",
        "one byte",
        "no bytes",
        "no bytes at an offset",
        "longer than the memfd",
        "at its end",
        "across its end",
        "last page of all",
        "wraps",
        "wraps far",
        "more than 64 MiB",
    ],
)
@pytest.mark.parametrize("listed", [False, True], ids=["CREATE", "CREATE_LIST"])
def test_a_range_that_cannot_be_is_einval(
    bench: HeapBench, app: Process, offset: int, size: int, listed: bool
) -> None:
    memory = memfd(app, 4)
    before = bench.baseline()
    with pytest.raises(KernelError) as error:
        create_list(app, [(memory, offset, size)]) if listed else create(app, memory, offset, size)
    assert errno_of(error) == EINVAL
    assert bench.baseline() == before


@pytest.mark.parametrize(
    ("seals", "errno"),
    [
        (0, EINVAL),
        (F_SEAL_GROW, EINVAL),
        (F_SEAL_SHRINK, 0),
        (F_SEAL_SHRINK | F_SEAL_GROW, 0),
        (F_SEAL_SHRINK | F_SEAL_WRITE, EINVAL),
        (F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE, EINVAL),
        (F_SEAL_WRITE, EINVAL),
    ],
    ids=["none", "GROW", "SHRINK", "SHRINK GROW", "SHRINK WRITE", "SHRINK FUTURE_WRITE", "WRITE"],
)
def test_seals(app: Process, seals: int, errno: int) -> None:
    memory = memfd(app, 1, seals)
    if errno:
        with pytest.raises(KernelError) as error:
            create(app, memory, 0, PAGE)
        assert errno_of(error) == errno
    else:
        assert app.fstat(create(app, memory, 0, PAGE)).st_size == PAGE


def test_a_memfd_that_was_made_without_sealing_is_einval(app: Process) -> None:
    memory = app.memfd_create("plain", 0)
    app.ftruncate(memory, PAGE)
    with pytest.raises(KernelError) as error:
        create(app, memory, 0, PAGE)
    assert errno_of(error) == EINVAL


def test_a_list_puts_its_items_in_a_row(app: Process) -> None:
    first, second = memfd(app, 4), memfd(app, 2)
    fd = create_list(
        app, [(first, 2 * PAGE, 2 * PAGE), (second, 0, PAGE), (first, 0, PAGE), (first, 0, PAGE)]
    )
    view, one, two = app.mmap(fd, 5 * PAGE), app.mmap(first, 4 * PAGE), app.mmap(second, PAGE)
    for page in range(4):
        app.store(one + page * PAGE, bytes([page + 1]))
    app.store(two, b"\x77")
    assert [app.load(view + page * PAGE, 1)[0] for page in range(5)] == [3, 4, 0x77, 1, 1]


@pytest.mark.parametrize("count", [0, 1025, 1 << 20, 0xFFFF_FFFF])
def test_a_list_of_no_items_or_too_many_is_einval(app: Process, count: int) -> None:
    """2^20 items of 4 GiB once wrapped the size (CVE-2023-2008 and its kin)."""
    memory = memfd(app, 1)
    with pytest.raises(KernelError) as error:
        create_list(app, [(memory, 0, 1 << 32)], count=count)
    assert errno_of(error) == EINVAL


def test_1024_items_are_taken_and_64_mib_are_the_most(app: Process) -> None:
    memory = memfd(app, 17)
    full = [(memory, 0, 16 * PAGE)] * 1024
    assert app.fstat(create_list(app, full)).st_size == 64 << 20
    with pytest.raises(KernelError) as error:
        create_list(app, [*full[1:], (memory, 0, 17 * PAGE)])
    assert errno_of(error) == EINVAL


def test_a_list_with_one_item_of_no_bytes_is_einval(app: Process) -> None:
    memory = memfd(app, 1)
    with pytest.raises(KernelError) as error:
        create_list(app, [(memory, 0, PAGE), (memory, 0, 0)])
    assert errno_of(error) == EINVAL


def test_an_item_that_fails_lets_the_others_go(bench: HeapBench, app: Process) -> None:
    memory = memfd(app, 2)
    with pytest.raises(KernelError) as error:
        create_list(app, [(memory, 0, 2 * PAGE), (99, 0, PAGE)])
    assert errno_of(error) == EBADFD
    app.fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE)
    assert bench.kernel.memory.migration.failed == 0


@pytest.mark.parametrize("address", [None, 0x1000], ids=["NULL", "unmapped"])
@pytest.mark.parametrize("cmd", [UDMABUF_CREATE, UDMABUF_CREATE_LIST], ids=["CREATE", "CREATE_LIST"])
def test_a_bad_pointer_is_efault(app: Process, cmd: int, address: int | None) -> None:
    with pytest.raises(KernelError) as error:
        app.ioctl(app.open(DEVICE), cmd, address)
    assert errno_of(error) == EFAULT


def test_a_list_that_ends_beyond_the_programs_memory_is_efault(app: Process) -> None:
    address = app.mmap(None, PAGE)
    app.store(address + PAGE - 8, (0).to_bytes(4, "little") + (1).to_bytes(4, "little"))
    with pytest.raises(KernelError) as error:
        app.ioctl(app.open(DEVICE), UDMABUF_CREATE_LIST, address + PAGE - 8)
    assert errno_of(error) == EFAULT


@pytest.mark.parametrize("cmd", [0x4018_7541, 0x4018_7544, 0xC018_7542, 0x4008_7542])
def test_another_number_is_enotty(app: Process, cmd: int) -> None:
    with pytest.raises(KernelError) as error:
        app.ioctl(app.open(DEVICE), cmd, bytearray(64))
    assert errno_of(error) == ENOTTY


def test_a_full_fd_table_is_emfile_and_the_pages_are_let_go(bench: HeapBench) -> None:
    small = bench.kernel.process("small", limit=2)
    memory = memfd(small, 2)
    device = small.open(DEVICE)
    before = bench.baseline()
    with pytest.raises(KernelError) as error:
        create(small, memory, 0, 2 * PAGE, device=device)
    assert errno_of(error) == EMFILE
    small.fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE)
    assert bench.baseline()[2:] == before[2:]


def test_pages_that_a_udmabuf_has_pinned_hold_off_f_seal_write(app: Process) -> None:
    memory = memfd(app, 2)
    fd = create(app, memory, 0, PAGE)
    with pytest.raises(KernelError) as error:
        app.fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE)
    assert errno_of(error) == EBUSY
    app.close(fd)
    app.fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE)


def test_without_a_page_it_is_enomem(bench: HeapBench, app: Process) -> None:
    memory = memfd(app, 4)
    taken = bench.kernel.memory.pages.movable_frames(bench.kernel.memory.pages.free_frames - 2)
    assert taken is not None
    with pytest.raises(KernelError) as error:
        create(app, memory, 0, 4 * PAGE)
    assert errno_of(error) == ENOMEM
