"""ION's system heap: scattered blocks, kept in page pools between buffers, freed by a thread.

Source: drivers/staging/android/ion/ion_system_heap.c (4.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaps.ion.backed import backed_ops
from heaps.ion.heap import IonHeap, IonHeapFlags
from heaps.storage.pooled import PooledSystemMemory
from soc.address import PAGE_SIZE
from soc.kernel.uapi.ion import ION_HEAP_TYPE_SYSTEM

if TYPE_CHECKING:
    from heaps.ion.platform_data import IonPlatformHeap
    from soc.kernel.kernel import Kernel


def ion_system_heap_create(kernel: Kernel, data: IonPlatformHeap) -> IonHeap:
    """-ENOMEM. Alignments up to a page; buffers of half of all RAM at most."""
    kernel.faults.kmalloc("ion_system_heap")
    memory = PooledSystemMemory(kernel, data.name)
    ops = backed_ops(memory, lambda length: PAGE_SIZE, in_one_run=False, shrink=memory.shrink)
    return IonHeap(
        kernel,
        ION_HEAP_TYPE_SYSTEM,
        ops,
        IonHeapFlags.DEFER_FREE,
        memory,
        debug_show=lambda: pools_text(memory),
        release=lambda: _destroy_pools(memory),
    )


def pools_text(memory: PooledSystemMemory) -> str:
    """What the pools hold: the end of the heap's file in debugfs."""
    text = ""
    for pool in (*memory.pools.uncached, *memory.pools.cached):
        kind = "cached" if pool.cached else "uncached"
        for count, where in ((pool.high_count, "highmem"), (pool.low_count, "lowmem")):
            size = count * (PAGE_SIZE << pool.order)
            text += f"{count} order {pool.order} {where} pages {kind} {size} total\n"
    return text


def _destroy_pools(memory: PooledSystemMemory) -> None:
    memory.shrink(memory.shrink(0))
