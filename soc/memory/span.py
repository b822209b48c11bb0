"""Spans: bytes that are side by side for whoever moves them, wherever their pages lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_MASK, PAGE_SHIFT, PhysAddr

Bytes = NDArray[np.uint8]
Frames = NDArray[np.int64]
"""Page frame numbers: physical address >> 12."""


@dataclass(frozen=True, eq=False)
class PageSpan:
    """`size` bytes that start `offset` bytes into the first of `frames`.

    `frames` names every 4 KiB page the bytes touch, in order, shape (n,).
    """

    frames: Frames
    offset: int
    size: int
    contiguous: bool

    @classmethod
    def of(cls, frames: Frames, offset: int, size: int) -> PageSpan:
        steps = frames[1:] - frames[:-1]
        return cls(frames, offset, size, bool((steps == 1).all()))

    @classmethod
    def linear(cls, address: PhysAddr, size: int) -> PageSpan:
        """The span of a physically contiguous range."""
        first, last = address >> PAGE_SHIFT, (address + max(size, 1) - 1) >> PAGE_SHIFT
        return cls(np.arange(first, last + 1, dtype=np.int64), address & PAGE_MASK, size, True)

    @property
    def address(self) -> PhysAddr:
        """Physical address of the first byte."""
        return PhysAddr((int(self.frames[0]) << PAGE_SHIFT) + self.offset)

    def segments(self) -> list[tuple[PhysAddr, int]]:
        """The span as (physical address, bytes), neighbours coalesced; none without pages."""
        if not len(self.frames):
            return []
        breaks = np.flatnonzero(self.frames[1:] - self.frames[:-1] != 1) + 1
        out: list[tuple[PhysAddr, int]] = []
        left, offset = self.size, self.offset
        for run in np.split(self.frames, breaks):
            length = min((len(run) << PAGE_SHIFT) - offset, left)
            out.append((PhysAddr((int(run[0]) << PAGE_SHIFT) + offset), length))
            left, offset = left - length, 0
        return out
