"""A device's own coherent memory: a shared-dma-pool that is not reusable.

Allocations are powers of two of pages at multiples of their size. Its bus
addresses are physical ones moved by dma-ranges, also behind an IOMMU, where
nobody maps them.
Source: kernel/dma/coherent.c.

Not modelled: the global pool of linux,dma-default (kernels without an MMU and
32-bit ARM only).
"""

from __future__ import annotations

import numpy as np

from soc.address import PAGE_SHIFT, PhysAddr, page_align


class CoherentPool:
    """`size` bytes at `base`, whole pages; devices may share it. `used` in bytes."""

    def __init__(self, base: PhysAddr, size: int) -> None:
        self.base = base
        self.size = size
        self._busy = np.zeros(size >> PAGE_SHIFT, dtype=bool)

    @property
    def used(self) -> int:
        return int(self._busy.sum()) << PAGE_SHIFT

    def allocate(self, size: int) -> PhysAddr | None:
        """The first free place for `size` bytes, None without one."""
        pages = block_pages(size)
        blocks = len(self._busy) // pages
        free = ~self._busy[: blocks * pages].reshape(blocks, pages).any(axis=1)
        if not free.any():
            return None
        first = int(free.argmax()) * pages
        self._busy[first : first + pages] = True
        return PhysAddr(self.base + (first << PAGE_SHIFT))

    def release(self, address: PhysAddr, size: int) -> None:
        """Undo `allocate(size)`. ValueError unless all of it is in use."""
        first, pages = (address - self.base) >> PAGE_SHIFT, block_pages(size)
        if first < 0 or not self._busy[first : first + pages].all():
            raise ValueError(f"{address:#x}+{size:#x} is not allocated")
        self._busy[first : first + pages] = False


def block_pages(size: int) -> int:
    """`size` bytes in pages, rounded up to a power of two (get_order)."""
    return 1 << ((page_align(size) >> PAGE_SHIFT) - 1).bit_length()
