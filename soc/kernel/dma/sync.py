"""Whose the memory of a mapping is now: the CPU's or the device's.

Between a map and its unmap the CPU may touch the memory only after
sync_for_cpu, and the device only after sync_for_device. A table is always
synced as a whole, a single mapping also in part.
Source: kernel/dma/mapping.c.
"""

from __future__ import annotations

from soc.kernel.device import Device
from soc.kernel.dma import direct, iommu_map
from soc.kernel.dma.attrs import ADDRESS_MASK
from soc.kernel.scatterlist import DmaDirection, SgTable


def dma_sync_single_for_cpu(device: Device, address: int, size: int, direction: DmaDirection) -> None:
    """`size` bytes from DMA address `address` on become the CPU's."""
    address &= ADDRESS_MASK
    if (debug := device.kernel.dma_debug) is not None:
        debug.sync_single_for_cpu(device, address, size, direction)
    way = iommu_map if device.behind_iommu else direct
    way.sync_for_cpu(device, address, size, direction)


def dma_sync_single_for_device(device: Device, address: int, size: int, direction: DmaDirection) -> None:
    """The same bytes become the device's again."""
    address &= ADDRESS_MASK
    if (debug := device.kernel.dma_debug) is not None:
        debug.sync_single_for_device(device, address, size, direction)
    way = iommu_map if device.behind_iommu else direct
    way.sync_for_device(device, address, size, direction)


def dma_sync_single_range_for_cpu(
    device: Device, address: int, offset: int, size: int, direction: DmaDirection
) -> None:
    """`size` bytes that start `offset` into the mapping at `address` become the CPU's."""
    dma_sync_single_for_cpu(device, address + offset, size, direction)


def dma_sync_single_range_for_device(
    device: Device, address: int, offset: int, size: int, direction: DmaDirection
) -> None:
    """The same bytes become the device's again."""
    dma_sync_single_for_device(device, address + offset, size, direction)


def dma_sync_sg_for_cpu(
    device: Device, sgt: SgTable, direction: DmaDirection, nents: int | None = None
) -> None:
    """All of a mapped table becomes the CPU's; nothing happens to one that is not mapped.

    `nents` is how many entries the driver believes the CPU side has; only the checks compare.
    """
    if (debug := device.kernel.dma_debug) is not None:
        debug.sync_sg_for_cpu(device, sgt, direction, nents)
    if sgt.nents:
        way = iommu_map if device.behind_iommu else direct
        way.sync_sg_for_cpu(device, sgt, direction)


def dma_sync_sg_for_device(
    device: Device, sgt: SgTable, direction: DmaDirection, nents: int | None = None
) -> None:
    """All of a mapped table becomes the device's again."""
    if (debug := device.kernel.dma_debug) is not None:
        debug.sync_sg_for_device(device, sgt, direction, nents)
    if sgt.nents:
        way = iommu_map if device.behind_iommu else direct
        way.sync_sg_for_device(device, sgt, direction)


def dma_sync_sgtable_for_cpu(device: Device, sgt: SgTable, direction: DmaDirection) -> None:
    """`dma_sync_sg_for_cpu` of all entries."""
    dma_sync_sg_for_cpu(device, sgt, direction)


def dma_sync_sgtable_for_device(device: Device, sgt: SgTable, direction: DmaDirection) -> None:
    """`dma_sync_sg_for_device` of all entries."""
    dma_sync_sg_for_device(device, sgt, direction)
