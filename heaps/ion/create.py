"""Heaps by type. Source: ion_heap_create, ion_heap_destroy (ion_heap.c, 4.9)."""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL
from typing import TYPE_CHECKING

from heaps.carveout.ion import ion_carveout_heap_create
from heaps.chunk.ion import ion_chunk_heap_create
from heaps.cma.ion import ion_cma_heap_create
from heaps.ion.heap import IonHeap
from heaps.ion.platform_data import IonPlatformHeap
from heaps.storage.memory import MemorySource
from heaps.system.ion import ion_system_heap_create
from heaps.system_contig.ion import ion_system_contig_heap_create
from soc.kernel.errors import KernelError
from soc.kernel.uapi.ion import (
    ION_HEAP_TYPE_CARVEOUT,
    ION_HEAP_TYPE_CHUNK,
    ION_HEAP_TYPE_DMA,
    ION_HEAP_TYPE_SYSTEM,
    ION_HEAP_TYPE_SYSTEM_CONTIG,
)

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel

CREATE: dict[int, Callable[[Kernel, IonPlatformHeap], IonHeap]] = {
    ION_HEAP_TYPE_SYSTEM: ion_system_heap_create,
    ION_HEAP_TYPE_SYSTEM_CONTIG: ion_system_contig_heap_create,
    ION_HEAP_TYPE_CARVEOUT: ion_carveout_heap_create,
    ION_HEAP_TYPE_CHUNK: ion_chunk_heap_create,
    ION_HEAP_TYPE_DMA: ion_cma_heap_create,
}


def ion_heap_create(kernel: Kernel, data: IonPlatformHeap) -> IonHeap:
    """A heap that is no device's yet. -EINVAL whatever went wrong; the log has a line about it."""
    create = CREATE.get(data.type)
    if create is None:
        kernel.log.error(f"ion_heap_create: Invalid heap type {data.type}")
        raise KernelError(EINVAL, f"no heap is of type {data.type}")
    try:
        heap = create(kernel, data)
    except (KernelError, ValueError) as error:
        what = f"heap {data.name} type {data.type} base {data.base} size {data.size}"
        kernel.log.error(f"ion_heap_create: error creating {what}")
        raise KernelError(EINVAL, f"{what}: {error}") from error
    heap.name, heap.id = data.name, data.id
    return heap


def ion_heap_destroy(heap: IonHeap | None) -> None:
    """Give back what the heap holds; its thread ends. Nothing for NULL.

    WARN while buffers have its memory: a gen_pool would stop with BUG. Linux forgets thread,
    shrinker and list; here they go in order.
    """
    if heap is None:
        return
    kernel = heap.kernel
    heap.free_list.drain()
    heap.free_list.stop_thread()
    if heap.shrinker is not None:
        kernel.memory.shrinkers.unregister(heap.shrinker)
    if isinstance(heap.priv, MemorySource) and heap.priv.live:
        kernel.log.warn(f"ion_heap_destroy: {heap} still has {heap.priv.live} buffers")
    if heap.release:
        heap.release()
