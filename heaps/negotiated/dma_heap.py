"""/dev/dma_heap/negotiated: buffers whose memory is chosen when their devices are known.

A buffer costs nothing until it is first used, so allocation hardly fails; mapping may.
Since 6.15, when nothing is mapped at attach any more, its buffers can also move under
importers that follow; before, a dynamic exporter would be pinned by every other importer.
This heap is no part of Linux.
"""

from __future__ import annotations

import os
from errno import ENOMEM
from typing import TYPE_CHECKING

from heaps.dma_heap import DmaHeap, DmaHeapOps, dma_heap_add
from heaps.negotiated.buffer import NegotiatedBuffer
from heaps.negotiated.sources import Sources
from soc.address import PAGE_SHIFT, human_size
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation

if TYPE_CHECKING:
    from soc.dmabuf import DmaBuf
    from soc.kernel.kernel import Kernel

NAME = "negotiated"


class NegotiatedHeap:
    """`dynamic`: whether its exporters have pin and unpin; None for whatever suits the generation."""

    def __init__(self, kernel: Kernel, name: str = NAME, dynamic: bool | None = None) -> None:
        self.kernel = kernel
        self.name = name
        self.dynamic = kernel.generation >= Generation.V6_15 if dynamic is None else dynamic
        self._sources = Sources(kernel, name)

    def buffer(self, size: int, fd_flags: int = os.O_RDWR) -> DmaBuf:
        """A buffer of `size` bytes, whole pages, without memory; its reference is the heap's.

        -ENOMEM, also for more than the machine has.
        """
        total = self.kernel.memory.dram.page_count << PAGE_SHIFT
        if size > total:
            wanted = f"a buffer of {size} bytes"
            raise KernelError(ENOMEM, f"{self.name}: {wanted} in a machine of {human_size(total)}")
        self.kernel.faults.kmalloc("negotiated_buffer")
        return NegotiatedBuffer(self.kernel, self._sources, size).export(self.name, self.dynamic, fd_flags)

    def register(self) -> DmaHeap:
        """Make it /dev/dma_heap/<name>. As `dma_heap_add`."""
        ops = DmaHeapOps(lambda heap, length, fd_flags, heap_flags: self.buffer(length, fd_flags))
        return dma_heap_add(self.kernel, self.name, ops, self)


def negotiated_heap_create(kernel: Kernel) -> None:
    """Add the heap, in kernels that have dma-heaps."""
    if kernel.generation >= Generation.V6_12:
        NegotiatedHeap(kernel).register()
