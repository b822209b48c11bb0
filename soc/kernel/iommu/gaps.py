"""The free ranges of an address space, indexed so that the highest aligned fit is found without a scan.

A gap is filed under its order: the largest power of two of which it holds an
aligned block. So every gap of order k or more takes any request of up to 2**k
aligned to 2**k, and of each such list only the highest matters. A gap of order
k - 1 may still take a request below 2**k: it begins an aligned block of 2**k
but ends before that block does. Those gaps have lists of their own.
"""

from __future__ import annotations

from bisect import bisect_left, insort

Gap = tuple[int, int]
"""[start, end)."""


class Gaps:
    """Free ranges of [0, 2**bits), in whole units; none touches another. It starts with none."""

    def __init__(self, bits: int) -> None:
        self._end: dict[int, int] = {}
        self._start: dict[int, int] = {}
        self._whole: list[list[int]] = [[] for _ in range(bits + 1)]
        self._part: list[list[int]] = [[] for _ in range(bits + 1)]

    def add(self, start: int, end: int) -> None:
        """[start, end) becomes free and is joined to its neighbours; it must not be free already."""
        if (before := self._start.get(start)) is not None:
            self._drop(before, start)
            start = before
        if (after := self._end.get(end)) is not None:
            self._drop(end, after)
            end = after
        self._put(start, end)

    def take(self, gap: Gap, start: int, end: int) -> None:
        """[start, end), which lies in `gap`, is no longer free."""
        self._drop(*gap)
        if gap[0] < start:
            self._put(gap[0], start)
        if end < gap[1]:
            self._put(end, gap[1])

    def overlapping(self, start: int, end: int) -> list[Gap]:
        """Every gap that shares a unit with [start, end); a scan of them all."""
        return [gap for gap in self._end.items() if gap[0] < end and start < gap[1]]

    def highest(self, size: int, limit: int) -> tuple[Gap, int] | None:
        """The highest place below `limit` for `size` units, aligned to the next power of two, and its gap.

        Logarithmic, except for requests that are no power of two: these also pass
        over the gaps above the answer that hold between half of that power and `size`.
        """
        order = (size - 1).bit_length()
        best: tuple[Gap, int] | None = None
        for starts in self._whole[order:]:
            found = self._search(starts, size, order, limit, best)
            best = found or best
        if 0 < order <= len(self._part) and size < 1 << order:
            best = self._search(self._part[order - 1], size, order, limit, best) or best
        return best

    def _search(
        self, starts: list[int], size: int, order: int, limit: int, best: tuple[Gap, int] | None
    ) -> tuple[Gap, int] | None:
        """The highest fit among the gaps at `starts`, ascending, if it is above `best`."""
        floor = best[1] if best else -1
        index = len(starts)
        if starts and starts[-1] >= limit:
            index = bisect_left(starts, limit)
        while index:
            index -= 1
            start = starts[index]
            end = self._end[start]
            if end <= floor:
                return None
            place = (min(end, limit) - size) >> order << order
            if place >= start:
                return ((start, end), place) if place > floor else None
        return None

    def _put(self, start: int, end: int) -> None:
        self._end[start], self._start[end] = end, start
        for starts in self._lists(start, end):
            insort(starts, start)

    def _drop(self, start: int, end: int) -> None:
        del self._end[start], self._start[end]
        for starts in self._lists(start, end):
            del starts[bisect_left(starts, start)]

    def _lists(self, start: int, end: int) -> tuple[list[int], ...]:
        """Where a gap is filed."""
        order = (end - start).bit_length() - 1
        if (-(-start >> order) + 1 << order) > end:
            order -= 1
        aligned = -(-start >> order + 1) << order + 1
        if end - aligned > 1 << order:
            return self._whole[order], self._part[order]
        return (self._whole[order],)
