"""The page allocator: a binary buddy system over DRAM, reserved regions left out.

A free block of order k is 2**k frames at a multiple of 2**k. Allocation splits
the smallest block that fits, free merges with the buddy as far as it goes. The
state of a frame is one byte, free blocks are plain integers, so the cost of set
up follows the number of blocks, not of pages.
Source: mm/page_alloc.c.

Not modelled: migrate types, watermarks, per-CPU lists, zones by DMA mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_MASK, PAGE_SHIFT
from soc.errors import SocError
from soc.memory.dram import Frames

MAX_ORDER = 10
ORDERS = range(MAX_ORDER + 1)

Range = tuple[int, int]
"""(base, size) in bytes of physical address space."""

# State byte of a frame: what starts at it. A frame inside a block, or reserved, has INSIDE.
INSIDE = 0x00
FREE = 0x40
USED = 0x80


class BadFree(SocError):
    """Memory was given back that is not allocated so: `frame` is its page frame number."""

    def __init__(self, frame: int, order: int) -> None:
        self.frame = frame
        self.order = order
        super().__init__(f"free of frame {frame:#x} with order {order}: no such block is allocated")


def aligned_blocks(first: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut frames [first, end) into the fewest buddy blocks: (frame, order), ascending."""
    while first < end:
        fits = (end - first).bit_length() - 1
        aligned = (first & -first).bit_length() - 1 if first else MAX_ORDER
        order = min(fits, aligned, MAX_ORDER)
        yield first, order
        first += 1 << order


def free_runs(bank: Range, reserved: Iterable[Range]) -> Iterator[tuple[int, int]]:
    """Frames [first, end) of whole pages of `bank` that no reserved range touches."""
    first = (bank[0] + PAGE_MASK) >> PAGE_SHIFT
    end = (bank[0] + bank[1]) >> PAGE_SHIFT
    for base, size in sorted(r for r in reserved if r[1] > 0):
        start = base >> PAGE_SHIFT
        if first < min(start, end):
            yield first, min(start, end)
        first = max(first, (base + size + PAGE_MASK) >> PAGE_SHIFT)
    if first < end:
        yield first, end


class _Zone:
    """The buddy system of one bank. Blocks do not merge across banks."""

    def __init__(self, bank: Range, reserved: Iterable[Range]) -> None:
        self.first = bank[0] >> PAGE_SHIFT
        self.count = ((bank[0] + bank[1]) >> PAGE_SHIFT) - self.first
        self.state = bytearray(self.count)
        self.bytes = np.frombuffer(self.state, dtype=np.uint8)
        self.free: list[dict[int, None]] = [{} for _ in ORDERS]
        runs = list(free_runs(bank, reserved))
        # The free lists are last in, first out: descending, so that low memory goes first.
        for first, end in reversed(runs):
            for frame, order in reversed(list(aligned_blocks(first, end))):
                self._put(frame, order)

    def holds(self, frame: int) -> bool:
        return 0 <= frame - self.first < self.count

    def take(self, order: int) -> int | None:
        """A block of `order`, split from the smallest that fits; its state is INSIDE."""
        for size in range(order, MAX_ORDER + 1):
            if self.free[size]:
                frame, _ = self.free[size].popitem()
                self.state[frame - self.first] = INSIDE
                for half in range(size - 1, order - 1, -1):
                    self._put(frame + (1 << half), half)
                return frame
        return None

    def give(self, frame: int, order: int) -> None:
        """A block becomes free and merges with its buddies."""
        while order < MAX_ORDER:
            buddy = frame ^ (1 << order)
            if not self.holds(buddy) or self.state[buddy - self.first] != FREE | order:
                break
            del self.free[order][buddy]
            self.state[buddy - self.first] = INSIDE
            frame = min(frame, buddy)
            order += 1
        self._put(frame, order)

    def mine(self, frames: Frames) -> NDArray[np.bool_]:
        """Which of `frames` lie in this bank."""
        return (frames >= self.first) & (frames < self.first + self.count)

    def give_pages(self, frames: Frames) -> None:
        """Single frames become free, as whole runs; ascending, none twice."""
        self.bytes[frames - self.first] = INSIDE
        breaks = np.flatnonzero(np.diff(frames) != 1) + 1
        for run in np.split(frames, breaks):
            if len(run):
                for frame, order in aligned_blocks(int(run[0]), int(run[-1]) + 1):
                    self.give(frame, order)

    def _put(self, frame: int, order: int) -> None:
        self.free[order][frame] = None
        self.state[frame - self.first] = FREE | order


class PageAllocator:
    """Page frames of `banks` without those that a `reserved` range touches.

    Both are lists of (base, size) in bytes. All results are page frame numbers.
    """

    def __init__(self, banks: Iterable[Range], reserved: Iterable[Range] = ()) -> None:
        held_back = list(reserved)
        self._zones = [_Zone(bank, held_back) for bank in sorted(banks)]

    def alloc(self, order: int = 0) -> int | None:
        """The first frame of 2**order contiguous frames, aligned to that; None when there is none.

        ValueError for a negative order.
        """
        if order < 0:
            raise ValueError(f"order must be 0 or more, not {order}")
        block = self._take(order)
        if block is None:
            return None
        zone, frame = block
        zone.state[frame - zone.first] = USED | order
        return frame

    def alloc_pages(self, count: int) -> Frames | None:
        """`count` frames, each to be freed on its own, in as few runs as possible; shape (count,).

        All or nothing: None when fewer are free.
        """
        if count > self.free_frames:
            return None
        parts: list[Frames] = [np.empty(0, dtype=np.int64)]
        order = MAX_ORDER
        while count > 0:
            order = min(order, count.bit_length() - 1)
            block = self._take(order)
            if block is None:
                order -= 1
                continue
            zone, frame = block
            size = 1 << order
            zone.bytes[frame - zone.first : frame - zone.first + size] = USED
            parts.append(np.arange(frame, frame + size, dtype=np.int64))
            count -= size
        return np.concatenate(parts)

    def free(self, frame: int, order: int = 0) -> None:
        """Give back what `alloc(order)` gave. BadFree if it is not allocated with that order."""
        for zone in self._zones:
            if zone.holds(frame) and zone.state[frame - zone.first] == USED | order:
                zone.state[frame - zone.first] = INSIDE
                zone.give(frame, order)
                return
        raise BadFree(frame, order)

    def free_pages(self, frames: Frames) -> None:
        """Give back single frames in any order, shape (n,).

        BadFree, before anything is freed, if one is not allocated or is named twice.
        """
        ordered = np.sort(frames)
        known = np.zeros(len(ordered), dtype=bool)
        shares = [zone.mine(ordered) for zone in self._zones]
        for zone, mine in zip(self._zones, shares, strict=True):
            known[mine] = zone.bytes[ordered[mine] - zone.first] == USED
        known[1:] &= ordered[1:] != ordered[:-1]
        if not known.all():
            raise BadFree(int(ordered[~known][0]), 0)
        for zone, mine in zip(self._zones, shares, strict=True):
            zone.give_pages(ordered[mine])

    @property
    def free_frames(self) -> int:
        return sum(blocks << order for order, blocks in enumerate(self.free_blocks()))

    def free_blocks(self) -> list[int]:
        """Free blocks per order 0..10, as a line of /proc/buddyinfo."""
        return [sum(len(zone.free[order]) for zone in self._zones) for order in ORDERS]

    def _take(self, order: int) -> tuple[_Zone, int] | None:
        for zone in self._zones:
            if (frame := zone.take(order)) is not None:
                return zone, frame
        return None
