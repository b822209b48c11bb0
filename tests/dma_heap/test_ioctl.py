"""SEMANTICS 4.1: DMA_HEAP_IOCTL_ALLOC, row by row, through the system call."""

from __future__ import annotations

import os
from collections.abc import Callable
from ctypes import sizeof
from errno import EACCES, EFAULT, EINTR, EINVAL, EMFILE, ENOMEM
from mmap import MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE

import pytest

from soc.kernel.errors import KernelError
from soc.kernel.process import Process
from soc.kernel.uapi.dma_heap import DMA_HEAP_IOCTL_ALLOC, DmaHeapAllocationData
from soc.kernel.uapi.ioctl import _IOC, _IOC_READ, _IOC_WRITE
from tests.dma_heap.bench import CMA, PAGE, HeapBench, alloc

BOTH = _IOC_READ | _IOC_WRITE
HEAPS = ["system", CMA, "negotiated"]


@pytest.fixture
def heap(app: Process) -> int:
    return app.open("/dev/dma_heap/system", os.O_RDONLY)


def call(process: Process, heap_fd: int, cmd: int, **fields: int) -> DmaHeapAllocationData:
    data = DmaHeapAllocationData(**fields)
    process.ioctl(heap_fd, cmd, data)
    return data


def test_the_number_and_the_layout() -> None:
    assert DMA_HEAP_IOCTL_ALLOC == 0xC018_4800
    assert sizeof(DmaHeapAllocationData) == 24
    offsets = {
        name: getattr(DmaHeapAllocationData, name).offset for name in ("len", "fd", "fd_flags", "heap_flags")
    }
    assert offsets == {"len": 0, "fd": 8, "fd_flags": 12, "heap_flags": 16}


@pytest.mark.parametrize("name", HEAPS)
def test_a_buffer_of_each_heap(bench: HeapBench, app: Process, name: str) -> None:
    fd = alloc(app, name, PAGE + 1, os.O_RDWR | os.O_CLOEXEC)
    assert fd == 1, "the lowest free number; the heap's was 0"
    assert app.fstat(fd).st_size == 2 * PAGE
    assert fd in app.files.cloexec
    assert f"exp_name:\t{name}\n" in app.fdinfo(fd)
    dmabuf = bench.get(app, fd)
    assert dmabuf.file.held_by() == "fd 1 of app (pid 100), kernel the test"
    bench.put(dmabuf)


@pytest.mark.parametrize(
    "fields",
    [
        {"len": PAGE, "fd": 1},
        {"len": PAGE, "fd": 0xFFFF_FFFF},
        {"len": PAGE, "fd_flags": 0x4},
        {"len": PAGE, "fd_flags": os.O_NONBLOCK},
        {"len": PAGE, "fd_flags": 0x8000_0000},
        {"len": PAGE, "heap_flags": 1},
        {"len": PAGE, "heap_flags": 1 << 63},
        {"len": 0},
        {"len": (1 << 64) - 1},
        {"len": (1 << 64) - PAGE + 1},
    ],
    ids=str,
)
def test_misuse_is_einval_and_leaves_nothing(
    bench: HeapBench, app: Process, heap: int, fields: dict[str, int]
) -> None:
    before = bench.baseline()
    with pytest.raises(KernelError) as error:
        call(app, heap, DMA_HEAP_IOCTL_ALLOC, **fields)
    assert error.value.errno == EINVAL
    assert bench.baseline() == before


@pytest.mark.parametrize("flags", [0, 1, 2, 3, 0x80000, 0x80003], ids=hex)
def test_every_valid_flag_is_taken(app: Process, heap: int, flags: int) -> None:
    data = call(app, heap, DMA_HEAP_IOCTL_ALLOC, len=PAGE, fd_flags=flags)
    assert (data.fd in app.files.cloexec) is bool(flags & os.O_CLOEXEC)
    assert app.files.file(data.fd).flags == flags & os.O_ACCMODE


@pytest.mark.parametrize("nr", [1, 2, 0x7F, 0xFF])
def test_any_other_nr_is_einval_not_enotty(app: Process, heap: int, nr: int) -> None:
    with pytest.raises(KernelError) as error:
        call(app, heap, _IOC(BOTH, "H", nr, 24), len=PAGE)
    assert error.value.errno == EINVAL


@pytest.mark.parametrize("magic", ["I", "b", "\0", "\xff"])
def test_any_other_magic_is_accepted(app: Process, heap: int, magic: str) -> None:
    data = call(app, heap, _IOC(BOTH, magic, 0, 24), len=PAGE)
    assert app.fstat(data.fd).st_size == PAGE


def test_a_program_that_does_not_write_asks_for_no_bytes(bench: HeapBench, app: Process, heap: int) -> None:
    before = bench.baseline()
    with pytest.raises(KernelError) as error:
        call(app, heap, _IOC(_IOC_READ, "H", 0, 24), len=PAGE)
    assert error.value.errno == EINVAL
    assert bench.baseline() == before


def test_a_program_that_does_not_write_gets_the_zeroed_structure_back(app: Process, heap: int) -> None:
    """The copy out happens after a failure, too."""
    data = DmaHeapAllocationData(PAGE, 7, 7, 7)
    with pytest.raises(KernelError):
        app.ioctl(heap, _IOC(_IOC_READ, "H", 0, 24), data)
    assert bytes(data) == bytes(24)


