"""The DMA API: a buffer's pages become addresses one device can use.

Through the IOMMU when the device has a domain, else by physical address.
Source: kernel/dma/{mapping,direct}.c, drivers/iommu/dma-iommu.c; SEMANTICS 6.1, 6.3, 6.4.

Not modelled: swiotlb (an address beyond the device's mask fails), coherent
allocations, cache maintenance, dma-ranges, padding that keeps an entry off a
segment boundary.
"""

from __future__ import annotations

from errno import EINVAL, EIO

import numpy as np

from soc.address import PAGE_MASK, Iova
from soc.kernel.device import Device
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection, Ints, SgTable


def dma_map_sgtable(device: Device, sgt: SgTable, direction: DmaDirection, what: str = "a buffer") -> None:
    """Fill `sgt`'s DMA side for `device`; `what` names the buffer in fault reports.

    -EINVAL without a direction, with an empty table, one that is mapped already or,
    behind an IOMMU, one that is not whole pages; -ENOMEM without IOVA space or
    tables, -EIO when the device cannot reach a page.
    """
    if direction is DmaDirection.NONE or not sgt.size:
        raise KernelError(EINVAL, f"{device.name}: nothing to map or no direction")
    if sgt.nents:
        raise KernelError(EINVAL, f"{device.name}: the sg_table is mapped already")
    kernel = device.kernel
    if device.iommu_domain is None:
        _direct(device, sgt)
        return
    if ((sgt.starts | sgt.lengths) & PAGE_MASK).any():
        raise KernelError(EINVAL, f"{device.name}: the IOMMU maps whole pages only")
    iova = device.iommu_domain.map(
        sgt.frames(), direction, device.name, what, kernel.clock.now, device.dma_mask
    )
    sgt.dma_address, sgt.dma_length = _segments(iova, sgt.lengths, device)


def dma_unmap_sgtable(device: Device, sgt: SgTable, direction: DmaDirection) -> None:
    """Undo `dma_map_sgtable`. A table that is not mapped is a WARN and nothing else."""
    if not sgt.nents:
        device.kernel.log.warn(
            f"DMA-API: {device.name}: device driver tries to free DMA memory it has not allocated"
        )
        return
    if device.iommu_domain is not None:
        device.iommu_domain.unmap(Iova(int(sgt.dma_address[0])), device.kernel.clock.now)
    sgt.dma_address, sgt.dma_length = sgt.dma_address[:0], sgt.dma_length[:0]


def _direct(device: Device, sgt: SgTable) -> None:
    """dma-direct: bus addresses are physical addresses."""
    last = int((sgt.starts + sgt.lengths).max()) - 1
    if last >> device.dma_mask:
        raise KernelError(EIO, f"{device.name}: {last:#x} is beyond the {device.dma_mask}-bit DMA mask")
    sgt.dma_address, sgt.dma_length = sgt.starts.copy(), sgt.lengths.copy()


def _segments(iova: Iova, lengths: Ints, device: Device) -> tuple[Ints, Ints]:
    """One IOVA range as few segments: neighbours are joined as the device allows, none is ever split."""
    size, largest, boundary = int(lengths.sum()), device.max_segment_size, device.segment_boundary + 1
    if size <= largest and iova // boundary == (iova + size - 1) // boundary:
        return np.array([iova], dtype=np.int64), np.array([size], dtype=np.int64)
    starts = [int(iova)]
    at = int(iova)
    for length in lengths.tolist():
        fits = at + length - starts[-1] <= largest
        if at > starts[-1] and not (fits and starts[-1] // boundary == (at + length - 1) // boundary):
            starts.append(at)
        at += length
    addresses = np.array(starts, dtype=np.int64)
    return addresses, np.diff(addresses, append=at)
