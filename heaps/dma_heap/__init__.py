"""dma-buf heaps: a device node per kind of memory, from which a program gets a dma-buf.

The framework is only the front door, as its RFC of 2019 asked for: a heap makes
the dma-buf itself and does as it likes with it.

    heap.py            a heap, and kernel code that allocates from it
    registry.py        which heaps there are
    ioctl.py           /dev/dma_heap/<name>
    buffer.py          what the exporters of most heaps have in common
    deferred_free.py   buffers that are freed later (Android)

Source: drivers/dma-buf/dma-heap.c.
"""

from heaps.dma_heap.buffer import HeapBuffer
from heaps.dma_heap.heap import (
    DmaHeap,
    DmaHeapOps,
    dma_heap_buffer_alloc,
    dma_heap_get_drvdata,
    dma_heap_get_name,
)
from heaps.dma_heap.registry import DmaHeaps, dma_heap_add, dma_heap_find, dma_heap_put

__all__ = [
    "DmaHeap",
    "DmaHeapOps",
    "DmaHeaps",
    "HeapBuffer",
    "dma_heap_add",
    "dma_heap_buffer_alloc",
    "dma_heap_find",
    "dma_heap_get_drvdata",
    "dma_heap_get_name",
    "dma_heap_put",
]
