"""Memory from a contiguous memory area, with and without the DMA API in front of it.

Source: drivers/dma-buf/heaps/cma_heap.c (6.12), ion_cma_heap.c (4.9).

Not modelled: high memory, which would be cleared page by page.
"""

from __future__ import annotations

from errno import ENOMEM
from typing import TYPE_CHECKING

from heaps.storage.memory import HeapMemory, MemorySource
from heaps.storage.room import no_pages, no_run
from heaps.storage.system import fatal_signal_pending
from heaps.storage.zeroing import zero_fresh
from soc.address import PAGE_SHIFT, human_size
from soc.kernel.dma.coherent import CoherentMemory, dma_alloc_coherent, dma_free_coherent, dma_get_sgtable
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.mm.cma import CmaArea
from soc.kernel.scatterlist import SgTable

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel

CMA_ALIGNMENT = 8
"""CONFIG_CMA_ALIGNMENT: larger buffers are not aligned any further."""


class CmaMemory(MemorySource):
    """One run of `area`. Every failure is -ENOMEM, a pinned page in the way and a killed task, too."""

    dram_is_clean = False

    def __init__(self, kernel: Kernel, name: str, area: CmaArea) -> None:
        super().__init__(kernel, name)
        self.area = area

    def _take(self, size: int, cached: bool) -> SgTable:
        count = size >> PAGE_SHIFT
        frame = self._alloc(count)
        table = SgTable.of([(frame << PAGE_SHIFT, size)])
        zero_fresh(self.kernel, table, cached)
        try:
            self.kernel.faults.kmalloc("page array")
        except KernelError:
            self.area.release(frame, count)
            raise
        return table

    def _give(self, memory: HeapMemory, shrinker: bool) -> None:
        frames = memory.sgt.frames()
        self.area.release(int(frames[0]), len(frames))

    def _alloc(self, count: int) -> int:
        self.kernel.faults.check(FaultSite.PAGE_ALLOC, f"{self.name}: {count} pages")
        if fatal_signal_pending(self.kernel):
            raise KernelError(ENOMEM, f"{self.name}: killed while {count} pages were allocated")
        try:
            return self.area.alloc(count, min((count - 1).bit_length(), CMA_ALIGNMENT))
        except KernelError as error:
            wanted = f"{human_size(count << PAGE_SHIFT)} in one run"
            raise no_run(self.name, wanted, self.area, f" ({error.why})") from error


class CoherentSource(MemorySource):
    """Coherent memory of `device`: its CMA area, or wherever the DMA API finds some. -ENOMEM without."""

    def __init__(self, kernel: Kernel, name: str, device: Device) -> None:
        super().__init__(kernel, name)
        self.device = device
        self.dram_is_clean = not device.dma_coherent
        self._held: dict[SgTable, CoherentMemory] = {}

    def coherent(self, memory: HeapMemory) -> CoherentMemory:
        """What the DMA API gave for a buffer."""
        return self._held[memory.sgt]

    def _take(self, size: int, cached: bool) -> SgTable:
        self.kernel.faults.kmalloc("ion_cma_buffer_info")
        self.kernel.faults.check(FaultSite.PAGE_ALLOC, f"{self.name}: {human_size(size)}")
        memory = dma_alloc_coherent(self.device, size, what=self.name)
        if memory is None:
            raise self._full(f"{human_size(size)} of coherent memory for {self.device.name}")
        try:
            self.kernel.faults.kmalloc("sg_table")
            table = dma_get_sgtable(self.device, memory)
        except KernelError:
            dma_free_coherent(self.device, size, memory, memory.dma_address)
            raise
        self._held[table] = memory
        return table

    def _full(self, wanted: str) -> KernelError:
        pool, area = self.device.coherent_pool, self.device.cma_area or self.kernel.memory.cma.default
        if pool is not None:
            left = f"{human_size(pool.size - pool.used)} of {human_size(pool.size)} are free in its own pool"
            return KernelError(ENOMEM, f"{self.name}: no {wanted}: {left}")
        if area is not None:
            return no_run(self.name, wanted, area, f" in {area.name}, and the page allocator had none either")
        return no_pages(self.kernel.memory.pages, self.name, wanted)

    def _give(self, memory: HeapMemory, shrinker: bool) -> None:
        held = self._held.pop(memory.sgt)
        dma_free_coherent(self.device, memory.size, held, held.dma_address)
