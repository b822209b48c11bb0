"""dma-direct: devices without an IOMMU, or with an identity domain.

A bus address is the physical one, moved by dma-ranges. What lies beyond the
device's mask or bus limit, or must not be touched directly, bounces if there
is a pool; without one the mapping fails.
Source: kernel/dma/{direct.c,direct.h}.

Not modelled: peer-to-peer memory (PCI), memory encryption.
"""

from __future__ import annotations

from errno import EIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soc.address import PhysAddr
from soc.kernel.dma.arch_sync import (
    arch_sync_dma_for_cpu,
    arch_sync_dma_for_device,
    needs_maintenance,
    one_piece,
)
from soc.kernel.dma.attrs import DMA_MAPPING_ERROR, DmaAttrs
from soc.kernel.dma.limits import capable, highest, to_bus, to_physical
from soc.kernel.dma.swiotlb.kmalloc import kmalloc_needs_bounce
from soc.kernel.dma.swiotlb.pool import Bounce, Swiotlb
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection, Ints, SgTable
from soc.memory.span import PageSpan

if TYPE_CHECKING:
    from soc.kernel.device import Device

Flags = NDArray[np.bool_]


def map_sg(device: Device, sgt: SgTable, direction: DmaDirection, attrs: DmaAttrs) -> None:
    """One segment per entry. -EIO, and nothing is mapped, when an entry cannot be."""
    bus = to_bus(device, sgt.starts).copy()
    bouncing = _bouncing(device, bus, sgt.lengths, direction)
    sgt.bounces = []
    if bouncing is not None:
        for index in np.flatnonzero(bouncing).tolist():
            start, length = PhysAddr(int(sgt.starts[index])), int(sgt.lengths[index])
            bounce, bus[index] = _bounce(device, start, length, int(bus[index]), attrs)
            if bounce is None:
                for pool, taken in _live(device, sgt):
                    pool.drop(taken)
                sgt.bounces = []
                what = f"{length} bytes at {start:#x}"
                raise KernelError(EIO, f"{device.name}: entry {index}, {what}, has no bus address")
            sgt.bounces.append(bounce)
    sgt.dma_address, sgt.dma_length = bus, sgt.lengths.copy()
    if needs_maintenance(device, attrs):
        arch_sync_dma_for_device(device, _spans(device, sgt))


def unmap_sg(device: Device, sgt: SgTable, direction: DmaDirection, attrs: DmaAttrs) -> None:
    """The CPU gets the memory back, unless SKIP_CPU_SYNC, and the slots become free."""
    if needs_maintenance(device, attrs):
        arch_sync_dma_for_cpu(device, _spans(device, sgt), direction)
    for pool, bounce in _live(device, sgt):
        pool.unmap(bounce, direction, attrs)


def sync_sg_for_cpu(device: Device, sgt: SgTable, direction: DmaDirection) -> None:
    """Invalidate, then copy out of bounce slots."""
    if needs_maintenance(device):
        arch_sync_dma_for_cpu(device, _spans(device, sgt), direction)
    for pool, bounce in _live(device, sgt):
        pool.sync_for_cpu(device, bounce, bounce.address, bounce.size, direction)


def sync_sg_for_device(device: Device, sgt: SgTable, direction: DmaDirection) -> None:
    """Copy into bounce slots, then clean."""
    for pool, bounce in _live(device, sgt):
        pool.sync_for_device(device, bounce, bounce.address, bounce.size, direction)
    if needs_maintenance(device):
        arch_sync_dma_for_device(device, _spans(device, sgt))


def map_page(device: Device, phys: PhysAddr, size: int, direction: DmaDirection, attrs: DmaAttrs) -> int:
    """The bus address of `size` bytes, DMA_MAPPING_ERROR where there is none."""
    lengths = np.array([size], dtype=np.int64)
    bus = to_bus(device, np.array([phys], dtype=np.int64))
    address, place = int(bus[0]), phys
    if _bouncing(device, bus, lengths, direction) is not None:
        bounce, address = _bounce(device, phys, size, address, attrs)
        if bounce is None:
            return DMA_MAPPING_ERROR
        place = bounce.address
    if needs_maintenance(device, attrs):
        arch_sync_dma_for_device(device, one_piece(device, place, size))
    return address


