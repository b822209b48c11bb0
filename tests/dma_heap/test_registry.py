"""SEMANTICS 4.1: heaps as devices: adding, minors, nodes, and look-up by kernel code."""

from __future__ import annotations

import os
from errno import EBUSY, EEXIST, EINVAL, ENODEV, ENOENT, ENOMEM, ENOTTY
from pathlib import Path

import pytest

from heaps.dma_heap import (
    DmaHeap,
    DmaHeapOps,
    DmaHeaps,
    dma_heap_add,
    dma_heap_buffer_alloc,
    dma_heap_find,
    dma_heap_get_drvdata,
    dma_heap_get_name,
    dma_heap_put,
)
from heaps.dma_heap.registry import NUM_HEAP_MINORS
from soc.dmabuf import DmaBuf, DmaBufOps, dma_buf_export, dma_buf_put
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.process import Process
from soc.kernel.scatterlist import SgTable
from tests.dma_heap.bench import PAGE, HeapBench, alloc, exists, heaps


def no_memory(heap: DmaHeap, length: int, fd_flags: int, heap_flags: int) -> DmaBuf:
    raise KernelError(ENOMEM, f"{heap} has none")


OPS = DmaHeapOps(no_memory)


def errors(bench: HeapBench) -> list[str]:
    return [entry.text for entry in bench.kernel.log.entries if entry.level == "error"]


@pytest.mark.parametrize(
    ("name", "ops", "said"),
    [
        (None, OPS, "dma_heap: Cannot add heap without a name"),
        ("", OPS, "dma_heap: Cannot add heap without a name"),
        ("x", None, "dma_heap: Cannot add heap with invalid ops struct"),
        ("x", DmaHeapOps(None), "dma_heap: Cannot add heap with invalid ops struct"),
    ],
    ids=["no name", "empty name", "no ops", "no allocate"],
)
def test_a_heap_needs_a_name_and_an_allocate_operation(
    bench: HeapBench, name: str | None, ops: DmaHeapOps | None, said: str
) -> None:
    before = heaps(bench.kernel)
    with pytest.raises(KernelError) as error:
        dma_heap_add(bench.kernel, name, ops, None)
    assert error.value.errno == EINVAL
    assert errors(bench) == [said]
    assert heaps(bench.kernel) == before


def test_a_heap_is_a_node_that_opens_whatever_the_mode_and_closes_without_a_trace(
    bench: HeapBench, app: Process
) -> None:
    dma_heap_add(bench.kernel, "mine", OPS, "private")
    before = bench.baseline()
    for mode in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
        fd = app.open("/dev/dma_heap/mine", mode)
        assert app.readlink(fd) == "/dev/dma_heap/mine"
        app.close(fd)
    assert bench.baseline() == before


@pytest.mark.parametrize("path", ["/dev/dma_heap/none", "/dev/dma_heap", "/dev/dma_heap/"])
def test_a_missing_path_is_enoent(app: Process, path: str) -> None:
    with pytest.raises(KernelError) as error:
        app.open(path)
    assert error.value.errno == ENOENT


def test_the_node_of_an_unknown_minor_is_enodev(bench: HeapBench, app: Process) -> None:
    """A node that somebody made by hand (mknod)."""
    bench.kernel.devfs.add("/dev/stale", bench.kernel.subsystem(DmaHeaps).opener(77))
    with pytest.raises(KernelError) as error:
        app.open("/dev/stale")
    assert error.value.errno == ENODEV
    assert errors(bench) == ["dma_heap: minor 77 unknown."]
    assert app.files.open_fds() == []


def test_there_are_128_minors_and_the_lowest_free_one_is_used(bench: HeapBench) -> None:
    added = [
        dma_heap_add(bench.kernel, f"heap{number}", OPS, None)
        for number in range(NUM_HEAP_MINORS - len(heaps(bench.kernel)))
    ]
    minors = [heap.minor for heap in bench.kernel.subsystem(DmaHeaps).list]
    assert minors == list(range(128))
    with pytest.raises(KernelError) as error:
        dma_heap_add(bench.kernel, "one too many", OPS, None)
    assert error.value.errno == EBUSY
    assert errors(bench) == ["dma_heap: Unable to get minor number for heap"]
    dma_heap_put(added[5])
    assert dma_heap_add(bench.kernel, "another", OPS, None).minor == added[5].minor


@pytest.mark.parametrize(
    ("generation", "errno", "said"),
    [
        (Generation.V4_9, EINVAL, ["dma_heap: Already registered heap named twice"]),
        (
            Generation.V6_12,
            EEXIST,
            [
                "sysfs: cannot create duplicate filename '/class/dma_heap/twice'",
                "dma_heap: Unable to create device",
            ],
        ),
    ],
    ids=["the first versions", "6.12"],
)
def test_a_name_that_is_taken(tmp_path: Path, generation: Generation, errno: int, said: list[str]) -> None:
    bench = HeapBench(tmp_path, generation)
    first = dma_heap_add(bench.kernel, "twice", OPS, 1)
    with pytest.raises(KernelError) as error:
        dma_heap_add(bench.kernel, "twice", OPS, 2)
    assert (error.value.errno, errors(bench)) == (errno, said)
    assert dma_heap_find(bench.kernel, "twice") is first
    assert dma_heap_get_drvdata(first) == 1
    bench.close()


