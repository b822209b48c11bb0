"""CMA areas as dma-heaps: contiguous buffers, mapped into programs page by page.

    until 6.16    the default area, by its own name: "reserved", or its node's
    since 6.17    the default area as default_cma_region; by its own name, too, on demand
    late 2025     every reusable shared-dma-pool of the device tree as well, the default one
                  included, by its node's name

A no-map pool is no area and never becomes a heap.
Source: drivers/dma-buf/heaps/cma_heap.c (6.12, 6.19), kernel/dma/contiguous.c.
"""

from __future__ import annotations

from errno import EFAULT, EINVAL, ENOMEM
from typing import TYPE_CHECKING, cast

from heaps.dma_heap import DmaHeap, DmaHeapOps, HeapBuffer, dma_heap_add
from heaps.storage.cma import CmaMemory
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.mm.vma import PFN_FLAGS, VmOperations

if TYPE_CHECKING:
    from soc.dmabuf import DmaBuf, DmaBufAttachment
    from soc.kernel.core import KernelCore
    from soc.kernel.kernel import Kernel
    from soc.kernel.mm.cma import CmaArea
    from soc.kernel.mm.vma import Vma
    from soc.kernel.scatterlist import DmaDirection, SgTable

DEFAULT_CMA_NAME = "default_cma_region"


class CmaHeapConfig:
    """How a kernel since 6.17 is built; to be set before it boots.

    `regions`: late enough (4f5f8baf7341) to make every region a heap. Before that,
    `legacy` (CONFIG_DMABUF_HEAPS_CMA_LEGACY) adds the default area by its old name.
    """

    def __init__(self, kernel: KernelCore) -> None:
        self.regions = True
        self.legacy = False


class CmaHeapBuffer(HeapBuffer):
    """A run of pages."""

    def map_dma_buf(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
        """-ENOMEM whatever the DMA API says."""
        try:
            return super().map_dma_buf(attachment, direction)
        except KernelError as error:
            raise KernelError(ENOMEM, error.why) from error

    def mmap(self, dmabuf: DmaBuf, vma: Vma) -> None:
        """Pages are entered as they are touched. -EINVAL for a private mapping."""
        if not vma.shared:
            raise KernelError(EINVAL, f"{dmabuf}: {vma} is private")
        vma.flags |= PFN_FLAGS
        vma.cached = self.memory.cached
        vma.private = self
        vma.ops = VmOperations(cma_heap_vm_fault)


def cma_heap_vm_fault(vma: Vma, page: int) -> int:
    """The frame of one page. KernelError, which is SIGBUS, for one past the end and beyond."""
    frames, index = cast(CmaHeapBuffer, vma.private).memory.frames(), vma.pgoff + page
    if index >= len(frames):
        raise KernelError(EFAULT, f"page {index} of a buffer of {len(frames)}")
    return int(frames[index])


class CmaHeap:
    """Buffers from `area`. Every failure is -ENOMEM."""

    def __init__(self, kernel: Kernel, name: str, area: CmaArea) -> None:
        self.kernel = kernel
        self.memory = CmaMemory(kernel, name, area)

    def allocate(self, heap: DmaHeap, length: int, fd_flags: int, heap_flags: int) -> DmaBuf:
        """As `DmaHeapOps`."""
        self.kernel.faults.kmalloc("cma_heap_buffer")
        return CmaHeapBuffer(self.kernel, heap.name, self.memory.allocate(length)).export(fd_flags)


def add_cma_heaps(kernel: Kernel) -> None:
    """Add the heaps that this generation makes of the kernel's areas."""
    default, areas = kernel.memory.cma.default, kernel.memory.cma.areas
    if kernel.generation < Generation.V6_12:
        return
    if kernel.generation < Generation.V6_19:
        if default is not None:
            add_cma_heap(kernel, default.name, default)
        return
    config = kernel.subsystem(CmaHeapConfig)
    named = areas if config.regions else [default] if default is not None and config.legacy else []
    if default is not None:
        add_cma_heap(kernel, DEFAULT_CMA_NAME, default)
    for area in named:
        try:
            add_cma_heap(kernel, area.name, area)
        except KernelError as error:
            kernel.log.error(f"cma_heap: Failed to add CMA heap {area.name}: {error}")


def add_cma_heap(kernel: Kernel, name: str, area: CmaArea) -> DmaHeap:
    """Buffers of `area` as /dev/dma_heap/<name>. As `dma_heap_add`."""
    cma = CmaHeap(kernel, name, area)
    return dma_heap_add(kernel, name, DmaHeapOps(cma.allocate), cma)
