"""Where memory for coherent and non-contiguous allocations comes from.

Contiguous: the device's restricted pool if it has one; else its CMA area, for
more than one page the default area, and what those do not have, or the device
cannot reach, from the buddy system. Behind an IOMMU single pages will do.
Source: __dma_direct_alloc_pages, dma_alloc_contiguous, __iommu_dma_alloc_pages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from soc.address import PAGE_SHIFT, PhysAddr
from soc.kernel.dma.attrs import DmaAttrs
from soc.kernel.dma.coherent_pool import block_pages
from soc.kernel.dma.limits import capable, highest, to_bus
from soc.kernel.errors import KernelError
from soc.kernel.mm.cma import CmaArea
from soc.memory.span import Frames, PageSpan

if TYPE_CHECKING:
    from soc.kernel.device import Device

CMA_ALIGNMENT_ORDER = 8
"""CONFIG_CMA_ALIGNMENT: larger requests are not aligned any further."""


@dataclass(frozen=True, eq=False)
class Pages:
    """Allocated page frames in order, shape (n,); `give_back` frees them; `source` is for people."""

    frames: Frames
    source: str
    give_back: Callable[[], None]

    @property
    def span(self) -> PageSpan:
        return PageSpan.of(self.frames, 0, len(self.frames) << PAGE_SHIFT)


def contiguous(device: Device, size: int, attrs: DmaAttrs) -> Pages | None:
    """One run of pages for `size` bytes that `device` can reach; not zeroed. None, and a message, without."""
    count = size >> PAGE_SHIFT
    pool = device.restricted_pool
    if pool is not None and pool.for_alloc and not device.behind_iommu:
        address = pool.allocate(device, size)
        if address is None:
            return None
        return Pages(_run(address >> PAGE_SHIFT, count), "restricted pool", lambda: pool.release(address))
    areas = device.kernel.memory.cma
    area = device.cma_area or (areas.default if count > 1 else None)
    if area is not None and (found := _from_cma(device, area, count, attrs)) is not None:
        return found
    return _from_buddy(device, count, attrs)


def scattered(device: Device, size: int, attrs: DmaAttrs) -> Pages | None:
    """Pages from anywhere for `size` bytes; not zeroed. None, and a message, without.

    They are single pages to the allocator in any case, however they lie, so ALLOC_SINGLE_PAGES,
    which saves Linux the search for large blocks, changes nothing.
    """
    pages = device.kernel.memory.pages
    frames = pages.alloc_pages(size >> PAGE_SHIFT)
    if frames is None:
        _failed(device, 0, attrs)
        return None
    kept = frames
    return Pages(kept, "pages", lambda: pages.free_pages(kept))


def _from_cma(device: Device, area: CmaArea, count: int, attrs: DmaAttrs) -> Pages | None:
    order = min((count - 1).bit_length(), CMA_ALIGNMENT_ORDER)
    try:
        frame = area.alloc(count, order, bool(attrs & DmaAttrs.NO_WARN))
    except KernelError:
        return None
    if not _reached(device, frame, count):
        area.release(frame, count)
        return None
    return Pages(_run(frame, count), f"CMA area {area.name}", lambda: area.release(frame, count))


def _from_buddy(device: Device, count: int, attrs: DmaAttrs) -> Pages | None:
    pages = device.kernel.memory.pages
    order = (block_pages(count << PAGE_SHIFT) - 1).bit_length()
    frame = pages.alloc(order, _beyond(device))
    if frame is None:
        _failed(device, order, attrs)
        return None
    if not _reached(device, frame, count):
        pages.free(frame, order)
        _failed(device, order, attrs)
        return None
    return Pages(_run(frame, count), "buddy", lambda: pages.free(frame, order))


def _reached(device: Device, frame: int, count: int) -> bool:
    """dma_coherent_ok; behind an IOMMU everything is."""
    if device.behind_iommu:
        return True
    address = to_bus(device, np.array([frame << PAGE_SHIFT], dtype=np.int64))
    size = np.array([count << PAGE_SHIFT], dtype=np.int64)
    return bool(capable(device.coherent_dma_mask, device, address, size)[0])


def _beyond(device: Device) -> PhysAddr | None:
    """The first physical address that the device's coherent mask or windows do not reach."""
    if device.behind_iommu:
        return None
    last = highest(device.coherent_dma_mask, device)
    if device.dma_windows is None:
        return PhysAddr(last + 1)
    ends = [
        min(window.physical + window.size, last + 1 - window.bus + window.physical)
        for window in device.dma_windows.windows
    ]
    return PhysAddr(max(0, *ends))


def _failed(device: Device, order: int, attrs: DmaAttrs) -> None:
    if not attrs & DmaAttrs.NO_WARN:
        device.kernel.log.error(f"{device.title}: page allocation failure: order:{order}")


def _run(frame: int, count: int) -> Frames:
    return np.arange(frame, frame + count, dtype=np.int64)
