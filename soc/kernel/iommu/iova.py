"""The IOVA allocator and the memory of who owned which IOVA.

Like drivers/iommu/iova.c: ranges are handed out from the top of the address
space down, aligned to their own size rounded up to a power of two, so that a
buffer is followed by a hole unless its size is a power of two.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass
from errno import ENOMEM

from soc.address import PAGE_SIZE, Iova, page_align
from soc.kernel.errors import KernelError


@dataclass
class IovaOwner:
    """One mapping's life: [start, end) in bytes, times in ns, `unmapped` None while it lives."""

    start: Iova
    end: int
    device: str
    what: str
    mapped: int
    unmapped: int | None = None

    def describe(self) -> str:
        """For fault reports: who, what, where and since when not."""
        text = f"{self.device}'s mapping of {self.what} at {self.start:#x}..{self.end - 1:#x}"
        return text if self.unmapped is None else f"{text}, unmapped at {self.unmapped / 1e9:.6f} s"


class IovaSpace:
    """Addresses [0, limit) of one domain; page 0 is never given out."""

    def __init__(self, limit: int = 1 << 32) -> None:
        self._limit = limit
        self._used: list[tuple[int, int]] = []

    def allocate(self, size: int, limit: int | None = None) -> Iova:
        """`size` bytes, rounded up to pages, below `limit`. -ENOMEM when no aligned hole is left."""
        size = page_align(size)
        align = 1 << (size - 1).bit_length() if size else PAGE_SIZE
        top = bound = min(self._limit, limit or self._limit)
        for start, end in [*reversed(self._used), (0, PAGE_SIZE)]:
            candidate = (top - size) & ~(align - 1)
            if candidate >= end:
                insort(self._used, (candidate, candidate + size))
                return Iova(candidate)
            top = min(start, bound)
        raise KernelError(ENOMEM, f"no IOVA space left for {size} bytes")

    def free(self, start: Iova) -> None:
        """Give back the range that starts at `start`. ValueError if there is none."""
        index = bisect_right(self._used, (start, 1 << 64)) - 1
        if index < 0 or self._used[index][0] != start:
            raise ValueError(f"{start:#x} is not the start of an allocated IOVA range")
        del self._used[index]


class IovaHistory:
    """Every mapping a domain ever had, newest last."""

    def __init__(self) -> None:
        self._owners: list[IovaOwner] = []

    def mapped(self, start: Iova, size: int, device: str, what: str, now: int) -> IovaOwner:
        owner = IovaOwner(start, start + size, device, what, now)
        self._owners.append(owner)
        return owner

    def last_owner(self, iova: int) -> str:
        """Who owned `iova` last; the nearest mapping below if nobody ever did."""
        for owner in reversed(self._owners):
            if owner.start <= iova < owner.end:
                return owner.describe()
        below = [owner for owner in self._owners if owner.end <= iova]
        if not below:
            return "never mapped"
        nearest = max(reversed(below), key=lambda owner: owner.end)
        past = iova - nearest.end
        where = f"{past:,} bytes past the end of" if past else "it is the first byte past the end of"
        return f"never mapped; {where} {nearest.describe()}"
