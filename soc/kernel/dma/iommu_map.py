"""DMA behind an IOMMU: one IOVA range per mapping.

Whole granules are mapped; a mapping that begins inside one keeps its offset.
dma-ranges does not move IOVAs, it only limits them. Memory that shares cache
lines with its neighbours bounces as without an IOMMU, so that the device does
not reach what lies around it.
Source: drivers/iommu/dma-iommu.c.

Not modelled: untrusted (PCI) devices, whose partial granules bounce too; a bus
limit that is no power of two is rounded down to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import EIO
from typing import TYPE_CHECKING

import numpy as np

from soc.address import PAGE_SHIFT, Iova, PhysAddr
from soc.kernel.dma.arch_sync import (
    arch_sync_dma_for_cpu,
    arch_sync_dma_for_device,
    needs_maintenance,
    one_piece,
)
from soc.kernel.dma.attrs import DMA_MAPPING_ERROR, WIDEST_BOUNDARY, DmaAttrs
from soc.kernel.dma.limits import iova_bits
from soc.kernel.dma.segments import layout, segments
from soc.kernel.dma.swiotlb.kmalloc import kmalloc_needs_bounce
from soc.kernel.dma.swiotlb.pool import Bounce, Swiotlb
from soc.kernel.errors import KernelError
from soc.kernel.iommu.domain import IommuDomain
from soc.kernel.iommu.io_pgtable import Prot
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.span import Frames

if TYPE_CHECKING:
    from soc.kernel.device import Device

OUTPUT_BITS = 48
"""Physical addresses that a descriptor of the 4 KiB granule has room for."""


@dataclass(frozen=True, eq=False)
class Single:
    """A single mapping: `size` bytes at `phys` (its bounce slots if it has some), mapped as `iova`."""

    iova: Iova
    phys: PhysAddr
    size: int
    bounce: tuple[Swiotlb, Bounce] | None


def map_sg(device: Device, sgt: SgTable, direction: DmaDirection, what: str, attrs: DmaAttrs) -> None:
    """Fill the DMA side. The errno of the domain: -ENOMEM, -EINVAL; -EIO when an entry cannot bounce."""
    domain = domain_of(device)
    sgt.bounces, sgt.entrywise = [], False
    if not sgt.page_aligned and kmalloc_needs_bounce(device, sgt.lengths, direction).any():
        _map_entrywise(device, sgt, direction, what, attrs)
        return
    if needs_maintenance(device, attrs):
        arch_sync_dma_for_device(device, sgt.spans)
    boundary = min(device.segment_boundary, WIDEST_BOUNDARY)
    place = layout(sgt, 1 << domain.geometry.granule, boundary)
    iova = map_frames(device, place.frames, direction, what, attrs, device.dma_mask or 0)
    sgt.dma_address, sgt.dma_length = segments(iova, place, sgt.lengths, device.max_segment_size, boundary)


def unmap_sg(device: Device, sgt: SgTable, direction: DmaDirection, attrs: DmaAttrs) -> None:
    """The CPU gets the memory back, unless SKIP_CPU_SYNC, and the IOVA range becomes free."""
    if sgt.entrywise:
        for address in sgt.dma_address.tolist():
            unmap_page(device, address, direction, attrs)
        return
    if needs_maintenance(device, attrs):
        arch_sync_dma_for_cpu(device, sgt.spans, direction)
    unmap_range(device, int(sgt.dma_address[0]))


def map_page(
    device: Device, phys: PhysAddr, size: int, direction: DmaDirection, what: str, attrs: DmaAttrs
) -> int:
    """The IOVA of `size` bytes at `phys`, DMA_MAPPING_ERROR without one."""
    granule = 1 << domain_of(device).geometry.granule
    found: tuple[Swiotlb, Bounce] | None = None
    partial = (phys | size) & (granule - 1) != 0
    if partial and kmalloc_needs_bounce(device, np.array([size]), direction)[0]:
        pool = device.bounce_pool
        if pool is None:
            text = "DMA bounce buffers are inactive, unable to map unaligned transaction."
            device.kernel.log.warn_once(f"{device.title}: {text}", text)
            return DMA_MAPPING_ERROR
        bounce = pool.map(device, phys, size, attrs, granule)
        if bounce is None:
            return DMA_MAPPING_ERROR
        phys, found = bounce.address, (pool, bounce)
    try:
        iova = map_range(device, phys, size, direction, what, attrs, device.dma_mask or 0)
    except KernelError:
        if found:
            found[0].drop(found[1])
        return DMA_MAPPING_ERROR
    device.singles[iova] = Single(iova, phys, size, found)
    if needs_maintenance(device, attrs):
        arch_sync_dma_for_device(device, one_piece(device, phys, size))
    return iova


def map_resource(
    device: Device, phys: PhysAddr, size: int, direction: DmaDirection, what: str, attrs: DmaAttrs
) -> int:
    """The IOVA of registers of another device, DMA_MAPPING_ERROR without one."""
    bits = device.dma_mask or 0
    if size > 1 << iova_bits(bits, device) or (phys + size - 1) >> OUTPUT_BITS:
        return DMA_MAPPING_ERROR
    try:
        return map_range(device, phys, size, direction, what, attrs, bits)
    except KernelError:
        return DMA_MAPPING_ERROR


def unmap_page(device: Device, address: int, direction: DmaDirection, attrs: DmaAttrs) -> None:
    """Undo `map_page`."""
    single = device.singles.pop(Iova(address), None)
    if single is not None and needs_maintenance(device, attrs):
        arch_sync_dma_for_cpu(device, one_piece(device, single.phys, single.size), direction)
    unmap_range(device, address)
    if single is not None and single.bounce is not None:
        pool, bounce = single.bounce
        pool.unmap(bounce, direction, attrs)


def sync_for_cpu(device: Device, address: int, size: int, direction: DmaDirection) -> None:
    """`size` bytes of a single mapping, from `address` on, become the CPU's."""
    found = _find(device, address)
    if found is None:
        return
    single, phys = found
    if needs_maintenance(device):
        arch_sync_dma_for_cpu(device, one_piece(device, phys, size), direction)
    if single.bounce is not None:
        single.bounce[0].sync_for_cpu(device, single.bounce[1], phys, size, direction)


