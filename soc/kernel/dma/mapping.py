"""The streaming half of the DMA API: memory becomes addresses one device can use, for a while.

After a map the memory is the device's until it is unmapped or synced. Through
the IOMMU when the device has a domain that translates, else directly.
Memory is given by physical address. A DMA address of the driver's is taken as
the 64 bits it has in C; what is wrong with a call is the checks' matter
(soc.kernel.dma.debug), the call itself does as much of it as makes sense.
Source: kernel/dma/mapping.c, Documentation/core-api/dma-api.rst.

Not modelled: peer-to-peer memory between PCI devices; what is not DRAM in a
table is refused as such memory is where there is no way for it.
"""

from __future__ import annotations

from errno import EINVAL, EIO, EREMOTEIO

import numpy as np

from soc.address import PAGE_SHIFT, PhysAddr
from soc.kernel.device import Device
from soc.kernel.dma import direct, iommu_map
from soc.kernel.dma.attrs import ADDRESS_MASK, DMA_MAPPING_ERROR, DmaAttrs
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable

NO_ATTRS = DmaAttrs.NONE


def dma_map_sgtable(
    device: Device,
    sgt: SgTable,
    direction: DmaDirection,
    *,
    what: str = "a buffer",
    attrs: DmaAttrs = NO_ATTRS,
) -> None:
    """Fill `sgt`'s DMA side for `device`; `what` names the buffer in fault reports.

    -EINVAL without a direction, with an empty table, one that is mapped already or one the
    IOMMU's granule does not fit; -ENOMEM without IOVA space or tables; -EIO when the device
    cannot reach a page or has no dma_mask; -EREMOTEIO for memory that is not DRAM.
    """
    if direction is DmaDirection.NONE or not sgt.size:
        raise KernelError(EINVAL, f"{device.name}: nothing to map or no direction")
    if sgt.nents:
        raise KernelError(EINVAL, f"{device.name}: the sg_table is mapped already")
    if _no_mask(device, "dma_map_sgtable"):
        raise KernelError(EIO, f"{device.name} has no dma_mask")
    if not _all_dram(device, sgt):
        raise KernelError(EREMOTEIO, f"{device.name}: peer-to-peer DMA to memory that is not DRAM")
    device.kernel.faults.check(FaultSite.DMA_MAP, f"{what} for {device.name}")
    if device.behind_iommu:
        iommu_map.map_sg(device, sgt, direction, what, attrs)
    else:
        direct.map_sg(device, sgt, direction, attrs)
    if (debug := device.kernel.dma_debug) is not None:
        debug.map_sg(device, sgt, direction, what, skip_cpu_sync=bool(attrs & DmaAttrs.SKIP_CPU_SYNC))


def dma_unmap_sgtable(
    device: Device, sgt: SgTable, direction: DmaDirection, *, attrs: DmaAttrs = NO_ATTRS
) -> None:
    """Undo `dma_map_sgtable`. Nothing happens to a table that is not mapped."""
    dma_unmap_sg(device, sgt, direction, attrs=attrs)


def dma_map_sg(
    device: Device,
    sgt: SgTable,
    direction: DmaDirection,
    *,
    what: str = "a buffer",
    attrs: DmaAttrs = NO_ATTRS,
) -> int:
    """The older call: how many DMA segments there are, 0 on any failure."""
    try:
        dma_map_sgtable(device, sgt, direction, what=what, attrs=attrs)
    except KernelError:
        return 0
    return sgt.nents


def dma_unmap_sg(
    device: Device,
    sgt: SgTable,
    direction: DmaDirection,
    nents: int | None = None,
    *,
    attrs: DmaAttrs = NO_ATTRS,
) -> None:
    """Undo `dma_map_sg`, always for all entries of the CPU side.

    `nents` is how many the driver believes there are, by default what is right; only the checks compare.
    """
    if (debug := device.kernel.dma_debug) is not None:
        debug.unmap_sg(device, sgt, direction, nents)
    if not sgt.nents:
        return
    if device.behind_iommu:
        iommu_map.unmap_sg(device, sgt, direction, attrs)
    else:
        direct.unmap_sg(device, sgt, direction, attrs)
    sgt.dma_address, sgt.dma_length = sgt.dma_address[:0], sgt.dma_length[:0]


