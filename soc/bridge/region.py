"""Where in DRAM memory from outside gets its place: physical addresses that are nobody's.

`soc.kernel.mm.genalloc.GenPool` over a reserved region is one; a CMA area is made one here.
"""

from __future__ import annotations

from typing import Protocol

from soc.address import PAGE_SHIFT, PhysAddr
from soc.kernel.errors import KernelError
from soc.kernel.mm.cma import CmaArea


class Region(Protocol):
    """Contiguous pieces of DRAM."""

    def alloc(self, size: int) -> PhysAddr | None:
        """The start of `size` free bytes, whole pages; None if there are none."""
        ...

    def free(self, start: PhysAddr) -> None:
        """Give back what `alloc` gave."""
        ...


class CmaRegion:
    """Pieces of a CMA area: what it has lent is moved out of the way."""

    def __init__(self, area: CmaArea) -> None:
        self._area = area
        self._pages: dict[PhysAddr, int] = {}

    def alloc(self, size: int) -> PhysAddr | None:
        try:
            start = PhysAddr(self._area.alloc(size >> PAGE_SHIFT) << PAGE_SHIFT)
        except KernelError:
            return None
        self._pages[start] = size >> PAGE_SHIFT
        return start

    def free(self, start: PhysAddr) -> None:
        self._area.release(start >> PAGE_SHIFT, self._pages.pop(start))
