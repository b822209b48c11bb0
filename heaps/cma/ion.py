"""ION's DMA heap: coherent memory of a device, from its contiguous memory area, freed at once.

A program learns nothing of why it got none: whatever the reason, the heap returns -1,
which is -EPERM. Source: drivers/staging/android/ion/ion_cma_heap.c (4.9).
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import EINVAL, EPERM
from typing import TYPE_CHECKING

from heaps.ion.backed import check_align, give_back, memory_of, take
from heaps.ion.heap import IonHeap, IonHeapOps, ion_heap_unmap_kernel
from heaps.storage.cma import CoherentSource
from soc.address import PAGE_SIZE
from soc.kernel.dma import CoherentMemory, MemoryType, dma_mmap_coherent
from soc.kernel.errors import KernelError
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.uapi.ion import ION_HEAP_TYPE_DMA

if TYPE_CHECKING:
    from heaps.ion.buffer import IonBuffer
    from heaps.ion.platform_data import IonPlatformHeap
    from soc.kernel.kernel import Kernel
    from soc.kernel.mm.vma import Vma


def ion_cma_heap_create(kernel: Kernel, data: IonPlatformHeap) -> IonHeap:
    """-ENOMEM; ValueError without a device to allocate for. Uncached buffers, alignments up to a page."""
    kernel.faults.kmalloc("ion_cma_heap")
    if data.device is None:
        raise ValueError(f"DMA heap {data.name} has no device")
    heap = IonCmaHeap(CoherentSource(kernel, data.name, data.device))
    ops = IonHeapOps(
        heap.allocate,
        give_back,
        phys=heap.phys,
        map_kernel=heap.map_kernel,
        unmap_kernel=ion_heap_unmap_kernel,
        map_user=heap.map_user,
    )
    return IonHeap(kernel, ION_HEAP_TYPE_DMA, ops, priv=heap.source)


@dataclass(frozen=True, eq=False)
class IonCmaHeap:
    """The operations on `source`."""

    source: CoherentSource

    def allocate(self, heap: IonHeap, buffer: IonBuffer, length: int, align: int, flags: int) -> None:
        if buffer.cached:
            raise KernelError(EINVAL, f"{heap} has no cached memory")
        check_align(heap, align, PAGE_SIZE)
        try:
            take(self.source, buffer, length)
        except KernelError as error:
            heap.kernel.log.error(f"{self.source.device.title}: Fail to allocate buffer")
            raise KernelError(EPERM, error.why) from error

    def phys(self, heap: IonHeap, buffer: IonBuffer) -> tuple[int, int]:
        """The address as the heap's device has it."""
        return self._coherent(buffer).dma_address, buffer.size

    def map_kernel(self, heap: IonHeap, buffer: IonBuffer) -> KernelMapping:
        """The mapping that the memory has had since it was allocated."""
        cached = self._coherent(buffer).memory_type is MemoryType.CACHED
        return KernelMapping(heap.kernel, buffer.frames, str(buffer), cached)

    def map_user(self, heap: IonHeap, buffer: IonBuffer, vma: Vma) -> None:
        """dma_mmap_coherent. -ENXIO beyond the end."""
        coherent = self._coherent(buffer)
        vma.remap(vma.start, dma_mmap_coherent(self.source.device, coherent, vma.pgoff, vma.pages))

    def _coherent(self, buffer: IonBuffer) -> CoherentMemory:
        return self.source.coherent(memory_of(buffer))
