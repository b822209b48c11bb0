"""sg_table: a buffer's memory, seen from the CPU and from one device.

The CPU side (`starts`, `lengths`: physical, `orig_nents` entries) never
changes; the DMA side (`dma_address`, `dma_length`, `nents` entries) is filled
by dma_map_sgtable for one device and is empty before that. The two sides may
have different numbers of entries: iterate each with its own count.
Source: include/linux/scatterlist.h.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from soc.memory.span import Frames, PageSpan

if TYPE_CHECKING:
    from soc.kernel.dma.swiotlb.pool import Bounce

Ints = NDArray[np.int64]


class DmaDirection(Enum):
    """enum dma_data_direction."""

    BIDIRECTIONAL = 0
    TO_DEVICE = 1
    FROM_DEVICE = 2
    NONE = 3

    @property
    def device_reads(self) -> bool:
        """Whether the device may read the memory."""
        return self in (DmaDirection.TO_DEVICE, DmaDirection.BIDIRECTIONAL)

    @property
    def device_writes(self) -> bool:
        """Whether the device may write the memory."""
        return self in (DmaDirection.FROM_DEVICE, DmaDirection.BIDIRECTIONAL)


def _none() -> Ints:
    return np.empty(0, dtype=np.int64)


def page_frames(starts: Ints, counts: Ints) -> Frames:
    """The frames of runs of `counts` pages whose first bytes lie at `starts`, in order."""
    first = starts >> PAGE_SHIFT
    if len(first) == 1:
        return np.arange(first[0], first[0] + counts[0], dtype=np.int64)
    if (counts == 1).all():
        return first
    steps = np.ones(int(counts.sum()), dtype=np.int64)
    nonempty = counts > 0
    first, counts = first[nonempty], counts[nonempty]
    # every run begins with a jump from the last page of the one before
    steps[np.cumsum(counts) - counts] = np.diff(first, prepend=0) - np.append(0, counts[:-1] - 1)
    frames: Frames = np.cumsum(steps)
    return frames


def _begins(apart: NDArray[np.bool_]) -> Ints:
    """Which of n elements begin a group, ascending; `apart`, shape (n - 1,), says between which one ends."""
    return np.append(0, np.flatnonzero(apart) + 1)


@dataclass(eq=False)
class SgTable:
    """`starts` physical byte addresses and `lengths` in bytes, shape (n,).

    `bounces` are the bounce slots its entries have, or had until the last unmap.
    `entrywise`: behind an IOMMU, every entry has a mapping of its own.
    """

    starts: Ints
    lengths: Ints
    dma_address: Ints = field(default_factory=_none)
    dma_length: Ints = field(default_factory=_none)
    bounces: list[Bounce] = field(default_factory=list, init=False, repr=False)
    entrywise: bool = field(default=False, init=False, repr=False)

    @classmethod
    def of(cls, segments: list[tuple[int, int]]) -> SgTable:
        """From [(physical address, bytes), ...]."""
        table = np.array(segments, dtype=np.int64).reshape(-1, 2)
        return cls(table[:, 0].copy(), table[:, 1].copy())

    @classmethod
    def of_pages(cls, frames: Frames) -> SgTable:
        """From page frames in order; neighbours in memory share an entry (sg_alloc_table_from_pages)."""
        edges = np.append(0, np.flatnonzero(np.diff(frames) != 1) + 1)
        counts = np.diff(edges, append=len(frames))
        return cls(frames[edges] << PAGE_SHIFT, counts << PAGE_SHIFT)

    @property
    def orig_nents(self) -> int:
        return len(self.starts)

    @property
    def nents(self) -> int:
        return len(self.dma_address)

    @cached_property
    def size(self) -> int:
        """Bytes of the whole buffer."""
        return int(self.lengths.sum())

    @cached_property
    def page_aligned(self) -> bool:
        """Whether every entry is whole pages."""
        return not (np.bitwise_or.reduce(self.starts | self.lengths, initial=0) & PAGE_MASK)

    def frames(self) -> Frames:
        """Every page frame the entries touch, entry by entry, in order. Read-only."""
        return self._frames

    @property
    def bounce_copies(self) -> int:
        """Copies between this mapping and its bounce slots; 0 for a zero-copy mapping."""
        return sum(bounce.copies for bounce in self.bounces)

    @property
    def bounced_bytes(self) -> int:
        """Bytes of those copies."""
        return sum(bounce.bytes for bounce in self.bounces)

    @cached_property
    def spans(self) -> list[PageSpan]:
        """The memory in few spans: an entry joins the one before where it goes on at its last byte or
        both meet at a page boundary. No span for a table without bytes."""
        if not self.size:
            return []
        if self.page_aligned:
            return [PageSpan.of(self._frames, 0, self.size)]
        used = self.lengths > 0
        starts, lengths = self.starts[used], self.lengths[used]
        ends = starts + lengths
        pages_meet = (ends[:-1] | starts[1:]) & PAGE_MASK == 0
        first = _begins(ends[:-1] != starts[1:])
        runs, sizes = starts[first], np.add.reduceat(lengths, first)
        group = _begins(~pages_meet[first[1:] - 1])
        counts = ((runs + sizes + PAGE_MASK) >> PAGE_SHIFT) - (runs >> PAGE_SHIFT)
        return [
            PageSpan.of(page_frames(runs[a:b], counts[a:b]), int(runs[a]) & PAGE_MASK, int(sizes[a:b].sum()))
            for a, b in pairwise([*group.tolist(), len(runs)])
        ]

    @cached_property
    def _frames(self) -> Frames:
        if self.page_aligned:
            counts = self.lengths >> PAGE_SHIFT
        else:
            ends = self.starts + self.lengths + PAGE_SIZE - 1
            counts = np.where(self.lengths > 0, (ends >> PAGE_SHIFT) - (self.starts >> PAGE_SHIFT), 0)
        frames = page_frames(self.starts, counts)
        frames.flags.writeable = False
        return frames

    def copy(self) -> SgTable:
        """The same memory with an empty DMA side, as exporters hand to each attachment."""
        return SgTable(self.starts, self.lengths)
