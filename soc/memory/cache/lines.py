"""Cache lines of 64 bytes, a page's worth of them in one 64-bit mask.

A page has exactly 64 lines, so the state of all lines of n pages is an array
of n masks: bit i is the line at byte 64 * i of the page.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PAGE_SIZE, PhysAddr
from soc.memory.dram import Dram
from soc.memory.rows import Rows
from soc.memory.span import Frames, PageSpan

LINE_SHIFT = 6
LINE = 1 << LINE_SHIFT
LINES = PAGE_SIZE // LINE

Masks = NDArray[np.uint64]
"""One bit per line, one element per page."""

NO_LINES = np.uint64(0)
ALL_LINES = np.uint64((1 << LINES) - 1)

_BYTES = np.dtype(f"V{LINE}")


def touched(span: PageSpan, rows: Rows | None = None) -> Masks:
    """The lines that `span`, or its `rows`, touch: a mask for each of its pages."""
    if rows is not None:
        inside = rows.touched(span.offset, LINE, len(span.frames) * LINES)
        return _packed(inside.reshape(-1, LINES))
    masks = np.full(len(span.frames), ALL_LINES, dtype=np.uint64)
    if not span.size:
        return np.zeros(len(span.frames), dtype=np.uint64)
    first = span.offset >> LINE_SHIFT
    last = (span.offset + span.size - 1) - ((len(span.frames) - 1) << PAGE_SHIFT) >> LINE_SHIFT
    masks[0] &= ~np.uint64((1 << first) - 1)
    masks[-1] &= np.uint64((1 << last + 1) - 1)
    return masks


def partly_touched(span: PageSpan) -> Masks:
    """The lines of which `span` touches some bytes but not all: at most its first and its last."""
    masks = np.zeros(len(span.frames), dtype=np.uint64)
    if not span.size:
        return masks
    end = span.offset + span.size
    if span.offset % LINE:
        masks[0] |= np.uint64(1 << (span.offset >> LINE_SHIFT))
    if end % LINE:
        masks[-1] |= np.uint64(1 << ((end - 1 - ((len(span.frames) - 1) << PAGE_SHIFT)) >> LINE_SHIFT))
    return masks


def differing(a: Dram, b: Dram, frames: Frames) -> Masks:
    """The lines of `frames` in which two memories of one shape differ."""
    words = [memory.pages_of(frames).view(np.uint64).reshape(-1, LINES, LINE // 8) for memory in (a, b)]
    return _packed((words[0] != words[1]).any(axis=2))


def copy_lines(source: Dram, target: Dram, frames: Frames, masks: Masks) -> None:
    """Copy the lines of `masks` from one memory to another of the same shape."""
    for here, there in zip(source.banks, target.banks, strict=True):
        mine = (frames >= here.first_frame) & (frames < here.first_frame + len(here.pages))
        pages, chosen = frames[mine] - here.first_frame, masks[mine]
        whole = pages[chosen == ALL_LINES]
        there.whole_pages[whole] = here.whole_pages[whole]
        some = (chosen != ALL_LINES) & (chosen != NO_LINES)
        numbers = _numbers(pages[some], chosen[some])
        there.bytes.view(_BYTES)[numbers] = here.bytes.view(_BYTES)[numbers]


def first_address(frames: Frames, masks: Masks) -> PhysAddr:
    """The first line of `masks`, of which there must be one."""
    page = int(np.flatnonzero(masks)[0])
    mask = int(masks[page])
    return PhysAddr((int(frames[page]) << PAGE_SHIFT) + ((mask & -mask).bit_length() - 1) * LINE)


def count(masks: Masks) -> int:
    """How many lines `masks` has."""
    return int(np.unpackbits(np.ascontiguousarray(masks).view(np.uint8)).sum())


def _packed(lines: NDArray[np.bool_]) -> Masks:
    """Masks of lines given one by one, shape (pages, 64)."""
    masks: Masks = np.packbits(lines, axis=1, bitorder="little").view(np.uint64).reshape(-1)
    return masks


def _numbers(pages: Frames, masks: Masks) -> NDArray[np.int64]:
    """Line numbers: page * 64 + line."""
    bits = np.unpackbits(np.ascontiguousarray(masks).view(np.uint8), bitorder="little").reshape(-1, LINES)
    row, line = np.nonzero(bits)
    numbers: NDArray[np.int64] = pages[row] * LINES + line
    return numbers
