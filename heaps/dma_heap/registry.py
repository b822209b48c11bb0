"""The heaps of one kernel: their names, their minors and their nodes.

Finding a heap by its name, and giving it up again, is Android's; upstream a heap
is added once and stays. Source: drivers/dma-buf/dma-heap.c.

Not modelled: owners and modes of the nodes (udev), the class in sysfs but for its
errors, accounting to memory cgroups (2026).
"""

from __future__ import annotations

from errno import EBUSY, EEXIST, EINVAL, ENODEV
from typing import TYPE_CHECKING

from heaps.dma_heap.heap import DmaHeap, DmaHeapOps
from heaps.dma_heap.ioctl import dma_heap_ioctl
from soc.kernel.errors import KernelError
from soc.kernel.fs.devfs import Opener
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.generation import Generation

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.task import Task

DEVNAME = "dma_heap"
NUM_HEAP_MINORS = 128
POOLS_VIEW = "/sys/kernel/dma_heap/total_pools_kb"
"""What all heaps keep in pools, in KiB (Android)."""


class DmaHeaps:
    """`kernel.subsystem(DmaHeaps)`. `list` in the order in which the heaps were added."""

    def __init__(self, kernel: KernelCore) -> None:
        self.kernel = kernel
        self.list: list[DmaHeap] = []
        kernel.views.add(POOLS_VIEW, lambda: f"{self._pooled() >> 10}\n")

    def add(self, name: str | None, ops: DmaHeapOps | None, priv: object) -> DmaHeap:
        """As `dma_heap_add`."""
        log = self.kernel.log
        if not name:
            log.error("dma_heap: Cannot add heap without a name")
            raise KernelError(EINVAL, "dma_heap_add: a heap without a name")
        if ops is None or ops.allocate is None:
            log.error("dma_heap: Cannot add heap with invalid ops struct")
            raise KernelError(EINVAL, f"dma_heap_add: {name} cannot allocate")
        if self.kernel.generation < Generation.V6_12 and self.named(name):
            log.error(f"dma_heap: Already registered heap named {name}")
            raise KernelError(EINVAL, f"dma_heap_add: there is a heap {name}")
        self.kernel.faults.kmalloc("dma_heap")
        heap = DmaHeap(self.kernel, name, ops, priv, self._free_minor(name))
        try:
            self.kernel.devfs.add(_path(name), self.opener(heap.minor))
        except KernelError as error:
            log.error(f"sysfs: cannot create duplicate filename '/class/{DEVNAME}/{name}'")
            log.error("dma_heap: Unable to create device")
            raise KernelError(EEXIST, f"dma_heap_add: {error.why}") from error
        self.list.append(heap)
        return heap

    def named(self, name: str) -> DmaHeap | None:
        """The heap of that name."""
        return next((heap for heap in self.list if heap.name == name), None)

    def opener(self, minor: int) -> Opener:
        """What opens a node of `minor`: -ENODEV while there is no such heap."""

        def open_(task: Task, flags: int, holder: Holder) -> File:
            heap = next((heap for heap in self.list if heap.minor == minor), None)
            if heap is None:
                self.kernel.log.error(f"dma_heap: minor {minor} unknown.")
                raise KernelError(ENODEV, f"dma_heap: minor {minor} is unknown")
            return self.kernel.files.open(DMA_HEAP_FOPS, heap, heap.name, holder, flags)

        return open_

    def remove(self, heap: DmaHeap) -> None:
        """The heap goes, and its node with it."""
        self.list.remove(heap)
        self.kernel.devfs.remove(_path(heap.name))

    def _free_minor(self, name: str) -> int:
        taken = {heap.minor for heap in self.list}
        minor = next((minor for minor in range(NUM_HEAP_MINORS) if minor not in taken), None)
        if minor is None:
            self.kernel.log.error("dma_heap: Unable to get minor number for heap")
            raise KernelError(EBUSY, f"dma_heap_add: {name}: all {NUM_HEAP_MINORS} minors are taken")
        return minor

    def _pooled(self) -> int:
        return sum(heap.ops.get_pool_size(heap) for heap in self.list if heap.ops.get_pool_size)


def dma_heap_add(kernel: KernelCore, name: str | None, ops: DmaHeapOps | None, priv: object) -> DmaHeap:
    """Register a heap and make its node, /dev/dma_heap/<name>.

    -EINVAL without a name or an allocate operation; -EBUSY when all 128 minors are taken; for a
    name that is taken -EEXIST, which the device core finds first, -EINVAL before 6.12; -ENOMEM.
    The log says which.
    """
    return kernel.subsystem(DmaHeaps).add(name, ops, priv)


def dma_heap_find(kernel: KernelCore, name: str) -> DmaHeap | None:
    """The heap of that name with a reference for the caller, or None."""
    heap = kernel.subsystem(DmaHeaps).named(name)
    if heap is not None:
        heap.refcount += 1
    return heap


def dma_heap_put(heap: DmaHeap) -> None:
    """Give a reference back; the last one removes the heap. Its buffers live on."""
    heap.refcount -= 1
    if not heap.refcount:
        heap.kernel.subsystem(DmaHeaps).remove(heap)


def _path(name: str) -> str:
    return f"/dev/{DEVNAME}/{name}"


DMA_HEAP_FOPS = FileOperations(
    DEVNAME, lambda file: None, ioctl=dma_heap_ioctl, link=lambda file: _path(file.name)
)
"""To close a heap's file touches no buffer."""
