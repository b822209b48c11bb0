"""The IOVA allocator.

Like drivers/iommu/iova.c: ranges are handed out from the top of the address
space down, aligned to their own size rounded up to a power of two, so that a
buffer is followed by a hole unless its size is a power of two.

Not modelled: the per-CPU caches of freed ranges (rcache) and the cached node,
which on Linux make the choice among equal holes depend on history.
"""

from __future__ import annotations

from errno import ENOMEM

from soc.address import PAGE_SIZE, Iova
from soc.kernel.errors import KernelError
from soc.kernel.iommu.gaps import Gaps

LOW = 1 << 32


class IovaSpace:
    """Addresses [0, limit) of one domain in units of `granule` bytes; unit 0 is never given out."""

    def __init__(self, limit: int = LOW, granule: int = PAGE_SIZE) -> None:
        self._shift = granule.bit_length() - 1
        self._limit = limit >> self._shift
        self._used: dict[int, int] = {}
        self._gaps = Gaps(self._limit.bit_length())
        if self._limit > 1:
            self._gaps.add(1, self._limit)

    def allocate(self, size: int, limit: int | None = None, low_first: bool = False) -> Iova:
        """`size` bytes, rounded up to granules, below `limit`. -ENOMEM when no aligned hole is left.

        `low_first`: 32-bit addresses as long as there are any. Linux asks so for PCI
        devices only; others get the top of what their mask allows.
        """
        if size < 1:
            raise ValueError(f"size must be 1 or more, not {size}")
        units = -(-size >> self._shift)
        top = self._limit if limit is None else min(self._limit, limit >> self._shift)
        low = LOW >> self._shift
        found = self._gaps.highest(units, low) if low_first and low < top else None
        found = found or self._gaps.highest(units, top)
        if found is None:
            raise KernelError(ENOMEM, f"no IOVA space left for {units << self._shift} bytes")
        gap, start = found
        self._gaps.take(gap, start, start + units)
        self._used[start] = units
        return Iova(start << self._shift)

    def free(self, start: Iova) -> None:
        """Give back the range that starts at `start`. ValueError if there is none."""
        unit = start >> self._shift
        if unit << self._shift != start or unit not in self._used:
            raise ValueError(f"{start:#x} is not the start of an allocated IOVA range")
        self._gaps.add(unit, unit + self._used.pop(unit))

    def reserve(self, start: Iova, size: int) -> None:
        """Never give out any of [start, start + size). ValueError if some of it is given out already.

        What lies outside the space or is reserved already does not matter (reserve_iova).
        """
        first, last = start >> self._shift, (start + size - 1) >> self._shift
        for unit, units in self._used.items():
            if unit <= last and first < unit + units:
                raise ValueError(f"{start:#x}..{start + size - 1:#x} is in use at {unit << self._shift:#x}")
        for gap in self._gaps.overlapping(first, last + 1):
            self._gaps.take(gap, max(gap[0], first), min(gap[1], last + 1))
