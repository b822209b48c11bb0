"""ION's system contig heap: one run from the page allocator, at most 4 MiB, freed at once.

Source: drivers/staging/android/ion/ion_system_heap.c (4.9), the second heap in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaps.ion.backed import backed_ops
from heaps.ion.heap import IonHeap
from heaps.storage.contig import ContigMemory
from soc.address import PAGE_SHIFT, PAGE_SIZE
from soc.kernel.uapi.ion import ION_HEAP_TYPE_SYSTEM_CONTIG

if TYPE_CHECKING:
    from heaps.ion.platform_data import IonPlatformHeap
    from soc.kernel.kernel import Kernel


def ion_system_contig_heap_create(kernel: Kernel, data: IonPlatformHeap) -> IonHeap:
    """-ENOMEM. Alignments up to the size of the block that a buffer is cut from."""
    kernel.faults.kmalloc("ion_system_contig_heap")
    memory = ContigMemory(kernel, data.name)
    ops = backed_ops(memory, _block_size, in_one_run=True)
    return IonHeap(kernel, ION_HEAP_TYPE_SYSTEM_CONTIG, ops, priv=memory)


def _block_size(length: int) -> int:
    """PAGE_SIZE << get_order(length)."""
    return PAGE_SIZE << ((length >> PAGE_SHIFT) - 1).bit_length()
