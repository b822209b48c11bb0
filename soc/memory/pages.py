"""The page allocator: zones of buddy blocks over DRAM, reserved regions left out.

Memory is split into zones at 4 GiB, the reach of a 32-bit DMA mask, and taken
from the upper one first. Pages are unmovable (drivers, page tables, buffers),
or movable (what a program maps). CMA regions belong to the allocator too, but
are lent to movable pages only, so that a contiguous range can be got back.
The state of a frame is one byte, free blocks are plain integers, so the cost of
set up follows the number of blocks, not of pages.
Source: mm/page_alloc.c, mm/page_isolation.c.

Not modelled: watermarks, per-CPU lists, NUMA, a zone limit from dma-ranges (an
allocation gives its own), reclaim and compaction when memory runs out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

import numpy as np

from soc.address import PAGE_SHIFT
from soc.errors import SocError
from soc.memory.frame_table import CONTIGUOUS, MOVABLE, UNMOVABLE, FrameTable
from soc.memory.layout import Range, free_runs, zone_spans
from soc.memory.migratetype import MAX_ORDER, MigrateType
from soc.memory.movable import MovableMap, MovablePages, Moved
from soc.memory.sources import MOVABLE_PAGES, MOVABLE_PAGES_OUTSIDE_CMA, UNMOVABLE_PAGES, Source, unmovable
from soc.memory.span import Frames
from soc.memory.zone import Zone, aligned_blocks

__all__ = ["MAX_ORDER", "BadFree", "PageAllocator", "aligned_blocks", "free_runs", "zone_spans"]

NO_LIMIT = 1 << 52


class BadFree(SocError):
    """Memory was given back that is not allocated so: `frame` is its page frame number."""

    def __init__(self, frame: int, order: int) -> None:
        self.frame = frame
        self.order = order
        super().__init__(f"free of frame {frame:#x} with order {order}: no such block is allocated")


class PageAllocator:
    """Page frames of `banks` without those that a `reserved` range touches.

    `cma` are regions of whole pageblocks. All three are lists of (base, size)
    in bytes. All results are page frame numbers;
    `below` is the first physical address that an allocation must not reach.
    `taken` hears of runs of frames (first, count) that got an owner, `freed` of frames that lost theirs.
    """

    def __init__(
        self, banks: Iterable[Range], reserved: Iterable[Range] = (), cma: Iterable[Range] = ()
    ) -> None:
        self.taken: Callable[[int, int], None] = lambda first, count: None
        self.freed: Callable[[Frames], None] = lambda frames: None
        held_back = list(reserved)
        lent = [(base >> PAGE_SHIFT, (base + size) >> PAGE_SHIFT) for base, size in cma]
        spans = zone_spans(banks)
        self._table = FrameTable([span for _, span in spans])
        self.zones: list[Zone] = []
        for start, (name, span) in zip(self._table.starts, spans, strict=False):
            state = self._table.state[start : start + span[1] - span[0]]
            piece = (span[0] << PAGE_SHIFT, (span[1] - span[0]) << PAGE_SHIFT)
            mine = [region for region in lent if span[0] <= region[0] and region[1] <= span[1]]
            self.zones.append(Zone(name, span, state, free_runs(piece, held_back), mine))
        self._order = sorted(self.zones, key=lambda zone: (zone.name == "DMA", zone.first))
        self.total_frames = self.free_frames
        self.total_cma = self.free_cma
        self.movable = MovableMap(self._table, self._give_pages)

    def hold_back(self, first: int, count: int) -> bool:
        """Take these free frames of one zone for good at boot (memblock_reserve): nobody manages them now.

        False, and nothing done, if one is not free.
        """
        taken = self._zone_of(first, count).carve(first, first + count)
        self.total_frames -= count if taken else 0
        return taken

    # --- unmovable pages --------------------------------------------------------

    def alloc(self, order: int = 0, below: int | None = None) -> int | None:
        """The first frame of 2**order contiguous frames, aligned to that; None when there is none.

        Never a CMA page. ValueError for a negative order.
        """
        if order < 0:
            raise ValueError(f"order must be 0 or more, not {order}")
        limit = _limit(below)
        for zone in self._order:
            frame = unmovable(zone, order, limit) if zone.first < limit else None
            if frame is not None:
                zone.bytes[frame - zone.first] = UNMOVABLE | order
                self.taken(frame, 1 << order)
                return frame
        return None

    def split(self, frame: int, order: int) -> None:
        """What `alloc(order)` gave is single pages from now on (split_page). BadFree if that is not so."""
        zone = self._zone(frame)
        if zone is None or zone.bytes[frame - zone.first] != UNMOVABLE | order:
            raise BadFree(frame, order)
        zone.state[frame - zone.first : frame - zone.first + (1 << order)] = UNMOVABLE

    def alloc_pages(self, count: int, below: int | None = None) -> Frames | None:
        """`count` frames, each to be freed on its own, in as few runs as possible; shape (count,).

        All or nothing: None when fewer are free. Never a CMA page.
        """
        if count > self.free_frames - self.free_cma:
            return None
        return self._take_pages(count, _limit(below), UNMOVABLE_PAGES, UNMOVABLE)

    def free(self, frame: int, order: int = 0) -> None:
        """Give back what `alloc(order)` gave. BadFree if it is not allocated with that order."""
        zone = self._zone(frame)
        if zone and 0 <= order <= MAX_ORDER and zone.bytes[frame - zone.first] == UNMOVABLE | order:
            zone.bytes[frame - zone.first] = 0
            zone.give(frame, order)
            self.freed(np.arange(frame, frame + (1 << order), dtype=np.int64))
            return
        raise BadFree(frame, order)

    def free_pages(self, frames: Frames) -> None:
        """Give back single frames in any order, shape (n,).

        BadFree, before anything is freed, if one is not allocated or is named twice.
        """
        ordered = np.sort(frames)
        good = self._table.are(ordered, UNMOVABLE)
        good[1:] &= ordered[1:] != ordered[:-1]
        if not good.all():
            raise BadFree(int(ordered[~good][0]), 0)
        self._give_pages(ordered)

    # --- movable pages ----------------------------------------------------------

    def alloc_movable(self, count: int, owner: str, moved: Moved | None = None) -> MovablePages | None:
        """`count` single pages that may move, of `owner`, who is told of it; None when fewer are free.

        They take CMA pages when other movable memory has run out, or more than
        half of what is free is CMA.
        """
        frames = self.movable_frames(count)
        return None if frames is None else self.movable.add(frames, owner, moved)

    def movable_frames(self, count: int, cma: bool = True) -> Frames | None:
        """Frames for movable pages that the caller hands to an owner, as a migration does."""
        if count > self.free_frames:
            return None
        sources = MOVABLE_PAGES if cma else MOVABLE_PAGES_OUTSIDE_CMA
        return self._take_pages(count, NO_LIMIT, sources, MOVABLE)

    # --- contiguous ranges --------------------------------------------------------

    def isolated(self, first: int, count: int) -> AbstractContextManager[None]:
        """While this lasts nobody gets a page near frames [first, first + count), all of one zone."""
        return self._zone_of(first, count).isolated(first, first + count)

    def take_range(self, first: int, count: int) -> bool:
        """Allocate exactly these frames. False, and nothing done, if one is not free."""
        zone = self._zone_of(first, count)
        taken = zone.carve(first, first + count)
        if taken:
            zone.state[first - zone.first : first - zone.first + count] = CONTIGUOUS
            self.taken(first, count)
        return taken

    def give_range(self, first: int, count: int) -> None:
        """Free frames that `take_range` took, all or a part. BadFree, before anything is freed."""
        frames = np.arange(first, first + count, dtype=np.int64)
        good = self._table.are(frames, CONTIGUOUS)
        if not good.all():
            raise BadFree(int(frames[~good][0]), 0)
        self._give_pages(frames)

    def keep(self, frame: int) -> bool:
        """Allocate this very frame as an unmovable page. False if it is not free."""
        zone = self._zone(frame)
        taken = zone is not None and zone.carve_one(frame)
        if zone and taken:
            zone.bytes[frame - zone.first] = UNMOVABLE
            self.taken(frame, 1)
        return taken

    # --- accounts -----------------------------------------------------------------

    @property
    def free_frames(self) -> int:
        """Free pages, those of CMA regions included."""
        return sum(zone.free_frames for zone in self.zones)

    @property
    def free_cma(self) -> int:
        """Free pages of CMA regions."""
        return sum(zone.free_cma for zone in self.zones)

    def free_blocks(self) -> list[int]:
        """Free blocks per order 0..10, of all zones and migrate types."""
        columns = zip(*(lists for zone in self.zones for lists in zone.free), strict=True)
        return [sum(len(blocks) for blocks in column) for column in columns]

    def of_type(self, frames: Frames, kind: MigrateType) -> Frames:
        """Those of `frames` that lie in pageblocks of `kind`."""
        mine = np.zeros(frames.shape, dtype=bool)
        for zone in self.zones:
            inside = (frames >= zone.first) & (frames < zone.end)
            mine[inside] = zone.types_of(frames[inside]) == kind
        return frames[mine]

    # --- inside ---------------------------------------------------------------------

    def _take_pages(self, count: int, limit: int, sources: Iterable[Source], state: int) -> Frames | None:
        """`count` single frames in `state`: zone by zone, source by source, the largest blocks first."""
        parts: list[Frames] = [np.empty(0, dtype=np.int64)]
        left = count
        for zone in self._order:
            for source in sources if zone.first < limit else ():
                order = MAX_ORDER
                while left > 0 and order >= 0:
                    order = min(order, left.bit_length() - 1)
                    frame = source(zone, order, limit)
                    if frame is None:
                        order -= 1
                        continue
                    size = 1 << order
                    zone.state[frame - zone.first : frame - zone.first + size] = state
                    parts.append(np.arange(frame, frame + size, dtype=np.int64))
                    left -= size
        frames = np.concatenate(parts)
        if left > 0:
            self._give_pages(np.sort(frames))
            return None
        for run in parts[1:]:
            self.taken(int(run[0]), len(run))
        return frames

    def _give_pages(self, ordered: Frames) -> None:
        for zone in self.zones:
            low, high = np.searchsorted(ordered, (zone.first, zone.end))
            zone.give_pages(ordered[low:high])
        self.freed(ordered)

    def _zone(self, frame: int, count: int = 1) -> Zone | None:
        return next((zone for zone in self.zones if zone.holds(frame, count)), None)

    def _zone_of(self, first: int, count: int) -> Zone:
        zone = self._zone(first, count)
        if zone is None:
            raise ValueError(f"frames {first:#x}..{first + count - 1:#x} are not of one zone")
        return zone


def _limit(below: int | None) -> int:
    return NO_LIMIT if below is None else below >> PAGE_SHIFT
