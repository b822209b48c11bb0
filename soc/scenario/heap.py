"""Where a scenario's buffers come from: a reserved region of the board, or a dma-heap of the kernel.

A carveout heap is made over a region that is nobody's; a reusable one is a CMA
area and has a heap of its own.
"""

from __future__ import annotations

from typing import NoReturn

from heaps.carveout import CarveoutHeap
from heaps.cma.dma_heap import add_cma_heap
from heaps.dma_heap import DmaHeap, DmaHeaps, dma_heap_buffer_alloc
from soc.devicetree.reserved import ReservedRegion
from soc.dmabuf import DmaBuf
from soc.errors import BadInput
from soc.kernel.generation import Generation
from soc.kernel.kernel import Kernel
from soc.scenario.pipeline import Heap
from soc.scenario.spec import KernelRun

OTHERS_POOLS = ("shared-dma-pool", "restricted-dma-pool")
"""Regions that belong to the devices that name them."""


class HeapDoor:
    """A dma-heap for kernel code."""

    def __init__(self, heap: DmaHeap) -> None:
        self._heap = heap

    def allocate(self, size: int) -> DmaBuf:
        """As `dma_heap_buffer_alloc`."""
        return dma_heap_buffer_alloc(self._heap, size)


def open_heap(kernel: Kernel, regions: list[ReservedRegion], software: KernelRun) -> Heap:
    """The heap that the scenario names, on a booted kernel. BadInput for what cannot be one."""
    region = next((region for region in regions if software.heap in (region.label, region.name)), None)
    if region is not None and not region.reusable:
        return _carveout(kernel, region, software)
    modern = kernel.generation >= Generation.V6_12
    heaps = kernel.subsystem(DmaHeaps)
    found = heaps.named(region.name if region else software.heap) if modern else None
    if found is None and region is not None and modern:
        area = kernel.memory.cma.of(region)
        found = add_cma_heap(kernel, region.label or region.name, area) if area else None
    if found is None:
        _unknown(kernel, regions, software, [heap.name for heap in heaps.list] if modern else [])
    return HeapDoor(found)


def _carveout(kernel: Kernel, region: ReservedRegion, software: KernelRun) -> Heap:
    for compatible in OTHERS_POOLS:
        if compatible in region.compatible:
            problem = f"heap {software.heap!r} is a {compatible}: a carveout heap needs a region of its own"
            raise BadInput(problem, software.where)
    name = region.label or region.name
    heap = CarveoutHeap(kernel, name, region.base, region.size, cached=not region.no_map)
    if kernel.generation >= Generation.V6_12:
        heap.register()
    return heap


def _unknown(
    kernel: Kernel, regions: list[ReservedRegion], software: KernelRun, heaps: list[str]
) -> NoReturn:
    known = ", ".join(region.label or region.name for region in regions) or "none"
    of_kernel = ", ".join(heaps) or f"none, Linux {kernel.generation} has none"
    raise BadInput(
        f"there is no heap {software.heap!r}; reserved regions: {known}; dma-heaps: {of_kernel}",
        software.where,
    )
