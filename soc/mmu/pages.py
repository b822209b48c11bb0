"""Which input pages are walked: a range, or a sorted list of single pages.

Both say which descriptors of a table they touch and spread one value for each
of those descriptors over the pages. `at` is where the pages stand in the answer,
`shift` log2 of the pages that one descriptor covers.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)
Numbers = NDArray[np.int64]


class Pages(Protocol):
    """Pages in increasing order, a slice of what is asked for."""

    @property
    def where(self) -> slice:
        """Their place in the answer."""
        ...

    def __len__(self) -> int: ...

    def clip(self, first: int, count: int) -> Pages:
        """Those inside [first, first + count)."""
        ...

    def bounds(self, shift: int) -> tuple[int, int]:
        """First and last descriptor, counted from input address 0."""
        ...

    def touched(self, shift: int) -> Numbers | None:
        """Which descriptors, counted from the first; None for every one up to the last."""
        ...

    def part(self, first: int, end: int, shift: int) -> Pages:
        """The pages of touched descriptors `first` .. `end - 1`, counted in order."""
        ...

    def through(self, last: Pages) -> Pages:
        """From here to the end of `last`, which follows in the answer."""
        ...

    def spread(self, values: NDArray[Kind], shift: int) -> NDArray[Kind]:
        """A value per page from one per touched descriptor, or from one for all (shape (1,))."""
        ...

    def frames(self, first: Numbers, shift: int) -> Numbers:
        """The frame of each page from the first frame of each touched descriptor."""
        ...


class PageRange:
    """`count` pages from `start`, all of them."""

    def __init__(self, start: int, count: int, at: int = 0) -> None:
        self._start = start
        self._count = count
        self._at = at

    def __len__(self) -> int:
        return self._count

    @property
    def where(self) -> slice:
        return slice(self._at, self._at + self._count)

    def clip(self, first: int, count: int) -> PageRange:
        start = max(self._start, first)
        end = min(self._start + self._count, first + count)
        return PageRange(start, max(0, end - start), self._at + start - self._start)

    def bounds(self, shift: int) -> tuple[int, int]:
        return self._start >> shift, (self._start + self._count - 1) >> shift

    def touched(self, shift: int) -> None:
        return None

    def part(self, first: int, end: int, shift: int) -> PageRange:
        lowest = self._start >> shift
        start = (lowest + first) << shift
        return self.clip(start, ((lowest + end) << shift) - start)

    def through(self, last: Pages) -> PageRange:
        return PageRange(self._start, last.where.stop - self._at, self._at)

    def spread(self, values: NDArray[Kind], shift: int) -> NDArray[Kind]:
        if not shift or len(values) == 1:
            return values
        skip = self._start & ((1 << shift) - 1)
        return np.repeat(values, 1 << shift)[skip : skip + self._count]

    def frames(self, first: Numbers, shift: int) -> Numbers:
        if not shift:
            return first
        skip = self._start & ((1 << shift) - 1)
        if len(first) == 1:
            start = int(first[0]) + skip
            return np.arange(start, start + self._count, dtype=np.int64)
        inside = np.arange(1 << shift, dtype=np.int64)
        return (first[:, None] + inside).reshape(-1)[skip : skip + self._count]


class PageList:
    """Single pages: `numbers[start:end]`, strictly increasing, shape (n,)."""

    def __init__(self, numbers: Numbers, start: int = 0, end: int | None = None) -> None:
        self._numbers = numbers
        self._start = start
        self._end = len(numbers) if end is None else end

    def __len__(self) -> int:
        return self._end - self._start

    @property
    def where(self) -> slice:
        return slice(self._start, self._end)

    def clip(self, first: int, count: int) -> PageList:
        start, end = np.searchsorted(self._mine, (first, first + count))
        return PageList(self._numbers, self._start + int(start), self._start + int(end))

    def bounds(self, shift: int) -> tuple[int, int]:
        return int(self._mine[0]) >> shift, int(self._mine[-1]) >> shift

    def touched(self, shift: int) -> Numbers:
        numbers: Numbers = self._mine[self._starts(shift)[:-1]] >> shift
        numbers -= int(numbers[0])
        return numbers

    def part(self, first: int, end: int, shift: int) -> PageList:
        starts = self._starts(shift)
        return PageList(self._numbers, self._start + int(starts[first]), self._start + int(starts[end]))

    def through(self, last: Pages) -> PageList:
        return PageList(self._numbers, self._start, last.where.stop)

    def spread(self, values: NDArray[Kind], shift: int) -> NDArray[Kind]:
        if not shift or len(values) == 1:
            return values
        return np.repeat(values, np.diff(self._starts(shift)))

    def frames(self, first: Numbers, shift: int) -> Numbers:
        if not shift:
            return first
        each: Numbers = np.repeat(first, np.diff(self._starts(shift)))
        each += self._mine & ((1 << shift) - 1)
        return each

    @property
    def _mine(self) -> Numbers:
        return self._numbers[self._start : self._end]

    def _starts(self, shift: int) -> Numbers:
        """Where the pages of each touched descriptor start, and the end."""
        numbers = self._mine >> shift
        inner = np.flatnonzero(numbers[1:] != numbers[:-1]) + 1
        return np.concatenate(([0], inner, [len(numbers)]))
