"""What a device can address, and how large and how aligned its segments may be.

Masks are given as their number of bits: 32 stands for DMA_BIT_MASK(32).
Source: kernel/dma/{mapping,direct}.c, include/linux/dma-mapping.h.

Not modelled: devices without dma_parms (every platform device has them, so
setting a segment limit never fails).
"""

from __future__ import annotations

from errno import EIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PhysAddr
from soc.kernel.dma.attrs import NO_LIMIT
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import Ints

if TYPE_CHECKING:
    from soc.kernel.device import Device

WIDEST = 64
MAX_SEGMENT_SIZE = 64 << 10
SEGMENT_BOUNDARY = 0xFFFF_FFFF


def dma_set_mask(device: Device, bits: int) -> None:
    """Streaming mappings get addresses of at most `bits`. -EIO if the device cannot be served so."""
    if device.dma_mask is None or not _supported(device, bits):
        raise KernelError(EIO, f"{device.name}: a {bits}-bit DMA mask is not supported")
    device.dma_mask = min(bits, WIDEST)


def dma_set_coherent_mask(device: Device, bits: int) -> None:
    """The same for coherent allocations."""
    if not _supported(device, bits):
        raise KernelError(EIO, f"{device.name}: a {bits}-bit coherent DMA mask is not supported")
    device.coherent_dma_mask = min(bits, WIDEST)


def dma_set_mask_and_coherent(device: Device, bits: int) -> None:
    """Both; the coherent mask is not touched when the first fails."""
    dma_set_mask(device, bits)
    dma_set_coherent_mask(device, bits)


def dma_set_max_seg_size(device: Device, size: int) -> None:
    """The longest DMA segment the device takes, in bytes; 64 KiB if nobody sets it, or to 0."""
    device.max_segment_size = size or MAX_SEGMENT_SIZE


def dma_set_seg_boundary(device: Device, mask: int) -> None:
    """No segment crosses a multiple of `mask` + 1, a power of two; 4 GiB if nobody sets it, or to 0."""
    device.segment_boundary = mask or SEGMENT_BOUNDARY


def dma_set_min_align_mask(device: Device, mask: int) -> None:
    """A bounce keeps these low bits of the original address."""
    device.min_align_mask = mask


def dma_get_required_mask(device: Device) -> int:
    """Bits of the mask that reaches all of memory; 32 behind an IOMMU, which can place anything there."""
    if device.behind_iommu:
        return 32
    last = np.array([(_end_of_dram(device) - 1) >> PAGE_SHIFT << PAGE_SHIFT], dtype=np.int64)
    return int(to_bus(device, last)[0]).bit_length() if _reaches(device, last) else WIDEST


def dma_addressing_limited(device: Device) -> bool:
    """Whether some memory is beyond the device's mask or bus limit."""
    return highest(device.dma_mask or 0, device) < (1 << dma_get_required_mask(device)) - 1


def dma_max_mapping_size(device: Device) -> int:
    """Bytes of the largest single mapping: what a bounce holds where mappings may bounce."""
    pool = device.bounce_pool
    if device.behind_iommu or pool is None or not (pool.force or dma_addressing_limited(device)):
        return NO_LIMIT
    return pool.largest(device.min_align_mask)


def highest(bits: int, device: Device) -> int:
    """The last bus address within a mask of `bits` and the bus limit of `device`."""
    last = (1 << bits) - 1
    return last if device.bus_dma_limit is None else min(last, device.bus_dma_limit)


def iova_bits(bits: int, device: Device) -> int:
    """Bits of the IOVA space a device may use: the bus limit rounds it down to a power of two."""
    return min(bits, (highest(bits, device) + 1).bit_length() - 1)


def to_bus(device: Device, physical: Ints) -> Ints:
    """phys_to_dma: bus addresses, negative where no window leads."""
    return physical if device.dma_windows is None else device.dma_windows.to_bus(physical)


def to_physical(device: Device, bus: int) -> PhysAddr | None:
    """dma_to_phys; None where no window leads."""
    return PhysAddr(bus) if device.dma_windows is None else device.dma_windows.to_physical(bus)


def capable(bits: int, device: Device, bus: Ints, lengths: Ints) -> NDArray[np.bool_]:
    """Which of the ranges the device can address (dma_capable), shape (n,)."""
    last = min(highest(bits, device), (1 << 63) - 1)
    reached: NDArray[np.bool_] = (bus >= 0) & (bus + (lengths - 1) <= last)
    return reached


def _supported(device: Device, bits: int) -> bool:
    """Every kernel serves 32 bits; fewer must reach what the DMA zone has (dma_direct_supported)."""
    if bits < 0:
        return False
    if device.behind_iommu or bits >= 32:
        return True
    last_page = (_end_of_dram(device) - 1) >> PAGE_SHIFT << PAGE_SHIFT
    needed = np.array([min(last_page, device.kernel.zone_dma_limit - 1)], dtype=np.int64)
    return _reaches(device, needed) and (1 << bits) - 1 >= int(to_bus(device, needed)[0])


def _reaches(device: Device, physical: Ints) -> bool:
    return bool(to_bus(device, physical)[0] >= 0)


def _end_of_dram(device: Device) -> int:
    return device.kernel.cpu.bus.dram.banks[-1].end
