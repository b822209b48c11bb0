"""/dev/dma_heap/system: scattered pages, cached. Source: drivers/dma-buf/heaps/system_heap.c (6.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaps.dma_heap import DmaHeap, DmaHeapOps, HeapBuffer, dma_heap_add
from heaps.storage.system import SystemMemory
from soc.kernel.generation import Generation

if TYPE_CHECKING:
    from soc.dmabuf import DmaBuf
    from soc.kernel.kernel import Kernel

NAME = "system"


class SystemHeap:
    """-ENOMEM, or -EINTR when the task is killed meanwhile; no length is refused as such."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.memory = SystemMemory(kernel, NAME)

    def allocate(self, heap: DmaHeap, length: int, fd_flags: int, heap_flags: int) -> DmaBuf:
        """As `DmaHeapOps`."""
        self.kernel.faults.kmalloc("system_heap_buffer")
        return HeapBuffer(self.kernel, heap.name, self.memory.allocate(length)).export(fd_flags)


def system_heap_create(kernel: Kernel) -> None:
    """Add the heap, in kernels that have dma-heaps."""
    if kernel.generation >= Generation.V6_12:
        system = SystemHeap(kernel)
        dma_heap_add(kernel, NAME, DmaHeapOps(system.allocate), system)