def unmap_page(device: Device, address: int, size: int, direction: DmaDirection, attrs: DmaAttrs) -> None:
    """Undo `map_page`; an address that leads nowhere is left alone."""
    phys = to_physical(device, address)
    if phys is None:
        return
    if needs_maintenance(device, attrs):
        arch_sync_dma_for_cpu(device, one_piece(device, phys, size), direction)
    pool = device.bounce_pool
    if pool is not None and (bounce := pool.find(phys)):
        pool.unmap(bounce, direction, attrs)


def sync_for_cpu(device: Device, address: int, size: int, direction: DmaDirection) -> None:
    """`size` bytes of a mapping, from `address` on, become the CPU's."""
    phys = to_physical(device, address)
    if phys is None:
        return
    if needs_maintenance(device):
        arch_sync_dma_for_cpu(device, one_piece(device, phys, size), direction)
    pool = device.bounce_pool
    if pool is not None and (bounce := pool.find(phys)):
        pool.sync_for_cpu(device, bounce, phys, size, direction)


def sync_for_device(device: Device, address: int, size: int, direction: DmaDirection) -> None:
    """`size` bytes of a mapping, from `address` on, become the device's."""
    phys = to_physical(device, address)
    if phys is None:
        return
    pool = device.bounce_pool
    if pool is not None and (bounce := pool.find(phys)):
        pool.sync_for_device(device, bounce, phys, size, direction)
    if needs_maintenance(device):
        arch_sync_dma_for_device(device, one_piece(device, phys, size))


def map_resource(device: Device, phys: PhysAddr, size: int) -> int:
    """Registers of another device at their physical address; dma-ranges does not apply, nothing bounces."""
    if not reaches(device, phys, size):
        overflow(device, "DMA", phys, size)
        return DMA_MAPPING_ERROR
    return phys


def reaches(device: Device, bus: int, size: int) -> bool:
    """Whether the device can address `size` bytes at `bus` (dma_capable)."""
    return bus >= 0 and bus + size - 1 <= highest(device.dma_mask or 0, device)


def overflow(device: Device, kind: str, bus: int, size: int) -> None:
    """Say once for each kind of address (`DMA`, `swiotlb`) that one was out of reach."""
    mask, limit = (1 << (device.dma_mask or 0)) - 1, device.bus_dma_limit or 0
    text = (
        f"{kind} addr {bus & DMA_MAPPING_ERROR:#018x}+{size} overflow (mask {mask:x}, bus limit {limit:x})."
    )
    device.kernel.log.warn_once(f"{device.title}: {text}", f"{kind} overflow")


def _bouncing(device: Device, bus: Ints, lengths: Ints, direction: DmaDirection) -> Flags | None:
    """Which entries cannot be used as they are, shape (n,); None for none."""
    pool = device.bounce_pool
    if pool is not None and pool.force:
        return np.ones(len(bus), dtype=bool)
    wanted = ~capable(device.dma_mask or 0, device, bus, lengths)
    wanted |= kmalloc_needs_bounce(device, lengths, direction)
    return wanted if wanted.any() else None


def _bounce(
    device: Device, phys: PhysAddr, size: int, bus: int, attrs: DmaAttrs
) -> tuple[Bounce | None, int]:
    """Slots for `size` bytes and their bus address. Without a pool, room or reach: None, and it is logged."""
    pool = device.bounce_pool
    if pool is None:
        overflow(device, "DMA", bus, size)
        return None, bus
    bounce = pool.map(device, phys, size, attrs)
    if bounce is None:
        return None, bus
    address = int(to_bus(device, np.array([bounce.address], dtype=np.int64))[0])
    if not reaches(device, address, size):
        pool.drop(bounce)
        overflow(device, "swiotlb", address, size)
        return None, bus
    return bounce, address


def _live(device: Device, sgt: SgTable) -> list[tuple[Swiotlb, Bounce]]:
    """The bounces of `sgt` that still have their slots, with their pool."""
    pool = device.bounce_pool
    if pool is None:
        return []
    return [(pool, bounce) for bounce in sgt.bounces if pool.find(bounce.address) is bounce]


def _spans(device: Device, sgt: SgTable) -> list[PageSpan]:
    """The memory the device really uses: bounce slots in place of the entries that have one."""
    if not sgt.bounces:
        return sgt.spans
    addresses = zip(sgt.dma_address.tolist(), sgt.dma_length.tolist(), strict=True)
    places = [(to_physical(device, address), length) for address, length in addresses]
    return [PageSpan.linear(place, length) for place, length in places if place is not None and length]
