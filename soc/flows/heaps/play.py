"""One buffer from /dev/dma_heap/system, and one from /dev/ion."""

from __future__ import annotations

import os

from soc.flows.programs import ION_NODE, PAGE_SIZE, Program
from soc.flows.stage import Stage
from soc.kernel.uapi.dma_buf import (
    DMA_BUF_IOCTL_SYNC,
    DMA_BUF_SYNC_END,
    DMA_BUF_SYNC_START,
    DMA_BUF_SYNC_WRITE,
    DmaBufSync,
)
from soc.kernel.uapi.dma_heap import DMA_HEAP_IOCTL_ALLOC, DmaHeapAllocationData

HEAP_NODE = "/dev/dma_heap/system"
CONTENT = b"from a heap\n"


def dma_heap(stage: Stage) -> None:
    """Open, allocate, close the heap; the fd is all there is."""
    program = Program(stage, "app")
    heap = program.open(HEAP_NODE)
    fd = _alloc(program, heap)
    program.close(heap, "heap")
    address = program.mmap(fd)
    _sync(program, fd, "START", DMA_BUF_SYNC_START)
    program.store(address, CONTENT)
    _sync(program, fd, "END", DMA_BUF_SYNC_END)
    program.close(fd)
    program.load(address)
    program.munmap(address)
    program.exit()


def ion(stage: Stage) -> None:
    """A handle first, an fd of it then; both are references."""
    program = Program(stage, "app")
    ion = program.open(ION_NODE)
    handle = program.ion_alloc(ion)
    fd = program.ion_map(ion, handle)
    program.ion_free(ion, handle)
    program.close(ion, "ion")
    address = program.mmap(fd)
    _sync(program, fd, "START", DMA_BUF_SYNC_START)
    program.store(address, CONTENT)
    _sync(program, fd, "END", DMA_BUF_SYNC_END)
    program.close(fd)
    program.load(address)
    program.munmap(address)
    program.exit()


def _alloc(program: Program, heap: int) -> int:
    args = DmaHeapAllocationData(len=PAGE_SIZE, fd_flags=os.O_RDWR | os.O_CLOEXEC)

    def alloc() -> int:
        program.task.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, args)
        return args.fd

    return program.steps.call(
        program.task, f"ioctl(DMA_HEAP_IOCTL_ALLOC, {PAGE_SIZE} bytes)", alloc, "fd {}".format
    )


def _sync(program: Program, fd: int, which: str, edge: int) -> None:
    args = DmaBufSync(flags=edge | DMA_BUF_SYNC_WRITE)

    def sync() -> None:
        program.task.ioctl(fd, DMA_BUF_IOCTL_SYNC, args)

    program.steps.call(program.task, f"ioctl(DMA_BUF_IOCTL_SYNC, {which} WRITE)", sync)
