"""Which cache lines devices may write now: no two mappings may share one.

The CPU's copy of such a line is invalidated when one mapping ends, and with it
goes what the other, or its owner, put there. Mappings TO_DEVICE are not held:
nothing is invalidated for them. Whole pages are one counter each; only the
pages that a mapping covers in part are held line by line.
Source: active_cacheline_insert of kernel/dma/debug.c, which holds the first line
of each segment only.

Not modelled: the limit of references as a limit of storage; it is a warning only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from soc.kernel.scatterlist import Ints, page_frames
from soc.memory.cache.lines import LINE_SHIFT, LINES
from soc.memory.dram import Dram
from soc.memory.span import Frames

MAX_OVERLAP = 7

Index = Frames | slice


@dataclass(frozen=True, eq=False, slots=True)
class Held:
    """The lines of one mapping: `pages` whole ones by index, `lines` by number (address / 64).

    `overlap` is how many mappings hold the line most shared already, which is `line`; 0 if all were free.
    """

    pages: list[Index]
    lines: list[int]
    overlap: int
    line: int


class Cachelines:
    """The lines of all of `dram`, 64 bytes each. Memory outside it has no cache lines."""

    def __init__(self, dram: Dram) -> None:
        self._banks = dram.banks
        starts = np.cumsum([0, *(len(bank.pages) for bank in dram.banks)]).tolist()
        self._starts: list[int] = starts
        self._held: NDArray[np.uint32] = np.zeros(starts[-1], dtype=np.uint32)
        self._stamp: NDArray[np.int32] = np.zeros(starts[-1], dtype=np.int32)
        self._lines: Counter[int] = Counter()
        self._partly: Counter[int] = Counter()

    def hold(self, starts: Ints, lengths: Ints) -> Held:
        """Take the lines of ranges in bytes of physical memory, shape (n,); give back with `release`."""
        first, lines = starts >> PAGE_SHIFT, []
        partial = int(np.bitwise_or.reduce(starts | lengths)) & PAGE_MASK
        if not partial and (lengths == PAGE_SIZE).all():
            pages = self._pages(first)
        elif not partial:
            pages = self._runs(first, lengths >> PAGE_SHIFT)
        else:
            first = (starts + PAGE_MASK) >> PAGE_SHIFT
            pages = self._runs(first, np.maximum(((starts + lengths) >> PAGE_SHIFT) - first, 0))
            lines = _partial_lines(starts, lengths)
        overlap, where = 0, 0
        for index in pages:
            depth, page = self._hold_pages(index)
            if depth > overlap:
                overlap, where = depth, self._line_of(page)
        for frame, group in groupby(lines, _frame_of):
            depth, line = self._hold_lines(frame, list(group))
            if depth > overlap:
                overlap, where = depth, line
        return Held(pages, lines, overlap, where)

    def release(self, held: Held) -> None:
        """Undo `hold`."""
        for index in held.pages:
            self._held[index] -= 1
        for frame, group in groupby(held.lines, _frame_of):
            if (page := self._page_of(frame)) is not None:
                self._held[page] -= 1
                _drop(self._partly, page)
                for line in group:
                    _drop(self._lines, line)

    def _hold_pages(self, index: Index) -> tuple[int, int]:
        """How many mappings held the page most shared before, and that page."""
        before = self._held[index]
        worst = int(before.argmax())
        depth = int(before[worst])
        self._held[index] = before + 1
        if depth:
            return depth, index.start + worst if isinstance(index, slice) else int(index[worst])
        if not isinstance(index, slice):
            order = np.arange(len(index), dtype=np.int32)
            self._stamp[index] = order
            twice = self._stamp[index] != order
            if twice.any():
                return 1, int(index[twice.argmax()])
        return 0, 0

    def _hold_lines(self, frame: int, lines: list[int]) -> tuple[int, int]:
        """How many mappings held the line most shared before, and that line; `lines` of one page."""
        page = self._page_of(frame)
        if page is None:
            return 0, 0
        whole = int(self._held[page]) - self._partly[page]
        worst = (0, 0)
        for line in lines:
            worst = max(worst, (whole + self._lines[line], line))
            self._lines[line] += 1
        self._held[page] += 1
        self._partly[page] += 1
        return worst

    def _runs(self, first: Ints, counts: Ints) -> list[Index]:
        """The pages of runs of frames; one run is a slice."""
        if len(first) == 1:
            return self._run(int(first[0]), int(counts[0]))
        return self._pages(page_frames(first << PAGE_SHIFT, counts))

    def _pages(self, frames: Frames) -> list[Index]:
        """Frames as indices of pages, bank by bank; those outside DRAM are left out."""
        indices: list[Index] = []
        if not len(frames):
            return indices
        low, high = int(frames.min()), int(frames.max())
        for bank, start in zip(self._banks, self._starts, strict=False):
            end = bank.first_frame + len(bank.pages)
            if bank.first_frame <= low and high < end:
                return [frames - (bank.first_frame - start)]
            mine = frames[(frames >= bank.first_frame) & (frames < end)]
            if len(mine):
                indices.append(mine - (bank.first_frame - start))
        return indices

    def _run(self, first: int, count: int) -> list[Index]:
        indices: list[Index] = []
        for bank, start in zip(self._banks, self._starts, strict=False):
            low = max(first - bank.first_frame, 0)
            high = min(first + count - bank.first_frame, len(bank.pages))
            if low < high:
                indices.append(slice(low + start, high + start))
        return indices

    def _page_of(self, frame: int) -> int | None:
        """The index of a frame, None outside DRAM."""
        for bank, start in zip(self._banks, self._starts, strict=False):
            if 0 <= frame - bank.first_frame < len(bank.pages):
                return frame - bank.first_frame + start
        return None

    def _line_of(self, page: int) -> int:
        """The first line of the page with this index."""
        bank = int(np.searchsorted(self._starts, page, side="right")) - 1
        return (self._banks[bank].first_frame + page - self._starts[bank]) * LINES


def _partial_lines(starts: Ints, lengths: Ints) -> list[int]:
    """The lines of pages that a range covers in part, ascending; twice if two ranges share it."""
    lines: list[int] = []
    partial = np.flatnonzero(((starts | (starts + lengths)) & PAGE_MASK) != 0)
    for start, length in zip(starts[partial].tolist(), lengths[partial].tolist(), strict=True):
        first, end = start >> LINE_SHIFT, (start + length - 1 >> LINE_SHIFT) + 1
        whole = (start + PAGE_MASK) >> PAGE_SHIFT, (start + length) >> PAGE_SHIFT
        if whole[0] >= whole[1]:
            lines.extend(range(first, end))
            continue
        lines.extend(range(first, whole[0] * LINES))
        lines.extend(range(whole[1] * LINES, end))
    return sorted(lines)


def _frame_of(line: int) -> int:
    return line // LINES


def _drop(counter: Counter[int], key: int) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
