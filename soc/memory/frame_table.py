"""What is known of every page frame: one entry each, over all zones.

The state byte says what starts at a frame; a frame inside a block, or one the
allocator never had, is INSIDE. Allocated blocks of several pages are always
unmovable; movable pages and those of a contiguous range are single.
Source: struct page of include/linux/mm_types.h, for the part that is modelled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from soc.memory.span import Frames

INSIDE = 0x00
FREE = 0x10
UNMOVABLE = 0x20
MOVABLE = 0x30
CONTIGUOUS = 0x40
"""State bytes; FREE and UNMOVABLE have the block's order in the low four bits."""

KIND = 0xF0
ORDER = 0x0F


class FrameTable:
    """Entries of the frames in `spans`, [(first, end), ...], ascending and apart.

    `pins` counts the pins on a page; `owner` and `slot` say which movable
    allocation has it (0 for none) and as its how manyth page.
    """

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        self.spans = list(spans)
        self._firsts = np.array([first for first, _ in spans], dtype=np.int64)
        self._ends = np.array([end for _, end in spans], dtype=np.int64)
        self.starts: list[int] = [0]
        for first, end in spans:
            self.starts.append(self.starts[-1] + end - first)
        self._shifts = self._firsts - np.array(self.starts[:-1], dtype=np.int64)
        total = self.starts[-1]
        self.bytes = bytearray(total)
        self.state: NDArray[np.uint8] = np.frombuffer(self.bytes, dtype=np.uint8)
        self.pins: NDArray[np.uint32] = np.zeros(total, dtype=np.uint32)
        self.owner: NDArray[np.int32] = np.zeros(total, dtype=np.int32)
        self.slot: NDArray[np.int32] = np.zeros(total, dtype=np.int32)

    def index(self, frames: Frames) -> Frames:
        """Where the entries of `frames`, all known, stand."""
        if len(self.spans) == 1:
            return frames - self.spans[0][0]
        return np.subtract(frames, self._shifts[self._span_of(frames)])

    def known(self, frames: Frames) -> NDArray[np.bool_]:
        """Which of `frames` have an entry."""
        if not self.spans:
            return np.zeros(frames.shape, dtype=bool)
        span = self._span_of(frames)
        return (frames >= self._firsts[span]) & (frames < self._ends[span])

    def are(self, frames: Frames, state: int) -> NDArray[np.bool_]:
        """Which of `frames` are known and have exactly `state`."""
        result = self.known(frames)
        result[result] = self.state[self.index(frames[result])] == state
        return result

    def _span_of(self, frames: Frames) -> Frames:
        return np.maximum(np.searchsorted(self._firsts, frames, side="right") - 1, 0)
