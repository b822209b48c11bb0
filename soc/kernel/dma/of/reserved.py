"""Reserved memory that devices are given: which region becomes what, and who has it.

Only a driver that calls of_reserved_mem_device_init gets its region; a
restricted-dma-pool is assigned to devices without an IOMMU before they are probed.
Source: drivers/of/of_reserved_mem.c, kernel/dma/{contiguous,coherent,swiotlb}.c.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EBUSY, EINVAL, ENODEV
from typing import TYPE_CHECKING

from soc.devicetree.reserved import POOL, ReservedRegion
from soc.devicetree.tree import Node
from soc.kernel.dma.coherent_pool import CoherentPool
from soc.kernel.dma.swiotlb.pool import Swiotlb
from soc.kernel.dma.swiotlb.views import add_swiotlb_views
from soc.kernel.errors import KernelError

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel

DeviceInit = Callable[["Device", ReservedRegion], None]
"""How a region is given to a device (reserved_mem_ops.device_init)."""

RESTRICTED = "restricted-dma-pool"
NEVER_RESTRICTED = ("reusable", "no-map", "linux,cma-default", "linux,dma-default")
"""With one of these a restricted-dma-pool is not set up (rmem_swiotlb_setup)."""


class ReservedMemory:
    """The regions of /reserved-memory and the pools made of them, each on first use."""

    def __init__(self, kernel: Kernel, regions: list[ReservedRegion]) -> None:
        self._kernel = kernel
        self._regions = {region.node: region for region in reversed(regions)}
        self._coherent: dict[ReservedRegion, CoherentPool] = {}
        self._restricted: dict[ReservedRegion, Swiotlb] = {}
        self._declared: dict[str, DeviceInit] = {}

    def declare(self, compatible: str, init: DeviceInit) -> None:
        """A driver's own kind of region, by its compatible (RESERVEDMEM_OF_DECLARE)."""
        self._declared[compatible] = init

    def declared(self, region: ReservedRegion) -> DeviceInit | None:
        """What gives such a region to a device."""
        return region.node.match(self._declared)

    def region(self, node: Node) -> ReservedRegion | None:
        """The region of a node; the first where `reg` has several."""
        return self._regions.get(node)

    def coherent(self, region: ReservedRegion) -> CoherentPool:
        """The coherent pool of a region, shared by all devices that have it."""
        if region not in self._coherent:
            self._coherent[region] = CoherentPool(region.base, region.size)
        return self._coherent[region]

    def restricted(self, region: ReservedRegion) -> Swiotlb:
        """The bounce pool of a region, shared likewise."""
        if region not in self._restricted:
            pool = Swiotlb(self._kernel, region.base, region.size, force=True, for_alloc=True)
            add_swiotlb_views(self._kernel.views, pool, region.name)
            self._restricted[region] = pool
        return self._restricted[region]


def of_reserved_mem_device_init(device: Device) -> None:
    """Give `device` the first region of its `memory-region`; errors as for `_by_idx`."""
    of_reserved_mem_device_init_by_idx(device, device.node, 0)


def of_reserved_mem_device_init_by_name(device: Device, node: Node | None, name: str) -> None:
    """The region that memory-region-names of `node` calls `name`. -ENODEV if none does, or as `_by_idx`."""
    if node is None:
        raise KernelError(EINVAL, f"{device.name}: no node")
    names = node.strings("memory-region-names")
    if name not in names:
        raise KernelError(ENODEV, f"{node.path} has no memory region {name!r}")
    of_reserved_mem_device_init_by_idx(device, node, names.index(name))


def of_reserved_mem_device_init_by_idx(device: Device, node: Node | None, index: int) -> None:
    """Give `device` entry `index` of `node`'s memory-region.

    -EINVAL without a node, or when the region is of no kind that devices can be given;
    -ENODEV without such an entry; nothing happens when the region is disabled. -EBUSY
    when the device has a coherent pool already; a later CMA area replaces the first.
    """
    if node is None:
        raise KernelError(EINVAL, f"{device.name}: no node")
    entries = node.phandles("memory-region")
    if not 0 <= index < len(entries):
        raise KernelError(ENODEV, f"{node.path} has no memory-region {index}")
    target = entries[index].node
    if not target.enabled:
        return
    region = device.kernel.reserved_memory.region(target)
    assign = _assignment(device.kernel, region) if region else None
    if region is None or assign is None:
        raise KernelError(EINVAL, f"{target.path} cannot be given to a device")
    assign(device, region)
    device.kernel.log.info(f"{device.title}: assigned reserved memory node {region.name}")


def of_reserved_mem_device_release(device: Device) -> None:
    """Take every region back."""
    device.coherent_pool = None
    device.cma_area = None
    device.restricted_pool = None


def _assignment(kernel: Kernel, region: ReservedRegion) -> DeviceInit | None:
    """How a region is given to a device; None for one that cannot be."""
    if region.is_cma:
        return _assign_cma
    if POOL in region.compatible and not region.reusable:
        return _assign_coherent
    if RESTRICTED in region.compatible and not any(region.node.flag(name) for name in NEVER_RESTRICTED):
        return _assign_restricted
    return kernel.reserved_memory.declared(region)


def _assign_cma(device: Device, region: ReservedRegion) -> None:
    area = device.kernel.memory.cma.of(region)
    if area is None:
        raise KernelError(EINVAL, f"{region} is no CMA area")
    device.cma_area = area


def _assign_coherent(device: Device, region: ReservedRegion) -> None:
    last = (1 << device.coherent_dma_mask) - 1
    if device.bus_dma_limit is not None:
        last = min(last, device.bus_dma_limit)
    if region.end - 1 > last:
        device.kernel.log.warn(f"{device.title}: reserved memory is beyond device's set DMA address range")
    if device.coherent_pool is not None:
        raise KernelError(EBUSY, f"{device.name} has a coherent pool already")
    device.coherent_pool = device.kernel.reserved_memory.coherent(region)


def _assign_restricted(device: Device, region: ReservedRegion) -> None:
    device.restricted_pool = device.kernel.reserved_memory.restricted(region)
