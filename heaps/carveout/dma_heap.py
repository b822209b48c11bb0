"""The carveout heap: contiguous buffers from a reserved region, for kernel code or as a dma-heap.

Memory is cleared when the heap is made and when a buffer is released, so no owner
sees what another left. The clearing is the CPU's traffic and booked as such.
Source: ion_carveout_heap.c (4.9) and the carveout heap proposed for drivers/dma-buf/heaps.

Not modelled: the export property of the proposed binding; whoever makes a heap names its region.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from heaps.dma_heap import DmaHeap, DmaHeapOps, HeapBuffer, dma_heap_add
from heaps.storage.region import CarveoutMemory
from soc.address import PhysAddr

if TYPE_CHECKING:
    from soc.dmabuf import DmaBuf
    from soc.kernel.kernel import Kernel


class CarveoutHeap:
    """Buffers from [base, base + size) of DRAM. ValueError if that is not whole pages.

    `cached`: how the CPU maps its buffers. A no-map region, which the kernel has no mapping of, is not.
    """

    def __init__(self, kernel: Kernel, name: str, base: PhysAddr, size: int, cached: bool = True) -> None:
        self.kernel = kernel
        self.name = name
        self.cached = cached
        self.memory = CarveoutMemory(kernel, name, base, size)

    @property
    def size(self) -> int:
        return self.memory.size

    @property
    def used(self) -> int:
        """Bytes in buffers."""
        return self.memory.used

    @property
    def largest_free(self) -> int:
        """Bytes of the largest buffer that could be allocated now."""
        return self.memory.largest_free

    def allocate(self, size: int, fd_flags: int = os.O_RDWR) -> DmaBuf:
        """A buffer of `size` bytes, rounded up to pages, whose reference is the heap's.

        -EINVAL for no bytes; -ENOMEM when no contiguous run is long enough.
        """
        self.kernel.faults.kmalloc("carveout_heap_buffer")
        memory = self.memory.allocate(size, self.cached)
        return HeapBuffer(self.kernel, self.name, memory).export(fd_flags)

    def register(self) -> DmaHeap:
        """Make it /dev/dma_heap/<name>. As `dma_heap_add`."""
        ops = DmaHeapOps(lambda heap, length, fd_flags, heap_flags: self.allocate(length, fd_flags))
        return dma_heap_add(self.kernel, self.name, ops, self)
