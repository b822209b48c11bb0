"""A heap as the framework knows it, and kernel code that allocates from one.

Source: include/linux/dma-heap.h, dma_heap_buffer_alloc (drivers/dma-buf/dma-heap.c; Android exports it).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from errno import EINVAL
from typing import TYPE_CHECKING

from soc.address import page_align
from soc.kernel.errors import KernelError
from soc.kernel.uapi.dma_heap import DMA_HEAP_VALID_FD_FLAGS, DMA_HEAP_VALID_HEAP_FLAGS

if TYPE_CHECKING:
    from soc.dmabuf import DmaBuf
    from soc.kernel.core import KernelCore

SIZE_T = (1 << 64) - 1


@dataclass(frozen=True)
class DmaHeapOps:
    """What a heap does; each fails with KernelError.

    allocate       (heap, bytes in whole pages, fd_flags, heap_flags): a new dma-buf
    get_pool_size  bytes that the heap keeps in pools for later (Android)
    """

    allocate: Callable[[DmaHeap, int, int, int], DmaBuf] | None
    get_pool_size: Callable[[DmaHeap], int] | None = None


@dataclass(eq=False)
class DmaHeap:
    """A registered heap. `priv` is its driver's; `refcount`: one for the driver, one for each finder."""

    kernel: KernelCore
    name: str
    ops: DmaHeapOps
    priv: object
    minor: int
    refcount: int = field(default=1, init=False)

    def __str__(self) -> str:
        return f"dma-heap {self.name}"


def dma_heap_get_name(heap: DmaHeap) -> str:
    """What it was registered as."""
    return heap.name


def dma_heap_get_drvdata(heap: DmaHeap) -> object:
    """The `priv` it was registered with."""
    return heap.priv


def dma_heap_buffer_alloc(
    heap: DmaHeap, length: int, fd_flags: int = os.O_RDWR, heap_flags: int = 0
) -> DmaBuf:
    """A dma-buf of `length` bytes, rounded up to whole pages; its one reference is its exporter's.

    -EINVAL for flags that do not exist, no bytes, or so many that rounding wraps; the heap's errno.
    """
    if fd_flags & ~DMA_HEAP_VALID_FD_FLAGS or heap_flags & ~DMA_HEAP_VALID_HEAP_FLAGS:
        raise KernelError(EINVAL, f"{heap}: fd_flags {fd_flags:#x}, heap_flags {heap_flags:#x}")
    size = page_align(length) & SIZE_T
    if not size:
        raise KernelError(EINVAL, f"{heap}: a buffer of {length:#x} bytes was asked for")
    assert heap.ops.allocate is not None  # dma_heap_add refuses such operations
    return heap.ops.allocate(heap, size, fd_flags, heap_flags)
