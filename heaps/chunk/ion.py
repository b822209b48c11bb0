"""ION's chunk heap: a reserved region in chunks, an entry of the table for each, freed by a thread.

Source: drivers/staging/android/ion/ion_chunk_heap.c (4.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaps.ion.backed import backed_ops
from heaps.ion.heap import IonHeap, IonHeapFlags
from heaps.storage.region import ChunkMemory
from soc.address import PhysAddr
from soc.kernel.uapi.ion import ION_HEAP_TYPE_CHUNK

if TYPE_CHECKING:
    from heaps.ion.platform_data import IonPlatformHeap
    from soc.kernel.kernel import Kernel


def ion_chunk_heap_create(kernel: Kernel, data: IonPlatformHeap) -> IonHeap:
    """-ENOMEM; ValueError for a region or chunks that are not whole pages. Alignments up to a chunk."""
    kernel.faults.kmalloc("ion_chunk_heap")
    memory = ChunkMemory(kernel, data.name, PhysAddr(data.base), data.size, data.chunk_size)
    ops = backed_ops(memory, lambda length: memory.chunk_size, in_one_run=False)
    return IonHeap(kernel, ION_HEAP_TYPE_CHUNK, ops, IonHeapFlags.DEFER_FREE, memory)
