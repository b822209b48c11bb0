"""Cache maintenance around DMA, as arm64 does it, for devices that do not see the caches.

             map, sync_for_device    unmap, sync_for_cpu
TO_DEVICE    clean                   -
FROM_DEVICE  clean                   invalidate
BIDIRECTIONAL clean                  invalidate

FROM_DEVICE is cleaned too, so that no dirty line is written back over the
device's data later; invalidation drops what was speculated in meanwhile.
What is not DRAM has no lines, whatever a driver asks for.
Source: arch/arm64/mm/dma-mapping.c.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from soc.address import PhysAddr
from soc.kernel.dma.attrs import DmaAttrs
from soc.kernel.scatterlist import DmaDirection
from soc.memory.span import PageSpan

if TYPE_CHECKING:
    from soc.kernel.device import Device


def needs_maintenance(device: Device, attrs: DmaAttrs = DmaAttrs.NONE) -> bool:
    """Whether the caches have to be told of `device`'s accesses."""
    return device.kernel.cache is not None and not (device.dma_coherent or attrs & DmaAttrs.SKIP_CPU_SYNC)


def arch_sync_dma_for_device(device: Device, spans: Iterable[PageSpan]) -> None:
    """The memory becomes the device's, whatever the direction."""
    if device.kernel.cache is not None:
        for span in spans:
            if device.kernel.cache.dram.holds(span):
                device.kernel.cache.clean(span)


def arch_sync_dma_for_cpu(device: Device, spans: Iterable[PageSpan], direction: DmaDirection) -> None:
    """The memory becomes the CPU's."""
    if device.kernel.cache is not None and direction.device_writes:
        for span in spans:
            if device.kernel.cache.dram.holds(span):
                device.kernel.cache.invalidate(span)


def one_piece(device: Device, address: PhysAddr, size: int) -> list[PageSpan]:
    """The span of `size` bytes at `address`; none without bytes or outside DRAM."""
    if size <= 0 or device.kernel.cpu.bus.dram.bank(address, size) is None:
        return []
    return [PageSpan.linear(address, size)]
