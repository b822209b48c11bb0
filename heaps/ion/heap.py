"""A heap as ION sees it: operations, a place in the order of heaps, a list of buffers to be freed later.

Source: struct ion_heap and ion_heap_ops (ion_priv.h), ion_heap_map_kernel and
ion_heap_map_user (ion_heap.c), Linux 4.9. `phys` is of older kernels.

Not modelled: map_dma and unmap_dma of kernels before 4.9, which made the table that allocate makes now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

from heaps.ion.free_list import FreeList
from soc.kernel.mm.vmap import KernelMapping

if TYPE_CHECKING:
    from heaps.ion.buffer import IonBuffer
    from heaps.ion.device import IonDevice
    from heaps.ion.shrinker import HeapShrinker
    from soc.kernel.kernel import Kernel
    from soc.kernel.mm.vma import Vma


class IonHeapFlags(IntFlag):
    """`DEFER_FREE`: buffers go to the free list, and a thread of the heap frees them."""

    NONE = 0
    DEFER_FREE = 1


@dataclass(frozen=True)
class IonHeapOps:
    """What a kind of heap does; each fails with KernelError. Without the optional ones:

    allocate   (heap, buffer, len, align, flags): set the buffer's sg_table; len is whole pages
    free       (buffer)
    phys       (heap, buffer) -> address and bytes of the one run it lies in; -ENODEV
    map_kernel (heap, buffer) -> the buffer for kernel code; -ENODEV
    unmap_kernel  the end of that
    map_user   (heap, buffer, vma): enter the pages; -EINVAL
    shrink     (heap, pages) -> pages given back from its pools, with 0 pages how many there are
    """

    allocate: Callable[[IonHeap, IonBuffer, int, int, int], None] | None
    free: Callable[[IonBuffer], None] | None
    phys: Callable[[IonHeap, IonBuffer], tuple[int, int]] | None = None
    map_kernel: Callable[[IonHeap, IonBuffer], KernelMapping | None] | None = None
    unmap_kernel: Callable[[IonHeap, IonBuffer], None] | None = None
    map_user: Callable[[IonHeap, IonBuffer, Vma], None] | None = None
    shrink: Callable[[IonHeap, int], int] | None = None


class IonHeap:
    """A heap of `type` (ION_HEAP_TYPE_*). `id` chooses it in masks, and the highest goes first.

    `priv` is its storage, `debug_show` the end of its file in debugfs, `release` gives back what
    the heap itself holds. `shrinker` and `device` once it was added to one.
    """

    def __init__(
        self,
        kernel: Kernel,
        type: int,
        ops: IonHeapOps,
        flags: IonHeapFlags = IonHeapFlags.NONE,
        priv: object = None,
        debug_show: Callable[[], str] | None = None,
        release: Callable[[], None] | None = None,
    ) -> None:
        self.kernel = kernel
        self.type = type
        self.ops = ops
        self.flags = flags
        self.priv = priv
        self.debug_show = debug_show
        self.release = release
        self.id = 0
        self.name = ""
        self.device: IonDevice | None = None
        self.shrinker: HeapShrinker | None = None
        self.free_list = FreeList(kernel)

    @property
    def deferred(self) -> bool:
        """Whether its buffers are freed by its thread."""
        return bool(self.flags & IonHeapFlags.DEFER_FREE)

    def __str__(self) -> str:
        return f"heap {self.name} (id {self.id})"


def ion_heap_map_kernel(heap: IonHeap, buffer: IonBuffer) -> KernelMapping:
    """The buffer's pages side by side, cached or write-combined as it is. -ENOMEM."""
    heap.kernel.faults.kmalloc("vmap area")
    return KernelMapping(heap.kernel, buffer.frames, str(buffer), buffer.cached)


def ion_heap_unmap_kernel(heap: IonHeap, buffer: IonBuffer) -> None:
    """vunmap, of which nothing is to be seen here."""


def ion_heap_map_user(heap: IonHeap, buffer: IonBuffer, vma: Vma) -> None:
    """Enter the pages from the mapping's offset on. -EINVAL as `Vma.remap`."""
    vma.remap(vma.start, buffer.frames[vma.pgoff : vma.pgoff + vma.pages])
