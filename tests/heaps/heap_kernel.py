"""A kernel with memory of its own for heaps: the small board, a carveout, a CPU cache, devices' masters."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from heaps.storage.memory import HeapMemory
from soc.address import PhysAddr
from soc.kernel.core import KernelCore
from soc.memory.cache.cache import CpuCache
from soc.memory.cache.views import CachedView, DramView
from soc.memory.span import Bytes, PageSpan
from tests.kernel.small_memory import MIB, SmallMemory

PAGE = 4096
KIB = 1024

CARVEOUT = """\
  ion@81c00000:
    compatible: ion-region
    reg: [[0x81c00000, 1M]]
"""
CARVEOUT_BASE = PhysAddr(0x81C0_0000)
CARVEOUT_SIZE = 1 * MIB
"""Leaves 19 MiB to the page allocator, beside 8 MiB of CMA. The region can be cached."""


class HeapKernel(KernelCore):
    """`cached`: the CPU has a cache, and the master `device` does not see into it."""

    dma_debug = swiotlb = None

    def __init__(self, folder: Path, cached: bool = True) -> None:
        self.small = SmallMemory(folder, more=CARVEOUT)
        super().__init__(self.small.clock)
        self.memory = self.small.memory
        self.dram = self.small.dram
        self.pages = self.small.pages
        self.small.kernel_log.entries.clear()
        self.log = self.small.kernel_log
        self.cpu = self.small.cpu
        self.device = self.cpu.bus.master("camera")
        if cached:
            self.cache = CpuCache(self.dram, lambda: self.clock.now)
            self.cpu.memory = CachedView(self.cache, "cpu")
            self.device.memory = DramView(self.cache, "camera")
            self.pages.freed = self.cache.forget

    def close(self) -> None:
        self.small.close()
        if self.cache is not None:
            self.cache.close()

    # --- memory as somebody sees it ---------------------------------------------

    def fill(self, memory: HeapMemory, value: int, by_device: bool = False) -> None:
        """Every byte of its entries becomes `value`, written by the CPU, or by a device it is mapped for."""
        for span in memory.sgt.spans:
            if by_device and self.cache is not None:
                self.cache.clean(span)
            master = self.device if by_device else self.cpu
            master.write_span(span, np.full(span.size, value, dtype=np.uint8))

    def cpu_sees(self, memory: HeapMemory) -> Bytes:
        return np.concatenate([self.dram.read(span) for span in memory.sgt.spans])

    def dram_has(self, memory: HeapMemory) -> Bytes:
        """What a device that does not see the cache would read."""
        peek = self.dram.read if self.cache is None else self.cache.peek_behind
        return np.concatenate([peek(span) for span in memory.sgt.spans])

    def keep_pages(self, every: int) -> list[int]:
        """Wear: an unmovable page of every `every` is somebody's, so that no larger block is free."""
        kept = []
        for zone in self.pages.zones:
            for frame in range(zone.first, zone.end, every):
                if self.pages.of_type(np.array([frame]), 4).size == 0 and self.pages.keep(frame):
                    kept.append(frame)
        return kept

    def baseline(self) -> tuple[int, list[int], int]:
        """What must be as before when everything was given back."""
        return self.pages.free_frames, self.pages.free_blocks(), len(self.memory.owners.live)


def linear(address: int, size: int) -> PageSpan:
    return PageSpan.linear(PhysAddr(address), size)
