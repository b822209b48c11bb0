"""The carveout heap: contiguous buffers from a reserved region.

Memory is cleared when the heap is made and when a buffer is released, never at
allocation, so no owner sees what another left. The clearing is the CPU's
traffic and is booked as such; it touches no buffer that is in use.
Source: drivers/staging/android/ion/ion_carveout_heap.c.

Not modelled: deferred free, uncached allocations, CPU mappings of a buffer.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from heaps.genpool import GenPool
from soc.address import PhysAddr, human_size, page_align
from soc.dmabuf.buffer import DmaBuf, DmaBufAttachment, DmaBufOps
from soc.dmabuf.core import dma_buf_export
from soc.kernel.dma import (
    dma_map_sgtable,
    dma_sync_sgtable_for_cpu,
    dma_sync_sgtable_for_device,
    dma_unmap_sgtable,
)
from soc.kernel.errors import KernelError
from soc.kernel.mm.clear import clear
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.span import PageSpan

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel


class CarveoutHeap:
    """Buffers from [base, base + size) of DRAM. ValueError if that is not whole pages."""

    def __init__(self, kernel: Kernel, name: str, base: PhysAddr, size: int) -> None:
        self.kernel = kernel
        self.name = name
        self.pool = GenPool(base, size)
        self.clear(base, size)

    @property
    def size(self) -> int:
        return self.pool.size

    @property
    def used(self) -> int:
        """Bytes in buffers."""
        return self.pool.used

    @property
    def largest_free(self) -> int:
        """Bytes of the largest buffer that could be allocated now."""
        return self.pool.largest_free

    def allocate(self, size: int) -> DmaBuf:
        """A buffer of `size` bytes, rounded up to pages, whose reference is the heap's.

        -EINVAL for no bytes; -ENOMEM when no contiguous run is long enough.
        """
        if size <= 0:
            raise KernelError(errno.EINVAL, f"{self.name}: a buffer of {size} bytes was asked for")
        length = page_align(size)
        base = self.pool.alloc(length)
        if base is None:
            free = f"{human_size(self.size - self.used)} of {human_size(self.size)} are free"
            largest = f"the largest run is {human_size(self.largest_free)}"
            raise KernelError(
                errno.ENOMEM, f"{self.name}: no {human_size(length)} in one run: {free}, {largest}"
            )
        buffer = CarveoutBuffer(self, base, length)
        return dma_buf_export(self.kernel, buffer, buffer.ops(), length, os.O_RDWR, self.name)

    def clear(self, base: PhysAddr, size: int) -> None:
        """Zero memory that is nobody's with the CPU."""
        span = PageSpan.linear(base, size)
        if self.kernel.cache is not None:
            self.kernel.cache.forget(span.frames)
        clear(self.kernel.cpu, span)


class CarveoutBuffer:
    """The exporter's object: `size` contiguous bytes at `base`, its memory until release."""

    def __init__(self, heap: CarveoutHeap, base: PhysAddr, size: int) -> None:
        self.heap = heap
        self.base = base
        self.size = size
        self.table = SgTable.of([(base, size)])
        self._mappings: dict[SgTable, tuple[Device, DmaDirection]] = {}

    def ops(self) -> DmaBufOps:
        return DmaBufOps(
            self.map,
            self.unmap,
            self.release,
            begin_cpu_access=self.begin_cpu_access,
            end_cpu_access=self.end_cpu_access,
        )

    def map(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
        """A copy of the table, mapped for the attachment's device. The errno of dma_map_sgtable."""
        sgt = self.table.copy()
        dma_map_sgtable(attachment.device, sgt, direction, what=str(attachment.dmabuf))
        self._mappings[sgt] = attachment.device, direction
        return sgt

    def unmap(self, attachment: DmaBufAttachment, sgt: SgTable) -> None:
        """unmap_dma_buf of 2011 is not told the direction, so it was kept at map time."""
        dma_unmap_sgtable(attachment.device, sgt, self._mappings.pop(sgt)[1])

    def begin_cpu_access(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        """The buffer becomes the CPU's, away from every device that has it mapped."""
        for sgt, (device, mapped) in self._mappings.items():
            dma_sync_sgtable_for_cpu(device, sgt, mapped)

    def end_cpu_access(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        """The buffer becomes the devices' again."""
        for sgt, (device, mapped) in self._mappings.items():
            dma_sync_sgtable_for_device(device, sgt, mapped)

    def release(self, dmabuf: DmaBuf) -> None:
        """The memory goes back to the heap, cleared."""
        self.heap.clear(self.base, self.size)
        self.heap.pool.free(self.base)
