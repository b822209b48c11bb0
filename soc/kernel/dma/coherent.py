"""Coherent memory: CPU and device may use it at any time, without syncs.

A device that does not see the caches gets memory that the CPU maps uncached,
while the kernel's own cached alias of those pages stays: who writes through
that one corrupts what the device wrote.
Source: kernel/dma/{mapping,direct,coherent,remap}.c, iommu_dma_alloc.

Not modelled: atomic allocations and their pools, GFP flags, kernel virtual
addresses (the object returned stands for the pointer).
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import EFAULT, ENXIO
from typing import TYPE_CHECKING

import numpy as np

from soc.address import PAGE_SHIFT, PhysAddr, page_align
from soc.kernel.dma import iommu_map
from soc.kernel.dma.attrs import DmaAttrs, MemoryType
from soc.kernel.dma.limits import to_bus
from soc.kernel.dma.source import Pages, contiguous, scattered
from soc.kernel.errors import KernelError
from soc.kernel.mm.clear import clear
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.span import Bytes, Frames

if TYPE_CHECKING:
    from soc.kernel.device import Device

NO_ATTRS = DmaAttrs.NONE
POOL = "coherent pool"


@dataclass(eq=False)
class CoherentMemory:
    """`size` bytes of whole `pages` for `device`, which knows them as `dma_address`.

    `memory_type` is how the CPU maps them; `mapped` False with NO_KERNEL_MAPPING.
    """

    device: Device
    pages: Pages
    size: int
    dma_address: int
    memory_type: MemoryType
    mapped: bool = True
    freed: bool = False

    @property
    def cpu_address(self) -> PhysAddr:
        """What stands for the CPU's address: where the first byte lies."""
        return self.pages.span.address

    def read(self, offset: int, size: int) -> Bytes:
        """What the CPU sees through its mapping. -EFAULT without one or outside it."""
        return self._mapping(offset, size).read(offset, size)

    def write(self, offset: int, data: Bytes) -> None:
        """The CPU writes through its mapping. -EFAULT without one or outside it."""
        self._mapping(offset, len(data)).write(data, offset)

    def _mapping(self, offset: int, size: int) -> KernelMapping:
        frames = self.pages.frames
        if not self.mapped or self.freed or offset < 0 or offset + size > len(frames) << PAGE_SHIFT:
            raise KernelError(EFAULT, f"{self.device.name}: no mapping of {size} bytes at offset {offset}")
        cached = self.memory_type is MemoryType.CACHED
        return KernelMapping(self.device.kernel, frames, self.device.kernel.cpu.name, cached)


def dma_alloc_coherent(
    device: Device, size: int, attrs: DmaAttrs = NO_ATTRS, what: str = "coherent memory"
) -> CoherentMemory | None:
    """Zeroed memory for `size` bytes, in whole pages; None on failure.

    From the device's coherent pool if it has one, and then from nowhere else. With
    NO_KERNEL_MAPPING and no IOMMU nobody zeroes it: there is no mapping to do it through.
    """
    debug = device.kernel.dma_debug
    if debug is not None:
        debug.coherent_size(device, size)
    if size <= 0:
        return None
    if device.coherent_pool is not None:
        memory = _from_pool(device, size)
    elif device.behind_iommu:
        memory = _from_iommu(device, size, attrs, what)
    else:
        memory = _direct(device, size, attrs)
    if memory is not None and debug is not None:
        debug.alloc_coherent(device, size, memory.dma_address, memory.cpu_address, what)
    return memory


def dma_free_coherent(device: Device, size: int, memory: CoherentMemory, dma_address: int) -> None:
    """Give `memory` back. `size` and `dma_address` are what the driver believes; only the checks compare."""
    kernel = device.kernel
    if kernel.dma_debug is not None:
        kernel.dma_debug.free_coherent(device, size, dma_address, memory.cpu_address)
    if memory.freed:
        kernel.log.warn(f"{device.title}: coherent memory at {memory.dma_address:#x} was freed before")
        return
    memory.freed = True
    if device.behind_iommu and memory.pages.source != POOL:
        iommu_map.unmap_range(device, memory.dma_address)
    if kernel.cache is not None:
        kernel.cache.forget(memory.pages.frames)
    memory.pages.give_back()


