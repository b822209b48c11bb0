"""The data cache of the CPU, seen from memory: what the CPU sees, and what DRAM has behind it.

The bytes of `dram` are the CPU's view: software executes on them. Where a
device that is not coherent is involved, a second memory holds what DRAM has.
Pages are split into the two views when they first differ, so a machine without
such sharing pays for no second copy. Each line of a split page is

    clean   both views are equal
    dirty   the CPU wrote it and it has not been written back: DRAM is older
    stale   a device wrote DRAM since the CPU filled the line: the CPU's view is older

A line that software leaves dirty or stale when it may not meets the adversary.
Source: Arm ARM (DDI 0487) B2.4 and D7.5.

Not modelled: capacity, levels and inclusion (a cache that is large enough to
hold every line is the worst case), timing, several cores' caches, instruction
caches, exclusive monitors, write streaming.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from soc.memory.cache.incoherence import Kind, Party
from soc.memory.cache.lines import partly_touched, touched
from soc.memory.cache.place import Place
from soc.memory.cache.two_views import TwoViews
from soc.memory.rows import Rows
from soc.memory.span import Bytes, Frames, PageSpan


class CpuCache(TwoViews):
    """The cache of one machine: accesses to it and its maintenance, which outside DRAM is a KeyError."""

    marks: ClassVar[bool] = True
    """Whether every write of the CPU is marked when it is made, so that a stale line is never dirty."""

    # --- the CPU, through a cacheable mapping ------------------------------

    def cpu_read(self, span: PageSpan, who: str = "cpu", rows: Rows | None = None) -> Bytes:
        """What the CPU sees of `span`; a view where it lies in one piece. Stale lines are an incident."""
        index = self.dram.index_of_held(span.frames)
        old = self._stale[index]
        if old.any() and (late := old & touched(span, rows)).any():
            self._report(Kind.STALE_CPU_READ, span.frames, late, cpu=Party(who, self._now()))
        return self.dram.read(span, rows)

    def cpu_write(self, span: PageSpan, data: Bytes, who: str = "cpu", rows: Rows | None = None) -> None:
        """The CPU writes: the lines are dirty until they are cleaned.

        One that was stale is evicted at once: the write merged with old data goes over the device's.
        """
        index = self.dram.index_of_held(span.frames)
        cacheable = self._held(index)
        if cacheable.any():
            self._make_split(span.frames[cacheable])
        self.dram.write(span, data, rows)
        lines = np.where(cacheable, touched(span, rows), np.uint64(0))
        self._dirty[index] |= lines
        self._epoch += 1
        self._cpu.note(index, who, self._now())
        clobbered = self._stale[index] & lines
        if clobbered.any():
            self._report(Kind.LOST_DEVICE_WRITE, span.frames, clobbered)
            self._write_back(span.frames, clobbered)

    def cpu_write_and_clean(self, span: PageSpan, data: Bytes, who: str = "cpu") -> None:
        """`cpu_write` of whole pages, and `clean` before anybody else looks: both views have the data."""
        index = self.dram.index_of_held(span.frames)
        split = self._split[index]
        if self._stale[index].any():
            self.cpu_write(span, data, who)
            self.clean(span)
            return
        self.dram.write(span, data)
        self._cpu.note(index, who, self._now())
        if split.any():
            self._make_split(span.frames[split]).put_pages(
                span.frames[split], self.dram.pages_of(span.frames[split])
            )
            self._settled(span.frames, touched(span))

    # --- devices that do not see the cache, and uncached mappings ----------

    def device_read(self, span: PageSpan, name: str, rows: Rows | None = None) -> Bytes:
        """What DRAM has of `span`. Dirty lines that should have been cleaned are an incident."""
        place = self._place(span, rows)
        split = self._split[place.where]
        if self._behind is None or not split.any():
            return self.dram.read(span, rows)
        self._discover(span.frames)
        dirty = self._dirty[place.where] & place.lines
        if dirty.any():
            kept = self.adversary.picks(dirty)
            self._write_back(span.frames, dirty & ~kept)
            self._report(Kind.STALE_DEVICE_READ, span.frames, kept, device=Party(name, self._now()))
        behind = self._behind if split.all() else self._all_behind(span.frames)
        return behind.read(span, rows)

    def device_write(self, span: PageSpan, data: Bytes, name: str, rows: Rows | None = None) -> None:
        """Write DRAM. The CPU goes on seeing the lines it holds, and dirty ones are evicted over the data."""
        place = self._place(span, rows)
        where, lines = place.where, place.lines
        if not place.cacheable and not self._split[where].any():
            self.dram.write(span, data, rows)
            return
        if place.overtaken == self._epoch and self._behind is not None:
            self._behind.write(span, data, rows)
            self._device.note(where, name, self._now())
            return
        cacheable = self._held(where)
        if not (cacheable.any() or self._split[where].any()):
            self.dram.write(span, data, rows)
            return
        self._discover(span.frames)
        held = self.adversary.picks(np.where(cacheable, lines, np.uint64(0)))
        dirty = self._dirty[where] & lines
        self._write_back(span.frames, dirty & ~held)
        self._all_behind(span.frames).write(span, data, rows)
        self._device.note(where, name, self._now())
        lost = dirty & held
        self._stale[where] |= held & ~lost
        self.overtaken()
        self._refill(span.frames, lines & ~held)
        if lost.any():
            self._report(Kind.LOST_DEVICE_WRITE, span.frames, lost)
            self._write_back(span.frames, lost)
        if self._overtaken(place):
            place.overtaken = self._epoch

    def _overtaken(self, place: Place) -> bool:
        """Whether all lines there are stale, so that another write of a device has nothing to decide."""
        if self.adversary.rate < 1 or not self.marks:
            return False
        return bool(((self._stale[place.where] & place.lines) == place.lines).all())

    # --- devices that see the cache ----------------------------------------

    def coherent_read(self, span: PageSpan, name: str, rows: Rows | None = None) -> Bytes:
        """A snoop finds what the CPU holds, stale lines too: then it is an incident like the CPU's own."""
        return self.cpu_read(span, name, rows)

    def coherent_write(self, span: PageSpan, data: Bytes, name: str, rows: Rows | None = None) -> None:
        """Write memory for everybody: lines the CPU holds are written back or dropped first."""
        index = self.dram.index_of_held(span.frames)
        if self._behind is None or not self._split[index].any():
            self.dram.write(span, data, rows)
            return
        self._discover(span.frames)
        lines = touched(span, rows)
        self._write_back(span.frames, self._dirty[index] & lines)
        self._refill(span.frames, self._stale[index] & lines)
        self.dram.write(span, data, rows)
        self._make_split(span.frames).write(span, data, rows)
        self._device.note(index, name, self._now())
        self._settled(span.frames, lines)

    # --- maintenance -------------------------------------------------------

    def clean(self, span: PageSpan) -> None:
        """DC CVAC over `span`: dirty lines are written back."""
        place = self._place(span)
        if self._behind is None or not self._split[place.where].any():
            return
        self._discover(span.frames)
        dirty = self._dirty[place.where] & place.lines
        over = dirty & self._stale[place.where]
        if over.any():
            self._report(Kind.LOST_DEVICE_WRITE, span.frames, over)
        self._write_back(span.frames, dirty)

    def invalidate(self, span: PageSpan) -> None:
        """DC IVAC over `span`; lines it covers in part are cleaned first (arm64's dcache_inval_poc)."""
        place = self._place(span)
        where = place.where
        if self._behind is None or not self._split[where].any():
            return
        self._discover(span.frames)
        edges = partly_touched(span) & self._dirty[where]
        self._write_back(span.frames, edges)
        dropped = self._dirty[where] & place.lines
        if dropped.any() and (lost := np.where(self._device.known(where), dropped, np.uint64(0))).any():
            self._report(Kind.LOST_CPU_WRITE, span.frames, lost)
        self._refill(span.frames, dropped | (self._stale[where] & place.lines))

    def clean_all(self) -> None:
        """A complete loop of DC CSW: every dirty line is written back."""
        frames = self._live()
        self._discover(frames)
        self._write_back(frames, self._dirty[self.dram.index(frames)])

    def invalidate_all(self) -> None:
        """A complete loop of DC ISW: every line is dropped, what was dirty is lost."""
        frames = self._live()
        self._discover(frames)
        index = self.dram.index(frames)
        self._refill(frames, self._dirty[index] | self._stale[index])

    def forget(self, frames: Frames) -> None:
        """The pages have a new owner: what a device left in them is nobody's data any more."""
        self._refill(frames, self._stale[self.dram.index(frames)])
