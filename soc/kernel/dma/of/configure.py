"""What the device tree says of a device's DMA, applied before its driver is probed.

Source: of_dma_configure_id (drivers/of/device.c).
"""

from __future__ import annotations

from errno import ENODEV
from typing import TYPE_CHECKING

from soc.kernel.dma.of.ranges import dma_windows
from soc.kernel.dma.of.reserved import RESTRICTED, of_reserved_mem_device_init_by_idx
from soc.kernel.errors import KernelError

if TYPE_CHECKING:
    from soc.kernel.device import Device


def of_dma_configure(device: Device) -> None:
    """Set `device`'s windows, bus limit, masks and bounce pool from its node.

    A dma-ranges that leads nowhere leaves the device without windows: platform devices
    go on with physical addresses. Behind an IOMMU a restricted-dma-pool is not used.
    """
    try:
        windows = dma_windows(device.node, device.kernel.log)
    except KernelError as error:
        if error.errno != ENODEV:
            device.kernel.log.error(f"{device.title}: {error.why}; physical addresses are used")
    else:
        device.dma_windows = windows
        device.bus_dma_limit = windows.last
        bits = windows.last.bit_length()
        device.coherent_dma_mask = min(device.coherent_dma_mask, bits)
        if device.dma_mask is not None:
            device.dma_mask = min(device.dma_mask, bits)
    if not device.behind_iommu:
        _restricted_pool(device)


def _restricted_pool(device: Device) -> None:
    """The device's restricted-dma-pool, if its node names one (of_dma_set_restricted_buffer)."""
    for index, entry in enumerate(device.node.phandles("memory-region")):
        if RESTRICTED not in entry.node.compatible or not entry.node.enabled:
            continue
        try:
            of_reserved_mem_device_init_by_idx(device, device.node, index)
        except KernelError:
            device.kernel.log.warn(f'{device.title}: failed to initialise "{RESTRICTED}" memory node')
        return
