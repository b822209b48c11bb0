"""Non-contiguous memory: pages for one device, cached for the CPU, synced by hand.

Behind an IOMMU the pages come from anywhere and the device sees one segment;
without one they are one physical run.
Source: dma_alloc_noncontiguous and its kin, kernel/dma/mapping.c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from errno import ENXIO

import numpy as np

from soc.address import page_align
from soc.kernel.device import Device
from soc.kernel.dma import iommu_map
from soc.kernel.dma.arch_sync import arch_sync_dma_for_device, needs_maintenance
from soc.kernel.dma.attrs import DmaAttrs
from soc.kernel.dma.limits import to_bus
from soc.kernel.dma.source import contiguous, scattered
from soc.kernel.errors import KernelError
from soc.kernel.mm.clear import clear
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.span import Frames


def _nothing() -> None:
    """The table has no memory yet, or none any more."""


@dataclass(eq=False)
class NoncontiguousTable(SgTable):
    """An sg_table that owns its memory; `give_back` frees it."""

    give_back: Callable[[], None] = _nothing


def dma_alloc_noncontiguous(
    device: Device,
    size: int,
    direction: DmaDirection,
    attrs: DmaAttrs = DmaAttrs.NONE,
    what: str = "non-contiguous memory",
) -> NoncontiguousTable | None:
    """Zeroed memory for `size` bytes as one DMA segment of `device`; None on failure,
    without bytes and without a direction.

    A WARN and None for attributes other than ALLOC_SINGLE_PAGES. The memory is the
    device's: sync the table before the CPU uses it.
    """
    if attrs & ~DmaAttrs.ALLOC_SINGLE_PAGES:
        names = (attrs & ~DmaAttrs.ALLOC_SINGLE_PAGES).name
        text = f"{device.title}: dma_alloc_noncontiguous does not know {names}"
        device.kernel.log.warn_once(text, "dma_alloc_noncontiguous attrs")
        return None
    wanted = page_align(size)
    if size <= 0 or direction is DmaDirection.NONE:
        return None
    pages = (scattered if device.behind_iommu else contiguous)(device, wanted, attrs)
    if pages is None:
        return None
    clear(device.kernel.cpu, pages.span)
    if device.behind_iommu:
        bits = device.coherent_dma_mask
        try:
            address = int(iommu_map.map_frames(device, pages.frames, direction, what, attrs, bits))
        except KernelError:
            pages.give_back()
            return None
    else:
        address = int(to_bus(device, np.array([pages.span.address], dtype=np.int64))[0])
    listed = SgTable.of_pages(pages.frames)
    table = NoncontiguousTable(
        listed.starts, listed.lengths, np.array([address]), np.array([wanted]), pages.give_back
    )
    if needs_maintenance(device):
        arch_sync_dma_for_device(device, table.spans)
    if device.kernel.dma_debug is not None:
        device.kernel.dma_debug.map_sg(device, table, direction, what)
    return table


def dma_free_noncontiguous(device: Device, table: NoncontiguousTable, direction: DmaDirection) -> None:
    """Undo `dma_alloc_noncontiguous`. Only the checks mind a table that was freed before."""
    if device.kernel.dma_debug is not None:
        device.kernel.dma_debug.unmap_sg(device, table, direction)
    if table.give_back is _nothing:
        return
    if device.behind_iommu and table.nents:
        iommu_map.unmap_range(device, int(table.dma_address[0]))
    if device.kernel.cache is not None:
        device.kernel.cache.forget(table.frames())
    give_back, table.give_back = table.give_back, _nothing
    give_back()
    table.dma_address, table.dma_length = table.dma_address[:0], table.dma_length[:0]


def dma_vmap_noncontiguous(device: Device, table: NoncontiguousTable) -> KernelMapping:
    """The pages side by side for the CPU, cached: sync the table around its use."""
    return KernelMapping(device.kernel, table.frames(), device.kernel.cpu.name)


def dma_mmap_noncontiguous(device: Device, table: NoncontiguousTable, offset: int, count: int) -> Frames:
    """The frames that `count` pages of user space from page `offset` on would map. -ENXIO outside it."""
    frames = table.frames()
    if not (0 <= offset < len(frames) and 0 <= count <= len(frames) - offset):
        raise KernelError(
            ENXIO, f"{device.name}: {count} pages from page {offset} on: there are {len(frames)}"
        )
    return frames[offset : offset + count]