dma_alloc_attrs = dma_alloc_coherent
dma_free_attrs = dma_free_coherent


def dma_mmap_coherent(device: Device, memory: CoherentMemory, offset: int, count: int) -> Frames:
    """The frames that `count` pages of user space from page `offset` of `memory` on would map.

    -ENXIO outside it.
    """
    pages = len(memory.pages.frames)
    if not (0 <= offset < pages and 0 <= count <= pages - offset):
        raise KernelError(ENXIO, f"{device.name}: {count} pages from page {offset} on: there are {pages}")
    return memory.pages.frames[offset : offset + count]


dma_mmap_attrs = dma_mmap_coherent


def dma_get_sgtable(device: Device, memory: CoherentMemory) -> SgTable:
    """A table of `memory`'s pages, not mapped. -ENXIO for a coherent pool: its memory has no struct pages."""
    if memory.pages.source == POOL:
        raise KernelError(ENXIO, f"{device.name}: a coherent pool has no pages to list")
    return SgTable.of_pages(memory.pages.frames)


def dma_pgprot(device: Device, attrs: DmaAttrs) -> MemoryType:
    """How the CPU maps coherent memory of `device`."""
    if device.dma_coherent:
        return MemoryType.CACHED
    return MemoryType.WRITE_COMBINE if attrs & DmaAttrs.WRITE_COMBINE else MemoryType.UNCACHED


def _from_pool(device: Device, size: int) -> CoherentMemory | None:
    pool = device.coherent_pool
    address = pool.allocate(size) if pool else None
    if pool is None or address is None:
        return None
    frames = np.arange(address >> PAGE_SHIFT, (address + page_align(size)) >> PAGE_SHIFT, dtype=np.int64)
    pages = Pages(frames, POOL, lambda: pool.release(address, size))
    _zero(device, pages, MemoryType.WRITE_COMBINE)
    return CoherentMemory(device, pages, size, _bus(device, address), MemoryType.WRITE_COMBINE)


def _direct(device: Device, size: int, attrs: DmaAttrs) -> CoherentMemory | None:
    pages = contiguous(device, page_align(size), attrs)
    if pages is None:
        return None
    kind = dma_pgprot(device, attrs)
    memory = CoherentMemory(device, pages, size, _bus(device, pages.span.address), kind)
    restricted = device.restricted_pool is not None and device.restricted_pool.for_alloc
    memory.mapped = restricted or not attrs & DmaAttrs.NO_KERNEL_MAPPING
    if memory.mapped:
        _zero(device, pages, kind)
    else:
        _settle(device, pages, kind)
    return memory


def _from_iommu(device: Device, size: int, attrs: DmaAttrs, what: str) -> CoherentMemory | None:
    wanted = max(page_align(size), 1 << iommu_map.domain_of(device).geometry.granule)
    take = contiguous if attrs & DmaAttrs.FORCE_CONTIGUOUS else scattered
    pages = take(device, wanted, attrs)
    if pages is None:
        return None
    kind = dma_pgprot(device, attrs)
    _zero(device, pages, kind)
    bits = device.coherent_dma_mask
    try:
        iova = iommu_map.map_frames(device, pages.frames, DmaDirection.BIDIRECTIONAL, what, attrs, bits)
    except KernelError:
        pages.give_back()
        return None
    mapped = not attrs & DmaAttrs.NO_KERNEL_MAPPING
    return CoherentMemory(device, pages, size, iova, kind, mapped)


def _zero(device: Device, pages: Pages, kind: MemoryType) -> None:
    """The CPU clears the pages before they become memory of `kind`."""
    clear(device.kernel.cpu, pages.span)
    _settle(device, pages, kind)


def _settle(device: Device, pages: Pages, kind: MemoryType) -> None:
    """No dirty line of the kernel's cached alias may land on memory that is not cached later."""
    if kind is not MemoryType.CACHED and device.kernel.cache is not None:
        device.kernel.cache.clean(pages.span)


def _bus(device: Device, phys: PhysAddr) -> int:
    return int(to_bus(device, np.array([phys], dtype=np.int64))[0])