def test_a_program_that_does_not_read_leaks_an_fd_it_does_not_know(app: Process, heap: int) -> None:
    data = call(app, heap, _IOC(_IOC_WRITE, "H", 0, 24), len=PAGE)
    assert data.fd == 0
    assert app.files.open_fds() == [heap, heap + 1]
    assert app.fstat(heap + 1).st_size == PAGE


def test_no_direction_at_all_is_einval(app: Process, heap: int) -> None:
    with pytest.raises(KernelError) as error:
        call(app, heap, _IOC(0, "H", 0, 24), len=PAGE)
    assert error.value.errno == EINVAL


@pytest.mark.parametrize("size", [8, 12, 16, 20])
def test_a_smaller_structure_has_zeros_for_the_rest(app: Process, heap: int, size: int) -> None:
    arg = bytearray(bytes(DmaHeapAllocationData(PAGE))[:size])
    app.ioctl(heap, _IOC(BOTH, "H", 0, size), arg)
    assert app.files.open_fds() == [heap, heap + 1]
    if size >= 12:
        assert int.from_bytes(arg[8:12], "little") == heap + 1


@pytest.mark.parametrize("size", [0, 4, 7])
def test_one_that_has_no_room_for_a_length_asks_for_none(app: Process, heap: int, size: int) -> None:
    with pytest.raises(KernelError) as error:
        app.ioctl(heap, _IOC(BOTH, "H", 0, size), bytearray(size))
    assert error.value.errno == EINVAL


@pytest.mark.parametrize("size", [25, 48, 128, 129, 256, 4096])
def test_a_larger_structure_is_copied_out_as_it_is(app: Process, heap: int, size: int) -> None:
    arg = bytearray(bytes(DmaHeapAllocationData(PAGE, 0, os.O_RDWR)) + b"\xa5" * (size - 24))
    app.ioctl(heap, _IOC(BOTH, "H", 0, size), arg)
    assert int.from_bytes(arg[8:12], "little") == heap + 1
    assert bytes(arg[24:]) == b"\xa5" * (size - 24), "ignored, and given back"


@pytest.mark.parametrize("address", [None, 0x1000, (1 << 64) - 8], ids=["NULL", "unmapped", "wraps"])
def test_a_bad_pointer_is_efault(bench: HeapBench, app: Process, heap: int, address: int | None) -> None:
    before = bench.baseline()
    with pytest.raises(KernelError) as error:
        app.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, address)
    assert error.value.errno == EFAULT
    assert bench.baseline() == before


def test_a_pointer_that_can_only_be_read_is_efault_and_leaks_no_fd(
    bench: HeapBench, app: Process, heap: int
) -> None:
    """The number was reserved before, and nothing is installed."""
    source = alloc(app, "system", PAGE)
    writable = app.mmap(source, PAGE)
    app.store(writable, bytes(DmaHeapAllocationData(PAGE, 0, os.O_RDWR)))
    readable = app.mmap(source, PAGE, PROT_READ)
    before = bench.baseline()
    with pytest.raises(KernelError) as error:
        app.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, readable)
    assert error.value.errno == EFAULT
    assert bench.baseline() == before
    assert alloc(app, "system", PAGE, heap_fd=heap) == min({0, 1, 2} - {heap, source}), "free again"


@pytest.mark.parametrize("name", ["system", CMA])
@pytest.mark.parametrize("length", [1 << 30, 1 << 62, (1 << 64) - PAGE], ids=hex)
def test_no_memory_is_enomem(bench: HeapBench, app: Process, name: str, length: int) -> None:
    before = bench.baseline()
    with pytest.raises(KernelError) as error:
        alloc(app, name, length)
    assert error.value.errno == ENOMEM
    assert bench.baseline() == before
    assert bench.problems() == []


@pytest.mark.parametrize(("name", "errno"), [("system", EINTR), (CMA, ENOMEM)])
def test_a_fatal_signal_meanwhile(bench: HeapBench, app: Process, name: str, errno: int) -> None:
    before = bench.baseline()
    app.send_signal(fatal=True)
    with pytest.raises(KernelError) as error:
        alloc(app, name, 16 * PAGE)
    assert error.value.errno == errno
    assert bench.baseline() == before


@pytest.mark.parametrize("name", HEAPS)
def test_a_full_fd_table_is_emfile_and_the_buffer_is_released(bench: HeapBench, name: str) -> None:
    small = bench.kernel.process("small", limit=1)
    heap = small.open(f"/dev/dma_heap/{name}")
    before = bench.baseline()
    with pytest.raises(KernelError) as error:
        alloc(small, name, PAGE, heap_fd=heap)
    assert error.value.errno == EMFILE
    assert bench.baseline() == before


@pytest.mark.parametrize(
    ("prot", "kind", "errno"),
    [
        (PROT_READ | PROT_WRITE, MAP_SHARED, EACCES),
        (PROT_READ, MAP_SHARED, 0),
        (PROT_READ | PROT_WRITE, MAP_PRIVATE, 0),
    ],
    ids=["write shared", "read shared", "write private"],
)
def test_a_buffer_opened_read_only(app: Process, prot: int, kind: int, errno: int) -> None:
    """Row 30 of section 10."""
    fd = alloc(app, "system", PAGE, os.O_RDONLY)
    mapped: Callable[[], int] = lambda: app.mmap(fd, PAGE, prot, kind)  # noqa: E731
    if errno:
        with pytest.raises(KernelError) as error:
            mapped()
        assert error.value.errno == errno
    else:
        assert app.load(mapped(), 4) == bytes(4)
