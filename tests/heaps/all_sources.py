"""Every source of heap memory on the small board, by name."""

from __future__ import annotations

from collections.abc import Callable

from heaps.storage.cma import CmaMemory
from heaps.storage.contig import ContigMemory
from heaps.storage.memory import MemorySource
from heaps.storage.pooled import PooledSystemMemory
from heaps.storage.region import CarveoutMemory, ChunkMemory
from heaps.storage.system import SystemMemory
from tests.heaps.heap_kernel import CARVEOUT_BASE, CARVEOUT_SIZE, HeapKernel

Maker = Callable[[HeapKernel], MemorySource]

CHUNK = 16 << 10

SOURCES: dict[str, Maker] = {
    "system": lambda kernel: SystemMemory(kernel, "system"),
    "pooled": lambda kernel: PooledSystemMemory(kernel, "pooled"),
    "contig": lambda kernel: ContigMemory(kernel, "contig"),
    "carveout": lambda kernel: CarveoutMemory(kernel, "carveout", CARVEOUT_BASE, CARVEOUT_SIZE),
    "chunk": lambda kernel: ChunkMemory(kernel, "chunk", CARVEOUT_BASE, CARVEOUT_SIZE, CHUNK),
    "cma": lambda kernel: CmaMemory(kernel, "cma", kernel.memory.cma.areas[0]),
}
"""The carveout and the chunks share one region: use one of the two."""
