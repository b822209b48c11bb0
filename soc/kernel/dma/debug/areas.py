"""Memory that no driver may map for DMA.

Linux looks at the kernel's virtual address that a driver passes; this kernel's
drivers have frames in hand, so each of its checks is what it means for one:
- invalid area: virt_addr_valid() is false. Outside DRAM; for single mappings,
  which start from an address of the linear map, in a no-map region too. A
  scatter-gather list starts from pages, which such a region may well have
  (a carveout), so there it is allowed.
- not allocated: a page that the page allocator has free. Linux does not ask
  (its words for memory of a driver are few); it is the same mistake met earlier.
- vmalloc area: an address that a `KernelMapping` stands for; dma_map_single
  refuses it before anything is looked at here.
- stack: not possible here. Kernel code runs on the host's stack, so no frame of
  the modelled DRAM is part of one (check_for_stack).
- kernel text, rodata: not possible here. The kernel is this program; it has no
  image in the modelled DRAM that a driver could point at (check_for_illegal_area).
Of a scatter-gather list the ends of each entry are looked at for DRAM, its
first page for being allocated.
Source: check_for_stack, check_for_illegal_area, debug_dma_map_single of kernel/dma/debug.c.
"""

from __future__ import annotations

import numpy as np

from soc.address import PAGE_SHIFT
from soc.kernel.mm.memory import KernelMemory
from soc.kernel.scatterlist import Ints
from soc.memory.frame_table import FREE, KIND, ORDER, UNMOVABLE
from soc.memory.migratetype import ORDERS
from soc.memory.span import Frames
from soc.memory.zone import Zone


class Areas:
    """Which parts of the physical address space are whose."""

    def __init__(self, memory: KernelMemory) -> None:
        self._banks = memory.dram.banks
        self._no_map = [region for region in memory.reserved if region.no_map]
        self._zones = memory.pages.zones

    def single(self, physical: int, size: int) -> str | None:
        """What is wrong with mapping `size` bytes at `physical`."""
        end = physical + size
        if not any(bank.contains(physical, size) for bank in self._banks) or any(
            physical < region.end and region.base < end for region in self._no_map
        ):
            return _invalid(physical, size)
        low, high = physical >> PAGE_SHIFT, end - 1 >> PAGE_SHIFT
        if self._free(np.arange(low, high + 1, dtype=np.int64), low, high) is not None:
            return _unallocated(physical, size)
        return None

    def scatter_gather(self, starts: Ints, lengths: Ints) -> str | None:
        """What is wrong with mapping a list of ranges in bytes, shape (n,): the first offender."""
        ends = starts + lengths
        low, high = int(starts.min()), int(ends.max())
        if not any(bank.base <= low and high <= bank.end for bank in self._banks):
            inside = np.zeros(len(starts), dtype=bool)
            for bank in self._banks:
                inside |= (starts >= bank.base) & (ends <= bank.end)
            if not inside.all():
                index = int(inside.argmin())
                return _invalid(int(starts[index]), int(lengths[index]))
        frames = starts >> PAGE_SHIFT
        free = self._free(frames, low >> PAGE_SHIFT, high - 1 >> PAGE_SHIFT)
        if free is not None:
            index = int((frames == free).argmax())
            return _unallocated(int(starts[index]), int(lengths[index]))
        return None

    def _free(self, frames: Frames, low: int, high: int) -> int | None:
        """One of `frames`, all in [low, high], that a free block of the page allocator covers."""
        for zone in self._zones:
            index = frames - zone.first
            if not zone.first <= low <= high < zone.end:
                index = index[(frames >= zone.first) & (frames < zone.end)]
            unsure = zone.state[index] < UNMOVABLE
            if unsure.any() and len(free := _covered(zone, index[unsure])):
                return int(free[0]) + zone.first
        return None


def _covered(zone: Zone, index: Frames) -> Frames:
    """Those of a zone's frames, counted from its first, that lie in a free block."""
    covered = np.zeros(len(index), dtype=bool)
    # A free block says so at its first frame, which is a multiple of its size.
    for order in ORDERS:
        head = (index + zone.first >> order << order) - zone.first
        state = zone.state[np.maximum(head, 0)]
        covered |= (head >= 0) & (state & KIND == FREE) & (state & ORDER >= order)
    return index[covered]


def _invalid(physical: int, size: int) -> str:
    return f"device driver maps memory from invalid area [addr={physical:#018x}] [len={size}]"


def _unallocated(physical: int, size: int) -> str:
    return f"device driver maps memory that is not allocated [addr={physical:#018x}] [len={size}]"