def dma_map_single(
    device: Device,
    phys: PhysAddr | KernelMapping,
    size: int,
    direction: DmaDirection,
    *,
    what: str = "a buffer",
    attrs: DmaAttrs = NO_ATTRS,
) -> int:
    """The address of `size` bytes at `phys` for `device`, DMA_MAPPING_ERROR on failure: test it.

    A WARN and failure for a vmalloc address, which a `KernelMapping` stands for; failure for
    what is not DRAM. -EINVAL without a direction or bytes.
    """
    _check(device, size, direction)
    if isinstance(phys, KernelMapping):
        device.kernel.log.warn_once(f"{device.title}: rejecting DMA map of vmalloc memory", "map of vmalloc")
        return DMA_MAPPING_ERROR
    if _no_mask(device, "dma_map_single"):
        return DMA_MAPPING_ERROR
    if device.kernel.cpu.bus.dram.bank(phys, size) is None:
        if device.kernel.dma_debug is not None:
            device.kernel.dma_debug.map_of_no_memory(device, phys, size)
        return DMA_MAPPING_ERROR
    if device.behind_iommu:
        address = iommu_map.map_page(device, phys, size, direction, what, attrs)
    else:
        address = direct.map_page(device, phys, size, direction, attrs)
    if (debug := device.kernel.dma_debug) is not None:
        skip = bool(attrs & DmaAttrs.SKIP_CPU_SYNC)
        debug.map_page(device, phys, size, direction, address, what, skip_cpu_sync=skip)
    return address


def dma_unmap_single(
    device: Device, address: int, size: int, direction: DmaDirection, *, attrs: DmaAttrs = NO_ATTRS
) -> None:
    """Undo `dma_map_single`."""
    address &= ADDRESS_MASK
    if (debug := device.kernel.dma_debug) is not None:
        debug.unmap_page(device, address, size, direction)
    if address == DMA_MAPPING_ERROR:
        return
    if device.behind_iommu:
        iommu_map.unmap_page(device, address, direction, attrs)
    else:
        direct.unmap_page(device, address, size, direction, attrs)


def dma_map_page(
    device: Device,
    frame: int,
    offset: int,
    size: int,
    direction: DmaDirection,
    *,
    what: str = "a buffer",
    attrs: DmaAttrs = NO_ATTRS,
) -> int:
    """`dma_map_single` of `size` bytes that start `offset` bytes into page `frame`."""
    phys = PhysAddr((frame << PAGE_SHIFT) + offset)
    return dma_map_single(device, phys, size, direction, what=what, attrs=attrs)


def dma_unmap_page(
    device: Device, address: int, size: int, direction: DmaDirection, *, attrs: DmaAttrs = NO_ATTRS
) -> None:
    """Undo `dma_map_page`."""
    dma_unmap_single(device, address, size, direction, attrs=attrs)


def dma_mapping_error(device: Device, address: int) -> bool:
    """Whether what a single mapping returned is a failure."""
    if (debug := device.kernel.dma_debug) is not None:
        debug.mapping_error(device, address)
    return address == DMA_MAPPING_ERROR


def dma_map_resource(
    device: Device,
    phys: PhysAddr,
    size: int,
    direction: DmaDirection,
    *,
    what: str = "a resource",
    attrs: DmaAttrs = NO_ATTRS,
) -> int:
    """The address of another device's registers for `device`, DMA_MAPPING_ERROR on failure, also for DRAM."""
    _check(device, size, direction)
    if _no_mask(device, "dma_map_resource"):
        return DMA_MAPPING_ERROR
    if device.kernel.cpu.bus.dram.bank(phys) is not None:
        device.kernel.log.warn_once(f"{device.title}: dma_map_resource of RAM at {phys:#x}", "resource")
        return DMA_MAPPING_ERROR
    if device.behind_iommu:
        address = iommu_map.map_resource(device, phys, size, direction, what, attrs)
    else:
        address = direct.map_resource(device, phys, size)
    if (debug := device.kernel.dma_debug) is not None:
        debug.map_resource(device, phys, size, direction, address, what)
    return address


def dma_unmap_resource(
    device: Device, address: int, size: int, direction: DmaDirection, *, attrs: DmaAttrs = NO_ATTRS
) -> None:
    """Undo `dma_map_resource`."""
    address &= ADDRESS_MASK
    if (debug := device.kernel.dma_debug) is not None:
        debug.unmap_resource(device, address, size, direction)
    if device.behind_iommu and address != DMA_MAPPING_ERROR:
        iommu_map.unmap_range(device, address)


def _check(device: Device, size: int, direction: DmaDirection) -> None:
    if direction is DmaDirection.NONE or size <= 0:
        raise KernelError(EINVAL, f"{device.name}: nothing to map or no direction")


def _no_mask(device: Device, call: str) -> bool:
    """Whether nobody said what the device can address; a WARN once per call."""
    if device.dma_mask is not None:
        return False
    device.kernel.log.warn_once(f"{device.title}: {call} of a device without a dma_mask", f"{call} mask")
    return True


def _all_dram(device: Device, sgt: SgTable) -> bool:
    """Whether every entry is in a bank."""
    low, high = int(sgt.starts.min()), int((sgt.starts + sgt.lengths).max())
    banks = device.kernel.cpu.bus.dram.banks
    if any(bank.contains(low, high - low) for bank in banks):
        return True
    inside = np.zeros(sgt.orig_nents, dtype=bool)
    for bank in banks:
        inside |= (sgt.starts >= bank.base) & (sgt.starts + sgt.lengths <= bank.end)
    return bool(inside.all())
