"""Storage of the IOTLB: rows of 512 pages (2 MiB of input addresses) in two arrays.

Rows are found by (space, page >> 9), so that a range is read by one gather of
its rows and an invalidation touches only the rows it can concern. A descriptor
larger than a row is noted in its space, which names the rows that hold parts of it.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

ROW_BITS = 9
ROW_PAGES = 1 << ROW_BITS

EMPTY = 0
"""Number of the row that stands for every row that is not there; never written."""


class Space:
    """One address space: its rows by key (page >> 9), and who holds parts of its large descriptors.

    `large[order][page >> order]` are the keys of the rows with parts of it.
    """

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        self.large: dict[int, dict[int, set[int]]] = {}


class IotlbStore:
    """All rows: `words` int64 and `orders` uint8, shape (rows, 512). A word of 0 is no entry."""

    def __init__(self) -> None:
        self._words = np.zeros((16, ROW_PAGES), dtype=np.int64)
        self._orders = np.zeros((16, ROW_PAGES), dtype=np.uint8)
        self._free = list(range(15, EMPTY, -1))

    def read(self, space: Space | None, page: int, count: int) -> NDArray[np.int64]:
        """A copy of the words of a range, shape (count,)."""
        if space is None:
            return np.zeros(count, dtype=np.int64)
        first, last = page >> ROW_BITS, (page + count - 1) >> ROW_BITS
        start = page & (ROW_PAGES - 1)
        if first == last:
            return self._words[space.rows.get(first, EMPTY), start : start + count].copy()
        rows = [space.rows.get(key, EMPTY) for key in range(first, last + 1)]
        return self._words[rows].reshape(-1)[start : start + count]

    def write(self, space: Space, page: int, words: NDArray[np.int64], orders: NDArray[np.uint8]) -> None:
        """Put the words that are not 0, with the order of each."""
        valid = words != 0
        if not valid.any():
            return
        every = bool(valid.all())
        done = 0
        while done < len(words):
            start = (page + done) & (ROW_PAGES - 1)
            end = min(ROW_PAGES, start + len(words) - done)
            source = slice(done, done + end - start)
            row = self._row(space, (page + done) >> ROW_BITS)
            if every:
                self._words[row, start:end] = words[source]
                self._orders[row, start:end] = orders[source]
            else:
                np.copyto(self._words[row, start:end], words[source], where=valid[source])
                np.copyto(self._orders[row, start:end], orders[source], where=valid[source])
            done += end - start
        if orders.max() > ROW_BITS:
            self._note_large(space, page, words, orders)

    def invalidate(self, space: Space, page: int, count: int, below: int | None) -> None:
        """Drop what covers a page of a range; with `below` only what is of a lesser order."""
        last = page + count - 1
        keys = set(_between(space.rows, page >> ROW_BITS, last >> ROW_BITS))
        for order, numbers in space.large.items():
            if below is not None and order >= below:
                continue
            for number in list(_between(numbers, page >> order, last >> order)):
                keys |= numbers.pop(number)
        held = sorted(key for key in keys if key in space.rows)
        if held:
            self._drop(space, held, page, last, below)

    def release_all(self, space: Space) -> None:
        """Give back every row of a space that is no longer used."""
        rows = list(space.rows.values())
        self._words[rows] = 0
        self._free.extend(rows)

    def _drop(self, space: Space, keys: list[int], first: int, last: int, below: int | None) -> None:
        rows = [space.rows[key] for key in keys]
        words, orders = self._words[rows], self._orders[rows].astype(np.int64)
        pages = (np.array(keys, dtype=np.int64)[:, None] << ROW_BITS) + np.arange(ROW_PAGES, dtype=np.int64)
        numbers = pages >> orders
        hit = (numbers >= first >> orders) & (numbers <= last >> orders)
        if below is not None:
            hit &= orders < below
        words[hit] = 0
        self._words[rows] = words
        self._free.extend(
            space.rows.pop(keys[index]) for index in np.flatnonzero(~words.any(axis=1)).tolist()
        )

    def _note_large(
        self, space: Space, page: int, words: NDArray[np.int64], orders: NDArray[np.uint8]
    ) -> None:
        large = np.flatnonzero((orders > ROW_BITS) & (words != 0))
        for order in np.unique(orders[large]).tolist():
            keys = np.unique((page + large[orders[large] == order]) >> ROW_BITS)
            numbers = space.large.setdefault(order, {})
            for key in keys.tolist():
                numbers.setdefault(key >> (order - ROW_BITS), set()).add(key)

    def _row(self, space: Space, key: int) -> int:
        row = space.rows.get(key)
        if row is None:
            if not self._free:
                self._grow()
            row = space.rows[key] = self._free.pop()
        return row

    def _grow(self) -> None:
        old = len(self._words)
        self._words = np.concatenate([self._words, np.zeros_like(self._words)])
        self._orders = np.concatenate([self._orders, np.zeros_like(self._orders)])
        self._free.extend(range(2 * old - 1, old - 1, -1))


def _between(numbers: Collection[int], first: int, last: int) -> list[int]:
    """Those of a dictionary's keys that lie in [first, last], by whichever way is shorter."""
    if last - first < len(numbers):
        return [number for number in range(first, last + 1) if number in numbers]
    return [number for number in numbers if first <= number <= last]
