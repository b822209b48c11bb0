"""The mappings of an address space by address (mm_struct's tree of vmas)."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator

from soc.address import PAGE_SIZE
from soc.kernel.mm.vma import Vma


class VmaMap:
    """Mappings that do not overlap: bytes of all of them, and of the anonymous ones."""

    def __init__(self) -> None:
        self.size = 0
        self.anonymous = 0
        self._starts: list[int] = []
        self._vmas: dict[int, Vma] = {}

    def __len__(self) -> int:
        return len(self._vmas)

    def __iter__(self) -> Iterator[Vma]:
        """All of them, lowest first."""
        return iter([self._vmas[start] for start in self._starts])

    def add(self, vma: Vma) -> None:
        """Enter a mapping where none is."""
        insort(self._starts, vma.start)
        self._vmas[vma.start] = vma
        self._count(vma, 1)

    def remove(self, vma: Vma) -> None:
        """Take a mapping out."""
        del self._starts[bisect_right(self._starts, vma.start) - 1], self._vmas[vma.start]
        self._count(vma, -1)

    def find(self, address: int) -> Vma | None:
        """The mapping that `address` lies in."""
        index = bisect_right(self._starts, address) - 1
        vma = self._vmas[self._starts[index]] if index >= 0 else None
        return vma if vma is not None and address < vma.end else None

    def within(self, start: int, end: int) -> list[Vma]:
        """Those that have a byte of [start, end), lowest first."""
        first = self.find(start)
        index = bisect_right(self._starts, start)
        found = [] if first is None else [first]
        while index < len(self._starts) and self._starts[index] < end:
            found.append(self._vmas[self._starts[index]])
            index += 1
        return found

    def room(self, size: int, first: int, end: int) -> int | None:
        """Where `size` bytes fit in [first, end), a page from their neighbours: behind all if possible."""
        behind = first
        if self._starts:
            behind = max(first, self._vmas[self._starts[-1]].end + PAGE_SIZE)
        if size <= end - behind:
            return behind
        at = first
        for vma in self:
            if size <= vma.start - PAGE_SIZE - at:
                return at
            at = max(at, vma.end + PAGE_SIZE)
        return None

    def _count(self, vma: Vma, sign: int) -> None:
        self.size += sign * vma.size
        if vma.anonymous is not None:
            self.anonymous += sign * vma.size