def sync_for_device(device: Device, address: int, size: int, direction: DmaDirection) -> None:
    """`size` bytes of a single mapping, from `address` on, become the device's."""
    found = _find(device, address)
    if found is None:
        return
    single, phys = found
    if single.bounce is not None:
        single.bounce[0].sync_for_device(device, single.bounce[1], phys, size, direction)
    if needs_maintenance(device):
        arch_sync_dma_for_device(device, one_piece(device, phys, size))


def sync_sg_for_cpu(device: Device, sgt: SgTable, direction: DmaDirection) -> None:
    """The whole table becomes the CPU's."""
    if sgt.entrywise:
        for address, length in zip(sgt.dma_address.tolist(), sgt.dma_length.tolist(), strict=True):
            sync_for_cpu(device, address, length, direction)
    elif needs_maintenance(device):
        arch_sync_dma_for_cpu(device, sgt.spans, direction)


def sync_sg_for_device(device: Device, sgt: SgTable, direction: DmaDirection) -> None:
    """The whole table becomes the device's."""
    if sgt.entrywise:
        for address, length in zip(sgt.dma_address.tolist(), sgt.dma_length.tolist(), strict=True):
            sync_for_device(device, address, length, direction)
    elif needs_maintenance(device):
        arch_sync_dma_for_device(device, sgt.spans)


def map_range(
    device: Device, phys: PhysAddr, size: int, direction: DmaDirection, what: str, attrs: DmaAttrs, bits: int
) -> Iova:
    """Map the granules that `size` bytes at `phys` touch. The errno of the domain."""
    granule = 1 << domain_of(device).geometry.granule
    offset = phys & (granule - 1)
    first = (phys - offset) >> PAGE_SHIFT
    pages = ((offset + size + granule - 1) & -granule) >> PAGE_SHIFT
    frames = np.arange(first, first + pages, dtype=np.int64)
    return Iova(map_frames(device, frames, direction, what, attrs, bits) + offset)


def map_frames(
    device: Device, frames: Frames, direction: DmaDirection, what: str, attrs: DmaAttrs, bits: int
) -> Iova:
    """Map page frames below 2**`bits` and the bus limit. The errno of the domain."""
    prot = Prot.CACHE if device.dma_coherent else Prot(0)
    if attrs & DmaAttrs.PRIVILEGED:
        prot |= Prot.PRIVILEGED
    now = device.kernel.clock.now
    return domain_of(device).map(
        frames, direction, device.name, what, now, iova_bits(bits, device), prot=prot
    )


def unmap_range(device: Device, address: int) -> None:
    """Free the IOVA range that begins in the granule of `address`; a WARN when none does."""
    domain = domain_of(device)
    start = Iova(address & -(1 << domain.geometry.granule))
    try:
        domain.unmap(start, device.kernel.clock.now)
    except ValueError:
        device.kernel.log.warn(f"{device.title}: unmap of iova {start:#x}: no mapping begins there")


def domain_of(device: Device) -> IommuDomain:
    """The domain of a device behind an IOMMU."""
    assert device.iommu_domain is not None
    return device.iommu_domain


def _map_entrywise(device: Device, sgt: SgTable, direction: DmaDirection, what: str, attrs: DmaAttrs) -> None:
    """Every entry on its own, some of them bounced (iommu_dma_map_sg_swiotlb)."""
    addresses: list[int] = []
    for start, length in zip(sgt.starts.tolist(), sgt.lengths.tolist(), strict=True):
        address = map_page(device, PhysAddr(start), length, direction, what, attrs)
        if address == DMA_MAPPING_ERROR:
            for mapped in addresses:
                unmap_page(device, mapped, direction, attrs | DmaAttrs.SKIP_CPU_SYNC)
            raise KernelError(EIO, f"{device.name}: {length} bytes at {start:#x} could not be mapped")
        addresses.append(address)
    singles = [device.singles[Iova(address)] for address in addresses]
    sgt.bounces = [single.bounce[1] for single in singles if single.bounce]
    sgt.entrywise = True
    sgt.dma_address, sgt.dma_length = np.array(addresses, dtype=np.int64), sgt.lengths.copy()


def _find(device: Device, address: int) -> tuple[Single, PhysAddr] | None:
    """The single mapping that has IOVA `address`, and the physical address behind it."""
    single = device.singles.get(Iova(address))
    if single is None:
        singles = device.singles.values()
        single = next((one for one in singles if one.iova <= address < one.iova + one.size), None)
    return None if single is None else (single, PhysAddr(single.phys + address - single.iova))