def test_adding_without_memory_adds_nothing(bench: HeapBench) -> None:
    before = heaps(bench.kernel)
    bench.kernel.faults.fail_nth(1)
    with pytest.raises(KernelError) as error:
        dma_heap_add(bench.kernel, "late", OPS, None)
    assert error.value.errno == ENOMEM
    assert heaps(bench.kernel) == before
    assert dma_heap_add(bench.kernel, "late", OPS, None).name == "late"


def test_kernel_code_finds_a_heap_by_name_and_holds_it(bench: HeapBench, app: Process) -> None:
    heap = dma_heap_add(bench.kernel, "mine", OPS, "private")
    assert dma_heap_find(bench.kernel, "mine") is heap
    assert dma_heap_find(bench.kernel, "yours") is None
    assert (dma_heap_get_name(heap), heap.refcount) == ("mine", 2)
    dma_heap_put(heap)
    assert exists(app, "/dev/dma_heap/mine")
    dma_heap_put(heap)
    assert not exists(app, "/dev/dma_heap/mine")
    assert dma_heap_find(bench.kernel, "mine") is None


def test_kernel_code_allocates_a_buffer_and_has_its_one_reference(bench: HeapBench) -> None:
    before = bench.baseline()
    heap = dma_heap_find(bench.kernel, "system")
    assert heap is not None
    dmabuf = dma_heap_buffer_alloc(heap, PAGE + 1)
    assert (dmabuf.size, dmabuf.exp_name, dmabuf.file.held_by()) == (2 * PAGE, "system", "kernel system")
    dma_buf_put(dmabuf, dmabuf.exporter)
    dma_heap_put(heap)
    assert bench.baseline() == before


@pytest.mark.parametrize(
    ("length", "fd_flags", "heap_flags"),
    [
        (0, 0, 0),
        ((1 << 64) - 1, 0, 0),
        ((1 << 64) - PAGE + 1, 0, 0),
        (PAGE, 4, 0),
        (PAGE, os.O_NONBLOCK, 0),
        (PAGE, 0, 1),
        (PAGE, 0, 1 << 63),
    ],
    ids=["no bytes", "all bytes", "wraps to 0", "fd flag 4", "O_NONBLOCK", "heap flag 1", "heap flag 63"],
)
def test_what_no_heap_is_asked_for_is_einval(
    bench: HeapBench, length: int, fd_flags: int, heap_flags: int
) -> None:
    heap = dma_heap_add(bench.kernel, "mine", OPS, None)
    with pytest.raises(KernelError) as error:
        dma_heap_buffer_alloc(heap, length, fd_flags, heap_flags)
    assert error.value.errno == EINVAL


def test_a_removed_heap_leaves_its_buffers_alone(bench: HeapBench, app: Process) -> None:
    heap_fd = app.open("/dev/dma_heap/system")
    fd = alloc(app, "system", PAGE, heap_fd=heap_fd)
    app.close(heap_fd)
    heap = dma_heap_find(bench.kernel, "system")
    assert heap is not None
    dma_heap_put(heap)
    dma_heap_put(heap)
    assert app.fstat(fd).st_size == PAGE
    app.close(fd)
    assert bench.problems() == []


def test_two_allocations_are_two_inodes_and_a_heaps_file_is_no_buffer(bench: HeapBench, app: Process) -> None:
    """Row 3 of section 10."""
    first, second = alloc(app, "system", PAGE), alloc(app, "system", PAGE)
    assert app.fstat(first).st_ino != app.fstat(second).st_ino
    heap_fd = app.open("/dev/dma_heap/system")
    with pytest.raises(KernelError) as error:
        app.ioctl(first, 0xC018_4800)
    assert error.value.errno == ENOTTY, "a buffer has no such ioctl"
    with pytest.raises(KernelError) as error:
        bench.get(app, heap_fd)
    assert error.value.errno == EINVAL


def test_a_heap_may_export_as_it_likes(bench: HeapBench, app: Process) -> None:
    """The framework is only the front door: what most heaps share is there for those who want it."""
    kernel = bench.kernel
    table = SgTable.of([(kernel.memory.alloc_pages(1), PAGE)])
    freed: list[DmaBuf] = []
    ops = DmaBufOps(lambda attachment, direction: table, lambda *unmapped: None, freed.append)

    def allocate(heap: DmaHeap, length: int, fd_flags: int, heap_flags: int) -> DmaBuf:
        return dma_buf_export(kernel, heap, ops, length, fd_flags, "of my own")

    dma_heap_add(kernel, "mine", DmaHeapOps(allocate), None)
    fd = alloc(app, "mine", PAGE)
    assert "exp_name:\tof my own\n" in app.fdinfo(fd)
    with pytest.raises(KernelError) as error:
        app.mmap(fd, PAGE)
    assert error.value.errno == EINVAL
    dmabuf = bench.get(app, fd)
    bench.put(dmabuf)
    assert freed == []
    app.close(fd)
    assert freed == [dmabuf]
