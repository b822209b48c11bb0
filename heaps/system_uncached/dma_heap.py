"""/dev/dma_heap/system-uncached: scattered pages that nobody caches, kept in pools (Android).

Programs and kernel code have them write-combined; they were cleaned when they were
allocated, so that no device needs maintenance afterwards. What is released is cleared
later and goes to the pools. Until its device has its DMA masks the heap is -EBUSY.
Source: drivers/dma-buf/heaps/system_heap.c and page_pool.c of Android's kernel (5.10).

Not modelled: the heap's device itself; what it maps once to clean, the storage cleans.
Android's system heap has pools, too; ours is upstream's.
"""

from __future__ import annotations

from errno import EBUSY
from typing import TYPE_CHECKING

from heaps.dma_heap import DmaHeap, DmaHeapOps, HeapBuffer, dma_heap_add
from heaps.dma_heap.deferred_free import DeferredFree
from heaps.storage.pooled import PooledSystemMemory
from soc.address import PAGE_SHIFT
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation

if TYPE_CHECKING:
    from soc.dmabuf import DmaBuf
    from soc.kernel.kernel import Kernel

NAME = "system-uncached"


class UncachedHeapBuffer(HeapBuffer):
    """A buffer that is freed later."""

    def release(self, dmabuf: DmaBuf) -> None:
        """The memory waits to be cleared."""
        self.kernel.subsystem(DeferredFree).add(self.memory)


class SystemUncachedHeap:
    """`ready` once its device's masks are set. -ENOMEM for more than half of all RAM, or without pages."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.ready = False
        self.memory = PooledSystemMemory(kernel, NAME)
        kernel.memory.shrinkers.register(self)
        kernel.subsystem(DeferredFree)

    def register(self) -> DmaHeap:
        """Make the node. As `dma_heap_add`."""
        return dma_heap_add(self.kernel, NAME, DmaHeapOps(self.allocate, self.get_pool_size), self)

    def allocate(self, heap: DmaHeap, length: int, fd_flags: int, heap_flags: int) -> DmaBuf:
        """As `DmaHeapOps`; -EBUSY until the heap is ready."""
        if not self.ready:
            raise KernelError(EBUSY, f"{heap}: its device has no DMA masks yet")
        self.kernel.faults.kmalloc("system_heap_buffer")
        memory = self.memory.allocate(length, cached=False)
        return UncachedHeapBuffer(self.kernel, heap.name, memory).export(fd_flags)

    def get_pool_size(self, heap: DmaHeap) -> int:
        """Bytes in the pools."""
        return self.memory.shrink(0) << PAGE_SHIFT

    def count_objects(self) -> int:
        """As `Shrinker`: the pages in the pools."""
        return self.memory.shrink(0)

    def scan_objects(self, nr_to_scan: int) -> int:
        """As `Shrinker`."""
        return self.memory.shrink(nr_to_scan)


def system_uncached_heap_create(kernel: Kernel) -> None:
    """Add the heap, in kernels that have dma-heaps, and make it ready."""
    if kernel.generation >= Generation.V6_12:
        heap = SystemUncachedHeap(kernel)
        heap.register()
        heap.ready = True
