"""Which descriptors map a range: the largest blocks and contiguous groups that fit.

Source: ARM DDI 0487, D8.3 (block sizes) and D8.6 (contiguous groups: input and
output aligned to the group, equal attributes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soc.memory.span import Frames


@dataclass(frozen=True, eq=False)
class Segment:
    """Neighbouring leaves of one level.

    `start` is the input address of the first in units of one leaf of that level,
    `outputs` the first frame of each, shape (n,), in pages of the granule.
    """

    level: int
    start: int
    outputs: Frames


def segments(start: int, frames: Frames, levels: list[tuple[int, int]]) -> list[Segment]:
    """Cut pages `start`.. with output `frames` (both in pages of the granule) into leaves.

    `levels` are (level, log2 of the pages of one leaf), largest leaf first; the
    last one is (3, 0).
    """
    (level, order), *smaller = levels
    if not smaller:
        return [Segment(level, start, frames)] if len(frames) else []
    size = 1 << order
    head = min(-start % size, len(frames))
    blocks = whole_groups(start, frames, order, 1)
    if not np.count_nonzero(blocks):
        return segments(start, frames, smaller)
    out = segments(start, frames[:head], smaller)
    edges = np.flatnonzero(blocks[1:] != blocks[:-1]) + 1
    for first, end in zip([0, *edges.tolist()], [*edges.tolist(), len(blocks)], strict=True):
        inside = frames[head + first * size : head + end * size]
        at = start + head + first * size
        out += (
            [Segment(level, at >> order, inside[::size])] if blocks[first] else segments(at, inside, smaller)
        )
    tail = head + len(blocks) * size
    return out + segments(start + tail, frames[tail:], smaller)


def whole_groups(start: int, outputs: Frames, order: int, step: int) -> NDArray[np.bool_]:
    """For each input-aligned group of 1 << order leaves from `start` on: may it be one larger leaf?

    Its outputs must follow each other in `step` and start at a multiple of the group's size.
    """
    size = 1 << order
    head = -start % size
    count = max(0, len(outputs) - head) >> order
    if not count:
        return np.zeros(0, np.bool_)
    groups = outputs[head : head + (count << order)].reshape(count, size)
    fits: NDArray[np.bool_] = (groups[:, 0] & (step * size - 1)) == 0
    fits &= groups[:, -1] - groups[:, 0] == step * (size - 1)
    if np.count_nonzero(fits):
        fits[fits] = (np.diff(groups[fits], axis=1) == step).all(axis=1)
    return fits


def contiguous_marks(start: int, outputs: Frames, order: int, step: int) -> NDArray[np.bool_]:
    """Which leaves, shape (n,), belong to a whole group and carry the contiguous hint."""
    marks = np.zeros(len(outputs), np.bool_)
    groups = whole_groups(start, outputs, order, step)
    if np.count_nonzero(groups):
        head = -start % (1 << order)
        marks[head : head + (len(groups) << order)] = np.repeat(groups, 1 << order)
    return marks
