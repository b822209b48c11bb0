"""SEMANTICS 4.2, row mmap, and row 26 of section 9: what programs may map, and what they touch."""

from __future__ import annotations

from errno import EINVAL
from mmap import MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE

import pytest

from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations
from soc.kernel.mm.user import UserFault
from soc.kernel.mm.vma import Vma, VmFlags
from soc.kernel.process import Process
from tests.dma_heap.bench import CMA, PAGE, HeapBench, alloc

READ, RW = PROT_READ, PROT_READ | PROT_WRITE
FAULTING = [CMA, "negotiated"]
HEAPS = ["system", *FAULTING]


@pytest.mark.parametrize("heap", HEAPS)
def test_what_one_process_writes_another_reads(bench: HeapBench, app: Process, heap: str) -> None:
    fd = alloc(app, heap, 3 * PAGE)
    address = app.mmap(fd, 3 * PAGE)
    app.store(address + PAGE - 2, b"four")
    child = app.fork("child")
    assert child.load(address + PAGE - 2, 4) == b"four"
    child.store(address, b"back")
    assert app.load(address, 4) == b"back"
    again = child.mmap(fd, PAGE, READ, MAP_SHARED, PAGE)
    assert child.load(again, 2) == b"ur"
    child.exit()


@pytest.mark.parametrize("heap", HEAPS)
def test_a_mapping_outlives_the_fd_and_keeps_the_memory(bench: HeapBench, app: Process, heap: str) -> None:
    before = bench.baseline()
    fd = alloc(app, heap, 2 * PAGE)
    address = app.mmap(fd, 2 * PAGE)
    app.close(fd)
    app.store(address, b"alive")
    assert app.load(address, 5) == b"alive"
    app.munmap(address, 2 * PAGE)
    assert bench.baseline() == before


@pytest.mark.parametrize(
    ("heap", "pages", "prot", "errno"),
    [
        ("system", 1, READ, 0),
        ("system", 1, RW, 0),
        ("system", 2, READ, EINVAL),
        ("system", 2, RW, EINVAL),
        *((heap, pages, prot, EINVAL) for heap in FAULTING for pages in (1, 2) for prot in (READ, RW)),
    ],
)
def test_a_private_mapping(app: Process, heap: str, pages: int, prot: int, errno: int) -> None:
    """system remaps page by page, which fails for a part of a copy-on-write mapping; CMA has a check."""
    fd = alloc(app, heap, 2 * PAGE)
    if errno:
        with pytest.raises(KernelError) as error:
            app.mmap(fd, pages * PAGE, prot, MAP_PRIVATE)
        assert error.value.errno == errno
        assert app.mm.vmas == []
        return
    address = app.mmap(fd, pages * PAGE, prot, MAP_PRIVATE)
    assert app.load(address, 4) == bytes(4)
    if prot & PROT_WRITE:
        app.store(address, b"mine")
        shared = app.mmap(fd, PAGE)
        assert app.load(shared, 4) == bytes(4), "a private page is the program's own"


@pytest.mark.parametrize("heap", HEAPS)
@pytest.mark.parametrize(
    ("offset", "length"), [(0, 5 * PAGE), (PAGE, 4 * PAGE), (4 * PAGE, PAGE), (1 << 40, PAGE)]
)
def test_a_mapping_must_fit_the_buffer(app: Process, heap: str, offset: int, length: int) -> None:
    fd = alloc(app, heap, 4 * PAGE)
    with pytest.raises(KernelError) as error:
        app.mmap(fd, length, RW, MAP_SHARED, offset)
    assert error.value.errno == EINVAL


def test_system_enters_all_pages_at_once_from_the_offset_on(app: Process) -> None:
    fd = alloc(app, "system", 4 * PAGE)
    app.mmap(fd, 2 * PAGE, RW, MAP_SHARED, PAGE)
    (vma,) = app.mm.vmas
    assert (vma.frames >= 0).all()
    assert vma.flags & (VmFlags.IO | VmFlags.PFNMAP) == VmFlags.IO | VmFlags.PFNMAP


@pytest.mark.parametrize("heap", FAULTING)
def test_others_enter_a_page_when_it_is_touched(app: Process, heap: str) -> None:
    fd = alloc(app, heap, 4 * PAGE)
    address = app.mmap(fd, 3 * PAGE, RW, MAP_SHARED, PAGE)
    (vma,) = app.mm.vmas
    assert (vma.frames < 0).all()
    assert vma.flags & VmFlags.PFNMAP
    app.store(address + PAGE, b"x")
    assert (vma.frames >= 0).tolist() == [False, True, False]


class Careless:
    """A driver that lets its buffer be mapped beyond its end, as the checks of dma-buf do not."""

    def __init__(self, bench: HeapBench, process: Process, fd: int) -> None:
        self.dmabuf = bench.get(process, fd)
        ops = FileOperations("careless", lambda file: None, mmap=self._mmap)
        bench.kernel.devfs.add(
            "/dev/careless",
            lambda task, flags, holder: bench.kernel.files.open(ops, None, "careless", holder, flags),
        )

    def _mmap(self, file: File, vma: Vma) -> None:
        assert self.dmabuf.ops.mmap is not None
        self.dmabuf.ops.mmap(self.dmabuf, vma)


@pytest.mark.parametrize("heap", FAULTING)
@pytest.mark.parametrize("pages", [1, 4])
def test_one_page_past_the_end_is_sigbus_never_a_foreign_page(
    bench: HeapBench, app: Process, heap: str, pages: int
) -> None:
    """CVE-2024-46852: the comparison was off by one."""
    driver = Careless(bench, app, alloc(app, heap, pages * PAGE))
    neighbour = alloc(app, heap, PAGE)
    app.store(app.mmap(neighbour, PAGE), b"secret")
    address = app.mmap(app.open("/dev/careless"), (pages + 1) * PAGE)
    assert app.load(address + pages * PAGE - 4, 4) == bytes(4)
    for touch in (lambda at: app.load(at, 1), lambda at: app.store(at, b"x")):
        with pytest.raises(UserFault) as fault:
            touch(address + pages * PAGE)
        assert (fault.value.signal, fault.value.address) == ("SIGBUS", address + pages * PAGE)
    bench.put(driver.dmabuf)


@pytest.mark.parametrize("heap", HEAPS)
def test_past_the_mapping_is_sigsegv(app: Process, heap: str) -> None:
    fd = alloc(app, heap, 2 * PAGE)
    address = app.mmap(fd, PAGE)
    with pytest.raises(UserFault) as fault:
        app.load(address + PAGE, 1)
    assert fault.value.signal == "SIGSEGV"
