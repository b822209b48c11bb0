"""Heaps from the device tree: children of the ION node, and what a driver's table knows of them.

    ion: {compatible: ..., system: {compatible: linux,ion-heap-system},
          carveout: {compatible: linux,ion-heap-carveout, memory-region: [*region]}}

Ids and names are not in the tree but in the table. A region of compatible `ion-region` is a
carveout's or a chunk heap's memory; a DMA heap's region is its device's contiguous memory area.
Source: ion_of.c and devicetree.txt of drivers/staging/android/ion (4.9).

4.9's own code passes the region of a DMA heap by, so that it has the default area; here
the region is used, as the binding says. The bug by which a region's size lands in its
heap's base is a switch (IonConfig.size_lands_in_base).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from errno import EINVAL, ENODEV
from typing import TYPE_CHECKING

from heaps.ion.abi import IonConfig
from heaps.ion.platform_data import IonPlatformHeap
from soc.address import PAGE_SIZE
from soc.devicetree.node import Node
from soc.kernel.device import Device
from soc.kernel.dma import of_reserved_mem_device_init, of_reserved_mem_device_release
from soc.kernel.dma.of.configure import of_dma_configure
from soc.kernel.errors import KernelError
from soc.kernel.uapi.ion import ION_HEAP_TYPE_CARVEOUT, ION_HEAP_TYPE_CHUNK, ION_HEAP_TYPE_DMA

if TYPE_CHECKING:
    from soc.devicetree.reserved import ReservedRegion
    from soc.kernel.kernel import Kernel

ION_REGION = "ion-region"


@dataclass(frozen=True)
class IonOfHeap:
    """A row of a driver's table: a child `compat` is this heap (PLATFORM_HEAP). Sizes in bytes."""

    compat: str
    heap_id: int
    type: int
    name: str
    align: int = PAGE_SIZE
    chunk_size: int = 16 << 10


class IonRegions:
    """Gives ion-regions to the heaps whose devices name them (rmem_ion_device_init)."""

    def __init__(self, kernel: Kernel) -> None:
        self.heaps: dict[Device, IonPlatformHeap] = {}
        self._kernel = kernel
        kernel.reserved_memory.declare(ION_REGION, self._device_init)

    def _device_init(self, device: Device, region: ReservedRegion) -> None:
        heap = self.heaps.get(device)
        if heap is None:
            raise KernelError(EINVAL, f"{device.name} is no ION heap, and {region} is for those only")
        heap.base, heap.size = region.base, region.size
        if self._kernel.subsystem(IonConfig).size_lands_in_base:
            heap.base, heap.size = region.size, 0
            wrong = f"base {heap.base:#x} size {heap.size:#x}, the region is {region}"
            self._kernel.log.error(f"rmem_ion_device_init: heap {heap.name}: {wrong}")


def ion_parse_dt(device: Device, table: Sequence[IonOfHeap]) -> list[IonPlatformHeap]:
    """The heaps of `device`'s enabled children, in the order of the tree, a platform device for each.

    -EINVAL without children, -ENODEV for one that no row is for; of_reserved_mem_device_init's
    errno; -ENOMEM.
    """
    kernel = device.kernel
    children = [child for child in device.node.children if child.enabled]
    if not children:
        raise KernelError(EINVAL, f"{device.node.path} has no heaps")
    for what in ("ion_platform_heap", "ion_platform_data"):
        kernel.faults.kmalloc(what)
    heaps: list[IonPlatformHeap] = []
    try:
        for child in children:
            heaps.append(_parse_heap(kernel, child, table))
            _setup_heap(heaps[-1])
    except KernelError:
        ion_destroy_platform_data(heaps)
        raise
    return heaps


def ion_destroy_platform_data(heaps: Sequence[IonPlatformHeap]) -> None:
    """The end of the children's platform devices."""
    for heap in heaps:
        if heap.device is not None:
            heap.device.kernel.subsystem(IonRegions).heaps.pop(heap.device, None)
            of_reserved_mem_device_release(heap.device)
            heap.device = None


def _parse_heap(kernel: Kernel, child: Node, table: Sequence[IonOfHeap]) -> IonPlatformHeap:
    row = next((row for row in table if row.compat in child.compatible), None)
    if row is None:
        raise KernelError(ENODEV, f"{child.path} is no heap that the driver knows: {list(child.compatible)}")
    kernel.faults.kmalloc("platform_device")
    device = Device(kernel, child)
    of_dma_configure(device)
    kernel.log.info(
        f"ion_parse_dt_heap_common: id {row.heap_id} type {row.type} name {row.name} align {row.align:x}"
    )
    return IonPlatformHeap(
        row.type, row.heap_id, row.name, align=row.align, chunk_size=row.chunk_size, device=device
    )


def _setup_heap(heap: IonPlatformHeap) -> None:
    """Give the heap the memory its node names; a DMA heap may do without."""
    device = heap.device
    assert device is not None  # _parse_heap made it
    regions = device.kernel.subsystem(IonRegions)
    regions.heaps[device] = heap
    needed = heap.type in (ION_HEAP_TYPE_CARVEOUT, ION_HEAP_TYPE_CHUNK)
    if needed or (heap.type == ION_HEAP_TYPE_DMA and device.node.phandles("memory-region")):
        of_reserved_mem_device_init(device)
