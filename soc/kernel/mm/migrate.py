"""Emptying a range of page frames: movable pages in it are put elsewhere.

The bytes are copied by the CPU, through its bus master, so that its books show
every one of them. The owner of a page is told after the copy.
Source: mm/page_alloc.c (alloc_contig_range), mm/migrate.c, mm/gup.c
(check_and_migrate_movable_pages).

Not modelled: the time a migration takes (kernel code takes none), batches of 32
pages (when there is no room for all of them, none moves), repeated attempts at
a pinned page (nothing else runs that could unpin it).
"""

from __future__ import annotations

from errno import EBUSY, ENOMEM

import numpy as np

from soc.address import PAGE_SHIFT
from soc.bus import Master
from soc.kernel.errors import KernelError
from soc.memory.migratetype import MigrateType
from soc.memory.movable import MovablePages
from soc.memory.pages import PageAllocator
from soc.memory.span import Frames, PageSpan

GUP_PIN_COUNTING_BIAS = 1024
"""What one pin adds to the reference count of a page."""


class RangeBusy(KernelError):
    """-EBUSY: page `frame` is in the way, the last such page of the range.

    `pins` is how often it is pinned, 0 for one that never moves; `owner` who has it.
    """

    def __init__(self, frame: int, pins: int, owner: str) -> None:
        self.frame = frame
        self.pins = pins
        self.owner = owner
        super().__init__(EBUSY, f"migration failure at frame {frame:#x} of {owner}")

    def dump(self) -> list[str]:
        """The page as dump_page shows it, and why it is shown."""
        count = 1 + GUP_PIN_COUNTING_BIAS * self.pins
        return [
            f"page: refcount:{count} mapcount:1 pfn:{self.frame:#x} owner:{self.owner}",
            "page dumped because: migration failure",
        ]


class Migration:
    """Moves the movable pages of `pages` with accesses of `cpu`.

    `migrated` counts the pages that moved, `failed` those that were in the way (pgmigrate_*).
    """

    def __init__(self, pages: PageAllocator, cpu: Master) -> None:
        self._pages = pages
        self._cpu = cpu
        self.migrated = 0
        self.failed = 0

    def alloc_contig_range(self, first: int, count: int) -> None:
        """Allocate exactly frames [first, first + count), a part of one CMA region, movable pages moved out.

        RangeBusy for a page that cannot move; the others have moved then. -ENOMEM without room for them.
        """
        if self._pages.take_range(first, count):
            return
        frames = np.arange(first, first + count, dtype=np.int64)
        with self._pages.isolated(first, count):
            self._empty(self._pages.movable.within(frames))
            if not self._pages.take_range(first, count):
                raise RangeBusy(first, 0, "the kernel")

    def pin_long_term(self, handle: MovablePages) -> Frames:
        """Pin all pages of `handle` for good, as FOLL_LONGTERM: they leave CMA regions first.

        -ENOMEM when they cannot, for lack of room or because one is pinned already.
        """
        inside = self._pages.of_type(handle.frames, MigrateType.CMA)
        if self._pages.movable.pins(inside).any():
            raise KernelError(ENOMEM, f"a page of {handle.owner} is pinned in a CMA region")
        self._move(inside, cma=False)
        self._pages.movable.pin(handle.frames)
        return handle.frames

    def _empty(self, frames: Frames) -> None:
        """Move `frames` out. RangeBusy for a pinned one, after the others have moved."""
        pins = self._pages.movable.pins(frames)
        self._move(frames[pins == 0], cma=True)
        if pins.any():
            self.failed += int((pins > 0).sum())
            last = int(np.flatnonzero(pins)[-1])
            frame = int(frames[last])
            raise RangeBusy(frame, int(pins[last]), self._pages.movable.owner(frame))

    def _move(self, old: Frames, cma: bool) -> None:
        if not len(old):
            return
        new = self._pages.movable_frames(len(old), cma)
        if new is None:
            raise KernelError(ENOMEM, f"no room to move {len(old)} pages to")
        size = len(old) << PAGE_SHIFT
        self._cpu.write_span(PageSpan.of(new, 0, size), self._cpu.read_span(PageSpan.of(old, 0, size)))
        self._pages.movable.move(old, new)
        self.migrated += len(old)
