"""A general-purpose pool: contiguous pieces of one address range, first fit.

The free runs are kept sorted by address; neighbours join again when freed.
Source: lib/genalloc.c, with its default first-fit algorithm.
"""

from __future__ import annotations

from bisect import bisect_left

from soc.address import PAGE_MASK, PhysAddr, page_align


class GenPool:
    """[base, base + size), handed out in pages. Both are multiples of 4 KiB, else ValueError."""

    def __init__(self, base: PhysAddr, size: int) -> None:
        if base & PAGE_MASK or size & PAGE_MASK:
            raise ValueError(f"pool {base:#x}+{size:#x} is not page aligned")
        self.base = base
        self.size = size
        self._starts: list[int] = [base] if size else []
        self._sizes: list[int] = [size] if size else []
        self._used: dict[int, int] = {}

    @property
    def used(self) -> int:
        """Bytes handed out."""
        return self.size - sum(self._sizes)

    @property
    def largest_free(self) -> int:
        """Bytes of the largest free run."""
        return max(self._sizes, default=0)

    def free_runs(self) -> list[tuple[int, int]]:
        """(address, bytes) of every free run, ascending."""
        return list(zip(self._starts, self._sizes, strict=True))

    def alloc(self, size: int) -> PhysAddr | None:
        """The lowest run that holds `size` bytes, rounded up to pages; None when none does."""
        size = page_align(size)
        index = next((i for i, run in enumerate(self._sizes) if run >= size), None)
        if index is None or size <= 0:
            return None
        start = self._starts[index]
        if self._sizes[index] == size:
            del self._starts[index], self._sizes[index]
        else:
            self._starts[index] += size
            self._sizes[index] -= size
        self._used[start] = size
        return PhysAddr(start)

    def free(self, start: PhysAddr) -> None:
        """Give back the piece that begins at `start`. KeyError if none does."""
        size = self._used.pop(start)
        index = bisect_left(self._starts, start)
        if index < len(self._starts) and self._starts[index] == start + size:
            size += self._sizes[index]
            del self._starts[index], self._sizes[index]
        if index and self._starts[index - 1] + self._sizes[index - 1] == start:
            self._sizes[index - 1] += size
        else:
            self._starts.insert(index, start)
            self._sizes.insert(index, size)
