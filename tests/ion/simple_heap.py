"""A heap of a test's own, whose every operation can be made to fail, and is written down."""

from __future__ import annotations

from dataclasses import replace

from heaps.ion.buffer import IonBuffer
from heaps.ion.device import IonDevice, ion_device_add_heap
from heaps.ion.heap import (
    IonHeap,
    IonHeapFlags,
    IonHeapOps,
    ion_heap_map_kernel,
    ion_heap_map_user,
    ion_heap_unmap_kernel,
)
from soc.address import PAGE_SHIFT
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import SgTable
from tests.heaps.heap_kernel import HeapKernel


class SimpleHeap:
    """Single pages of the page allocator. `fail`: the errno of the next `times` allocations."""

    def __init__(
        self, kernel: HeapKernel, number: int, name: str, defer: bool = False, **ops: object
    ) -> None:
        self.kernel = kernel
        self.calls: list[str] = []
        self.fail = 0
        self.times = 0
        self.no_table = False
        known = IonHeapOps(
            self._allocate,
            self._free,
            map_kernel=ion_heap_map_kernel,
            unmap_kernel=ion_heap_unmap_kernel,
            map_user=ion_heap_map_user,
        )
        flags = IonHeapFlags.DEFER_FREE if defer else IonHeapFlags.NONE
        self.heap = IonHeap(kernel, 5, replace(known, **ops), flags)
        self.heap.id, self.heap.name = number, name

    def fails(self, errno: int, times: int = 1) -> None:
        self.fail, self.times = errno, times

    def _allocate(self, heap: IonHeap, buffer: IonBuffer, length: int, align: int, flags: int) -> None:
        self.calls.append(f"allocate {length} {align} {flags}")
        if self.times:
            self.times -= 1
            raise KernelError(self.fail, f"{heap.name} refuses")
        if self.no_table:
            return
        frames = self.kernel.pages.alloc_pages(length >> PAGE_SHIFT)
        buffer.sg_table = SgTable.of_pages(frames)

    def _free(self, buffer: IonBuffer) -> None:
        self.calls.append(f"free {buffer.number}")
        if buffer.sg_table is not None:
            self.kernel.pages.free_pages(buffer.frames)


def add(device: IonDevice, number: int, name: str, defer: bool = False, **ops: object) -> SimpleHeap:
    """Such a heap, added to `device`."""
    simple = SimpleHeap(device.kernel, number, name, defer, **ops)
    ion_device_add_heap(device, simple.heap)
    return simple
