"""A zone: the buddy system of a piece of DRAM, its free lists apart by migrate type.

A free block of order k is 2**k frames at a multiple of 2**k. Allocation splits
the smallest block that fits, free merges with the buddy as far as it goes.
Every free block is on the list of its pageblock's type. An allocation whose own
type has run out claims a whole pageblock of the other type when that is mostly
free, and otherwise takes a block out of one.
Source: mm/page_alloc.c (6.12): __rmqueue_smallest, __rmqueue_fallback,
steal_suitable_fallback, __free_one_page.

Not modelled: watermarks, per-CPU lists, reclaimable and high-atomic pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from soc.memory.frame_table import FREE, INSIDE, KIND, MOVABLE, ORDER
from soc.memory.migratetype import MAX_ORDER, ORDERS, PAGEBLOCK_ORDER, PAGEBLOCK_PAGES, MigrateType
from soc.memory.span import Frames

Span = tuple[int, int]
"""Frames [first, end)."""


def aligned_blocks(first: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut frames [first, end) into the fewest buddy blocks: (frame, order), ascending."""
    while first < end:
        fits = (end - first).bit_length() - 1
        aligned = (first & -first).bit_length() - 1 if first else MAX_ORDER
        order = min(fits, aligned, MAX_ORDER)
        yield first, order
        first += 1 << order


