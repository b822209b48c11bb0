"""ION's carveout heap: runs of a reserved region, first fit, freed by a thread.

Source: drivers/staging/android/ion/ion_carveout_heap.c (4.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaps.ion.backed import backed_ops
from heaps.ion.heap import IonHeap, IonHeapFlags
from heaps.storage.region import CarveoutMemory
from soc.address import PAGE_SIZE, PhysAddr
from soc.kernel.uapi.ion import ION_HEAP_TYPE_CARVEOUT

if TYPE_CHECKING:
    from heaps.ion.platform_data import IonPlatformHeap
    from soc.kernel.kernel import Kernel


def ion_carveout_heap_create(kernel: Kernel, data: IonPlatformHeap) -> IonHeap:
    """-ENOMEM; ValueError for a region that is not whole pages. Alignments up to a page."""
    kernel.faults.kmalloc("ion_carveout_heap")
    memory = CarveoutMemory(kernel, data.name, PhysAddr(data.base), data.size)
    ops = backed_ops(memory, lambda length: PAGE_SIZE, in_one_run=True)
    return IonHeap(kernel, ION_HEAP_TYPE_CARVEOUT, ops, IonHeapFlags.DEFER_FREE, memory)
