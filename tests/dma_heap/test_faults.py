"""Row 5 of SEMANTICS 9: every allocation, fd, copy and mapping fails once, and nothing is left behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from errno import EFAULT, EMFILE, ENOMEM
from pathlib import Path

import pytest

from heaps.catalogue import MODULES
from heaps.system_uncached.dma_heap import system_uncached_heap_create
from soc.dmabuf import (
    DmaBufAttachment,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
)
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.mm.user import UserFault
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.uapi.dma_heap import DMA_HEAP_IOCTL_ALLOC, DmaHeapAllocationData
from soc.kernel.uapi.ioctl import _IOC
from tests.dma_heap.bench import CMA, PAGE, HeapBench, alloc, sync

BOTH = DmaDirection.BIDIRECTIONAL
HEAPS = ["system", CMA, "negotiated", "system-uncached"]
SIZE = (64 << 10) + 2 * PAGE
Work = Callable[[HeapBench, Process, str], None]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HeapBench]:
    bench = HeapBench(tmp_path, modules=(*MODULES, system_uncached_heap_create))
    yield bench
    bench.close()


def allocate(bench: HeapBench, app: Process, heap: str) -> None:
    app.close(alloc(app, heap, SIZE))


def allocate_with_a_large_argument(bench: HeapBench, app: Process, heap: str) -> None:
    fd = app.open(f"/dev/dma_heap/{heap}")
    try:
        app.ioctl(
            fd, _IOC(3, "H", 0, 200), bytearray(bytes(DmaHeapAllocationData(SIZE, 0, os.O_RDWR)) + bytes(176))
        )
        app.close(1)
    finally:
        app.close(fd)


def map_into_a_program(bench: HeapBench, app: Process, heap: str) -> None:
    fd = alloc(app, heap, SIZE)
    try:
        address = app.mmap(fd, SIZE)
        try:
            app.store(address + PAGE, b"touched")
        finally:
            app.munmap(address, SIZE)
    finally:
        app.close(fd)


def share_with_a_device(bench: HeapBench, app: Process, heap: str) -> None:
    fd = alloc(app, heap, SIZE)
    dmabuf = bench.get(app, fd)
    attachment: DmaBufAttachment | None = None
    try:
        attachment = bench.attach(dmabuf, "camera")
        sgt = dma_buf_map_attachment_unlocked(attachment, BOTH)
        try:
            sync(app, fd, 3)
            sync(app, fd, 7)
        finally:
            dma_buf_unmap_attachment_unlocked(attachment, sgt, BOTH)
    finally:
        if attachment:
            dma_buf_detach(dmabuf, attachment)
        bench.put(dmabuf)
        app.close(fd)


def map_into_the_kernel(bench: HeapBench, app: Process, heap: str) -> None:
    fd = alloc(app, heap, SIZE)
    dmabuf = bench.get(app, fd)
    try:
        dma_buf_vunmap_unlocked(dmabuf, dma_buf_vmap_unlocked(dmabuf))
    finally:
        bench.put(dmabuf)
        app.close(fd)


WORK: list[Work] = [
    allocate,
    allocate_with_a_large_argument,
    map_into_a_program,
    share_with_a_device,
    map_into_the_kernel,
]


@pytest.mark.parametrize("heap", HEAPS)
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_each_place_fails_once_and_everything_is_as_before(bench: HeapBench, work: Work, heap: str) -> None:
    app = bench.kernel.process("app")
    work(bench, app, heap)
    settle(bench)
    before = bench.baseline()
    places: list[str] = []
    while (failed := fails_at(bench, app, work, heap, len(places) + 1)) is not None:
        places.append(failed)
        assert bench.baseline() == before, failed
    assert bench.baseline() == before
    assert len(places) > 5, "the control: places were found"
    assert bench.problems() == []


def fails_at(bench: HeapBench, app: Process, work: Work, heap: str, nth: int) -> str | None:
    """What failed, if anything still does at place `nth`."""
    faults = bench.kernel.faults
    faults.fail_nth(nth)
    try:
        work(bench, app, heap)
    except KernelError as error:
        assert error.errno in (ENOMEM, EMFILE, EFAULT), str(error)
    except UserFault as fault:
        assert fault.signal == "SIGBUS", "a page that cannot be had"
    failed = faults.failed
    faults.fail_nth(0)
    settle(bench)
    return failed


def settle(bench: HeapBench) -> None:
    """What is freed later is freed, and pools are empty."""
    bench.kernel.sched.run_ready()
    bench.kernel.memory.shrinkers.shrink(1 << 20)


@pytest.mark.parametrize("heap", HEAPS)
def test_the_fd_fails_after_the_buffer_was_there(bench: HeapBench, heap: str) -> None:
    app = bench.kernel.process("app")
    fd = app.open(f"/dev/dma_heap/{heap}")
    before = bench.baseline()
    bench.kernel.faults.fail_nth(1, FaultSite.FD)
    with pytest.raises(KernelError) as error:
        app.ioctl(fd, DMA_HEAP_IOCTL_ALLOC, DmaHeapAllocationData(SIZE))
    assert error.value.errno == EMFILE
    settle(bench)
    assert bench.baseline() == before


@pytest.mark.parametrize("nth", [1, 2], ids=["copy in", "copy out"])
def test_a_copy_fails_and_no_fd_is_installed(bench: HeapBench, nth: int) -> None:
    app = bench.kernel.process("app")
    fd = app.open("/dev/dma_heap/system")
    before = bench.baseline()
    bench.kernel.faults.fail_nth(nth, FaultSite.USERCOPY)
    data = DmaHeapAllocationData(SIZE)
    with pytest.raises(KernelError) as error:
        app.ioctl(fd, DMA_HEAP_IOCTL_ALLOC, data)
    assert error.value.errno == EFAULT
    assert (bench.baseline(), data.fd) == (before, 0)