class Zone:
    """Frames `span`, of which `runs` are free at first and `cma` are pageblocks of CMA regions.

    `state` has one byte a frame, see frame_table. Blocks do not merge across zones.
    """

    def __init__(
        self, name: str, span: Span, state: NDArray[np.uint8], runs: Iterable[Span], cma: Iterable[Span]
    ) -> None:
        self.name = name
        self.first, self.end = span
        self.state = state
        self.bytes = state.data
        self._first_block = self.first >> PAGEBLOCK_ORDER
        last_block = (self.end - 1) >> PAGEBLOCK_ORDER
        self.types = bytearray([MigrateType.MOVABLE]) * (last_block - self._first_block + 1)
        self.free: list[list[dict[int, None]]] = [[{} for _ in ORDERS] for _ in MigrateType]
        self.free_frames = 0
        self.free_cma = 0
        for first, end in cma:
            for block in range(first >> PAGEBLOCK_ORDER, end >> PAGEBLOCK_ORDER):
                self.types[block - self._first_block] = MigrateType.CMA
        # The free lists are last in, first out: descending, so that low memory goes first.
        for first, end in reversed(list(runs)):
            for frame, order in reversed(list(aligned_blocks(first, end))):
                self._put(frame, order)

    def holds(self, frame: int, count: int = 1) -> bool:
        return self.first <= frame and frame + count <= self.end

    def types_of(self, frames: Frames) -> NDArray[np.uint8]:
        """The migrate type of each frame's pageblock."""
        blocks = (frames >> PAGEBLOCK_ORDER) - self._first_block
        types: NDArray[np.uint8] = np.frombuffer(self.types, dtype=np.uint8)[blocks]
        return types

    def pageblocks(self) -> Frames:
        """First frames of the pageblocks with a free page, CMA left out, ascending."""
        free = np.flatnonzero((self.state & KIND) == FREE) + self.first
        heads = np.unique(free & -PAGEBLOCK_PAGES)
        mine: Frames = heads[self.types_of(heads) != MigrateType.CMA]
        return mine

    # --- taking --------------------------------------------------------------

    def own(self, order: int, kind: MigrateType, limit: int) -> int | None:
        """A block of `order` below frame `limit` from the lists of `kind`; its state is INSIDE."""
        for size in range(order, MAX_ORDER + 1):
            if (frame := self._find(order, size, kind, limit)) is not None:
                return self._split(frame, size, order)
        return None

    def mostly_cma(self) -> bool:
        """Whether more than half of the free pages are CMA: movable pages go there first then."""
        return 2 * self.free_cma > self.free_frames

    def steal(self, order: int, kind: MigrateType, limit: int) -> int | None:
        """A block for `kind` out of a pageblock of the other type, never of CMA."""
        other = MigrateType.MOVABLE if kind is MigrateType.UNMOVABLE else MigrateType.UNMOVABLE
        found = self._fallback(order, range(MAX_ORDER, order - 1, -1), other, limit)
        if found is None:
            return None
        frame, size = found
        claims = kind is MigrateType.UNMOVABLE or size >= PAGEBLOCK_ORDER // 2
        if not claims:
            # Movable pages dirty the smallest block they can: they may move out again.
            frame, size = self._fallback(order, ORDERS[order:], other, limit) or found
        if size >= PAGEBLOCK_ORDER or (claims and self._mostly_like(frame, kind)):
            self._retype(frame >> PAGEBLOCK_ORDER, kind)
            return self.own(order, kind, limit)
        return self._split(frame, size, order)

    def carve(self, first: int, end: int) -> bool:
        """Take exactly the frames [first, end); their state is INSIDE.

        False, and nothing done, if one of them is not free.
        """
        frames, orders = self._free_in(first, end)
        sizes = np.int64(1) << orders
        if int((np.minimum(frames + sizes, end) - np.maximum(frames, first)).sum()) != end - first:
            return False
        for frame, order in zip(frames.tolist(), orders.tolist(), strict=True):
            self._drop(frame, order)
            for rest in ((frame, first), (end, frame + (1 << order))):
                for piece, size in aligned_blocks(*rest):
                    self._put(piece, size)
        return True

    def carve_one(self, frame: int) -> bool:
        """Take one frame out of the free block around it. False if it is not free."""
        for order in ORDERS:
            head = frame & -(1 << order)
            if head < self.first:
                return False
            if self.bytes[head - self.first] == FREE | order:
                self._drop(head, order)
                for half in range(order):
                    self._put((frame ^ (1 << half)) & -(1 << half), half)
                return True
        return False

    # --- giving --------------------------------------------------------------

    def give(self, frame: int, order: int) -> None:
        """A block becomes free and merges with its buddies."""
        while order < MAX_ORDER:
            buddy = frame ^ (1 << order)
            if not self.holds(buddy) or self.bytes[buddy - self.first] != FREE | order:
                break
            self._drop(buddy, order)
            frame = min(frame, buddy)
            order += 1
        self._put(frame, order)

    def give_pages(self, frames: Frames) -> None:
        """Single frames become free, as whole runs; ascending, none twice."""
        self.state[frames - self.first] = INSIDE
        breaks = np.flatnonzero(np.diff(frames) != 1) + 1
        for run in np.split(frames, breaks):
            if len(run):
                for frame, order in aligned_blocks(int(run[0]), int(run[-1]) + 1):
                    self.give(frame, order)

    @contextmanager
    def isolated(self, first: int, end: int) -> Iterator[None]:
        """Nobody gets a free page of the pageblocks around [first, end) (start_isolate_page_range)."""
        blocks = range(first >> PAGEBLOCK_ORDER, ((end - 1) >> PAGEBLOCK_ORDER) + 1)
        before = [MigrateType(self.types[block - self._first_block]) for block in blocks]
        for block in blocks:
            self._retype(block, MigrateType.ISOLATE)
        try:
            yield
        finally:
            for block, kind in zip(blocks, before, strict=True):
                self._retype(block, kind)

    # --- the lists -------------------------------------------------------------

    def _find(self, order: int, size: int, kind: MigrateType, limit: int) -> int | None:
        """The block of order `size` freed last whose first 2**order frames lie below `limit`."""
        blocks = self.free[kind][size]
        if limit >= self.end:
            return next(reversed(blocks), None)
        return next((frame for frame in reversed(blocks) if frame + (1 << order) <= limit), None)

    def _fallback(
        self, order: int, sizes: Iterable[int], other: MigrateType, limit: int
    ) -> tuple[int, int] | None:
        for size in sizes:
            if (frame := self._find(order, size, other, limit)) is not None:
                return frame, size
        return None

    def _split(self, frame: int, size: int, order: int) -> int:
        self._drop(frame, size)
        for half in range(size - 1, order - 1, -1):
            self._put(frame + (1 << half), half)
        return frame

    def _mostly_like(self, frame: int, kind: MigrateType) -> bool:
        """Whether at least half of the frame's pageblock is free or already used as `kind` is."""
        low = max((frame & -PAGEBLOCK_PAGES) - self.first, 0)
        states = self.state[low : (frame | (PAGEBLOCK_PAGES - 1)) + 1 - self.first]
        kinds = states & KIND
        free = int((np.int64(1) << (states[kinds == FREE] & ORDER).astype(np.int64)).sum())
        movable = int((kinds == MOVABLE).sum())
        alike = movable if kind is MigrateType.MOVABLE else PAGEBLOCK_PAGES - free - movable
        return 2 * (free + alike) >= PAGEBLOCK_PAGES

    def _retype(self, block: int, kind: MigrateType) -> None:
        """The pageblock and its free blocks become `kind`."""
        start = max(block << PAGEBLOCK_ORDER, self.first)
        frames, orders = self._free_in(start, min((block + 1) << PAGEBLOCK_ORDER, self.end))
        blocks = list(zip(frames.tolist(), orders.tolist(), strict=True))
        for frame, order in blocks:
            self._drop(frame, order)
        self.types[block - self._first_block] = kind
        for frame, order in blocks:
            self._put(frame, order)

    def _free_in(self, first: int, end: int) -> tuple[Frames, Frames]:
        """Frame and order of every free block that has a frame of [first, end)."""
        low = max(first & -PAGEBLOCK_PAGES, self.first)
        states = self.state[low - self.first : end - self.first]
        starts = np.flatnonzero((states & KIND) == FREE)
        orders = (states[starts] & ORDER).astype(np.int64)
        frames = starts + low
        touching = frames + (np.int64(1) << orders) > first
        return frames[touching], orders[touching]

    def _put(self, frame: int, order: int) -> None:
        kind = self.types[(frame >> PAGEBLOCK_ORDER) - self._first_block]
        self.free[kind][order][frame] = None
        self.bytes[frame - self.first] = FREE | order
        self._count(kind, 1 << order)

    def _drop(self, frame: int, order: int) -> None:
        kind = self.types[(frame >> PAGEBLOCK_ORDER) - self._first_block]
        del self.free[kind][order][frame]
        self.bytes[frame - self.first] = INSIDE
        self._count(kind, -(1 << order))

    def _count(self, kind: int, frames: int) -> None:
        """Isolated pages count as neither free nor used."""
        if kind != MigrateType.ISOLATE:
            self.free_frames += frames
        if kind == MigrateType.CMA:
            self.free_cma += frames
