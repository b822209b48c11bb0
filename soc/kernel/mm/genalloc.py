"""A general-purpose pool: contiguous pieces of one address range, first fit.

Pieces are whole units of 2**order bytes. The free runs are kept sorted by
address; neighbours join again when freed.
Source: lib/genalloc.c, with its default first-fit algorithm.

Not modelled: pools of several ranges, other algorithms, giving back a part of a piece.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

import numpy as np

from soc.address import PAGE_MASK, PAGE_SHIFT, PhysAddr


class GenPool:
    """[base, base + size), handed out in units of 2**order bytes, by default pages.

    Both are multiples of 4 KiB, else ValueError; what is left over beyond the last whole unit is unused.
    """

    def __init__(self, base: PhysAddr, size: int, order: int = PAGE_SHIFT) -> None:
        if base & PAGE_MASK or size & PAGE_MASK:
            raise ValueError(f"pool {base:#x}+{size:#x} is not page aligned")
        if order < PAGE_SHIFT:
            raise ValueError(f"units of 2**{order} bytes are less than a page")
        self.base = base
        self.size = size >> order << order
        self.unit = 1 << order
        self.used = 0
        self._starts = array("q", [base] if self.size else [])
        self._sizes = array("q", [self.size] if self.size else [])
        self._pieces: dict[int, int] = {}

    @property
    def largest_free(self) -> int:
        """Bytes of the largest free run."""
        return max(self._sizes, default=0)

    def free_runs(self) -> list[tuple[int, int]]:
        """(address, bytes) of every free run, ascending."""
        return list(zip(self._starts, self._sizes, strict=True))

    def alloc(self, size: int) -> PhysAddr | None:
        """The start of the lowest run that holds `size` bytes, in whole units; None when none does."""
        pieces = self.alloc_pieces(size, 1)
        return pieces[0] if pieces else None

    def alloc_pieces(self, size: int, count: int) -> list[PhysAddr] | None:
        """`count` pieces of `size` bytes each, where so many single `alloc` would find them.

        All or nothing: None when there is no room for one of them, or nothing is asked for.
        """
        size = -(-size // self.unit) * self.unit
        if size <= 0 or count <= 0 or count * size > self.size - self.used:
            return None
        starts: list[PhysAddr] = []
        index = 0
        while len(starts) < count and (index := self._fitting(size, index)) < len(self._sizes):
            here = min(self._sizes[index] // size, count - len(starts))
            starts += [PhysAddr(self._starts[index] + size * number) for number in range(here)]
            self._cut(index, size * here)
        self._pieces.update(dict.fromkeys(starts, size))
        self.used += size * len(starts)
        if len(starts) == count:
            return starts
        self.free_pieces(starts)
        return None

    def free(self, start: PhysAddr) -> None:
        """Give back the piece that begins at `start`. KeyError if none does."""
        self.free_pieces([start])

    def free_pieces(self, starts: list[PhysAddr]) -> None:
        """Give back these pieces. KeyError, before anything is freed, if one does not begin there."""
        named = dict.fromkeys(starts)
        if len(named) < len(starts) or not self._pieces.keys() >= named.keys():
            raise KeyError(f"not pieces of the pool, each once: {', '.join(map(hex, starts))}")
        run, end = 0, 0
        for start in starts:
            size = self._pieces.pop(start)
            self.used -= size
            if start != end:
                self._join(run, end - run)
                run = start
            end = start + size
        self._join(run, end - run)

    def _fitting(self, size: int, index: int) -> int:
        """The first run at or after `index` that holds `size` bytes; the number of runs when none does."""
        if index >= len(self._sizes):
            return index
        fits = np.frombuffer(self._sizes, dtype=np.int64)[index:] >= size
        return index + int(fits.argmax()) if fits.any() else len(self._sizes)

    def _cut(self, index: int, size: int) -> None:
        """Take the first `size` bytes out of a run."""
        if self._sizes[index] == size:
            del self._starts[index], self._sizes[index]
        else:
            self._starts[index] += size
            self._sizes[index] -= size

    def _join(self, start: int, size: int) -> None:
        """A range becomes free, one run with its neighbours."""
        if not size:
            return
        index = bisect_left(self._starts, start)
        if index < len(self._starts) and self._starts[index] == start + size:
            size += self._sizes[index]
            del self._starts[index], self._sizes[index]
        if index and self._starts[index - 1] + self._sizes[index - 1] == start:
            self._sizes[index - 1] += size
        else:
            self._starts.insert(index, start)
            self._sizes.insert(index, size)
