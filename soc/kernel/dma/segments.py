"""How one IOVA range becomes few DMA segments.

Neighbouring entries are joined as long as the segment stays within what the
device takes; no entry is ever split.
Source: iommu_dma_map_sg and __finalise_sg of drivers/iommu/dma-iommu.c.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_MASK, PAGE_SHIFT
from soc.kernel.scatterlist import Ints, SgTable, page_frames
from soc.memory.span import Frames


@dataclass(frozen=True)
class Layout:
    """Where each entry of a table lies in an IOVA range, shape (n,) each, in bytes.

    `offsets` from the range's start to the entry's first page, `spare` before the
    entry in that page, `sizes` of what is mapped for it; `frames` of the whole range, shape (m,).
    """

    offsets: Ints
    spare: Ints
    sizes: Ints
    frames: Frames


def layout(sgt: SgTable, granule: int, boundary: int) -> Layout:
    """Whole granules for every entry, and room so that none crosses a multiple of `boundary` + 1 needlessly.

    That room belongs to the entry before it: the pages that follow it in memory are
    mapped there, as on Linux.
    """
    if sgt.page_aligned and granule == 1 << PAGE_SHIFT:
        spare, sizes = np.zeros_like(sgt.lengths), sgt.lengths
        total = sgt.size
    else:
        spare = sgt.starts & PAGE_MASK
        sizes = (spare + sgt.lengths + granule - 1) & -granule
        total = int(sizes.sum())
    if total > boundary + 1:
        sizes = _padded(sizes, boundary)
    elif sizes is sgt.lengths:
        return Layout(np.cumsum(sizes) - sizes, spare, sizes, sgt.frames())
    frames = page_frames(sgt.starts - spare, sizes >> PAGE_SHIFT)
    return Layout(np.cumsum(sizes) - sizes, spare, sizes, frames)


def segments(iova: int, place: Layout, lengths: Ints, longest: int, boundary: int) -> tuple[Ints, Ints]:
    """(addresses, lengths) of the segments of entries of `lengths` bytes laid out from `iova` on.

    An entry joins the one before if that ends at its last mapped byte, it begins at the start of a
    page that is no multiple of `boundary` + 1, and the segment stays within `longest` bytes.
    """
    addresses = iova + place.offsets
    apart = (place.spare != 0) | (addresses & boundary == 0)
    apart[1:] |= (place.spare + lengths != place.sizes)[:-1]
    apart[0] = True
    ends = np.cumsum(lengths)
    if int(ends[-1]) <= longest and not apart[1:].any():
        return addresses[:1] + place.spare[:1], ends[-1:].copy()
    firsts = _firsts(apart, ends, lengths, longest)
    return (addresses + place.spare)[firsts], np.add.reduceat(lengths, firsts)


def _firsts(apart: NDArray[np.bool_], ends: Ints, lengths: Ints, longest: int) -> Ints:
    """The entries that begin a segment, ascending."""
    count, breaks = len(lengths), np.flatnonzero(apart)
    if len(breaks) == 1 and (lengths == lengths[0]).all():
        return np.arange(0, count, max(longest // max(int(lengths[0]), 1), 1))
    index = np.arange(count)
    breaks = np.append(breaks, count)
    limit = breaks[np.searchsorted(breaks, index, side="right")]
    fits = np.searchsorted(ends, ends - lengths + longest, side="right")
    # `after[i]`: the entry that begins the next segment if one begins at i. Each round doubles how
    # many segments are known and how many of them `after` skips.
    after = np.append(np.minimum(np.maximum(fits, index + 1), limit), count)
    firsts = np.zeros(1, dtype=np.int64)
    while after[0] < count:
        firsts = np.concatenate((firsts, after[firsts]))
        after = after[after]
    return firsts[firsts < count]


def _padded(sizes: Ints, boundary: int) -> Ints:
    """`sizes` with room after some entries: the next would have crossed a boundary. One step per crossing."""
    sizes = sizes.copy()
    ends = np.cumsum(sizes)
    period, shift, index = boundary + 1, 0, 0
    while index < len(sizes):
        begin = int(ends[index] - sizes[index]) + shift
        room = -begin % period
        if room and room < sizes[index] - 1:
            sizes[index - 1] += room
            shift += room
            begin += room
        # the next entry that could need room is the first that ends beyond the next boundary
        beyond = (begin // period + 1) * period - shift
        index = max(index + 1, int(np.searchsorted(ends, beyond, side="right")))
    return sizes
