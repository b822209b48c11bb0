"""Rows: the rectangle that a 2D transfer moves out of the span it lies in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from soc.address import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """`height` rows of `width` bytes that start `stride` bytes apart; all at least 1, stride >= width."""

    width: int
    height: int
    stride: int

    @property
    def extent(self) -> int:
        """Bytes from the first of the first row to the last of the last."""
        return (self.height - 1) * self.stride + self.width

    @property
    def size(self) -> int:
        """Bytes that are moved."""
        return self.width * self.height

    def of(self, data: Bytes) -> Bytes:
        """The rows inside `data` of `extent` bytes, shape (height, width): a view."""
        return as_strided(data, (self.height, self.width), (self.stride, 1), writeable=data.flags.writeable)

    def starts(self, offset: int) -> Ints:
        """Where each row starts, when the first starts at `offset`."""
        return offset + np.arange(self.height, dtype=np.int64) * self.stride

    def first_byte_from(self, distance: int) -> int:
        """The first moved byte at or after `distance` bytes from the first of all."""
        row, inside = divmod(distance, self.stride)
        return distance if inside < self.width else (row + 1) * self.stride

    def touched(self, offset: int, unit: int, count: int) -> NDArray[np.bool_]:
        """Which of `count` units of so many bytes the rows touch; the first row starts at byte `offset`."""
        starts = self.starts(offset)
        edges = np.zeros(count + 1, dtype=np.int64)
        np.add.at(edges, starts // unit, 1)
        np.add.at(edges, (starts + self.width - 1) // unit + 1, -1)
        inside: NDArray[np.bool_] = np.cumsum(edges[:-1]) > 0
        return inside

    def bytes_per_page(self, offset: int, pages: int) -> NDArray[np.uint64]:
        """How many bytes of each page are moved; the first row starts `offset` bytes into the first."""
        counts = np.zeros(pages, dtype=np.uint64)
        at, end = self.starts(offset), self.starts(offset) + self.width
        while len(at):
            length = np.minimum(end - at, PAGE_SIZE - (at & PAGE_MASK))
            np.add.at(counts, at >> PAGE_SHIFT, length.astype(np.uint64))
            at, end = (at + length)[at + length < end], end[at + length < end]
        return counts
