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

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PhysAddr
from soc.memory.cache.adversary import Adversary
from soc.memory.cache.incoherence import Incoherence, Kind, Party
from soc.memory.cache.lines import (
    LINE,
    LINE_SHIFT,
    LINES,
    Masks,
    copy_lines,
    count,
    first_address,
    partly_touched,
    touched,
)
from soc.memory.cache.parties import Parties
from soc.memory.dram import Bank, Dram
from soc.memory.rows import Rows
from soc.memory.span import Bytes, Frames, PageSpan

Listener = Callable[[Incoherence], None]


class CpuCache:
    """The cache of one machine. `never_cached` are (base, size) that no cacheable mapping covers.

    Maintenance outside `dram` is a KeyError. `now` gives the virtual time in ns.
    `incidents` has every broken rule, and `listeners` hear of each. `overtaken` is
    called when a device made lines stale.
    """

    def __init__(
        self,
        dram: Dram,
        now: Callable[[], int],
        adversary: Adversary | None = None,
        never_cached: Iterable[tuple[int, int]] = (),
    ) -> None:
        self.dram = dram
        self.adversary = adversary or Adversary()
        self.incidents: list[Incoherence] = []
        self.listeners: list[Listener] = []
        self.overtaken: Callable[[], None] = lambda: None
        self._now = now
        self._behind: Dram | None = None
        pages = dram.page_count
        self._split = np.zeros(pages, dtype=np.bool_)
        self._dirty: Masks = np.zeros(pages, dtype=np.uint64)
        self._stale: Masks = np.zeros(pages, dtype=np.uint64)
        self._cacheable = np.ones(pages, dtype=np.bool_)
        self._cpu = Parties("cpu", pages)
        self._device = Parties("no device", pages)
        for base, size in never_cached:
            frames = np.arange(base >> PAGE_SHIFT, (base + size) >> PAGE_SHIFT, dtype=np.int64)
            self._cacheable[dram.index(frames)] = False

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
        self._cpu.note(index, who, self._now())
        clobbered = self._stale[index] & lines
        if clobbered.any():
            self._report(Kind.LOST_DEVICE_WRITE, span.frames, clobbered)
            self._write_back(span.frames, clobbered)

    # --- devices that do not see the cache, and uncached mappings ----------

    def device_read(self, span: PageSpan, name: str, rows: Rows | None = None) -> Bytes:
        """What DRAM has of `span`. Dirty lines that should have been cleaned are an incident."""
        index = self.dram.index_of_held(span.frames)
        if self._behind is None or not self._split[index].any():
            return self.dram.read(span, rows)
        self._discover(span.frames)
        dirty = self._dirty[index] & touched(span, rows)
        if dirty.any():
            kept = self.adversary.picks(dirty)
            self._write_back(span.frames, dirty & ~kept)
            self._report(Kind.STALE_DEVICE_READ, span.frames, kept, device=Party(name, self._now()))
        return self._make_split(span.frames).read(span, rows)

    def device_write(self, span: PageSpan, data: Bytes, name: str, rows: Rows | None = None) -> None:
        """Write DRAM. The CPU goes on seeing the lines it holds, and dirty ones are evicted over the data."""
        index = self.dram.index_of_held(span.frames)
        cacheable = self._held(index)
        if not (cacheable.any() or self._split[index].any()):
            self.dram.write(span, data, rows)
            return
        self._discover(span.frames)
        lines = touched(span, rows)
        held = self.adversary.picks(np.where(cacheable, lines, np.uint64(0)))
        dirty = self._dirty[index] & lines
        self._write_back(span.frames, dirty & ~held)
        self._make_split(span.frames).write(span, data, rows)
        self._device.note(index, name, self._now())
        lost = dirty & held
        self._stale[index] |= held & ~lost
        self.overtaken()
        self._refill(span.frames, lines & ~held)
        if lost.any():
            self._report(Kind.LOST_DEVICE_WRITE, span.frames, lost)
            self._write_back(span.frames, lost)

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
        index = self.dram.index(span.frames)
        if self._behind is None or not self._split[index].any():
            return
        self._discover(span.frames)
        dirty = self._dirty[index] & touched(span)
        over = dirty & self._stale[index]
        if over.any():
            self._report(Kind.LOST_DEVICE_WRITE, span.frames, over)
        self._write_back(span.frames, dirty)

    def invalidate(self, span: PageSpan) -> None:
        """DC IVAC over `span`; lines it covers in part are cleaned first (arm64's dcache_inval_poc)."""
        index = self.dram.index(span.frames)
        if self._behind is None or not self._split[index].any():
            return
        self._discover(span.frames)
        edges = partly_touched(span) & self._dirty[index]
        self._write_back(span.frames, edges)
        dropped = self._dirty[index] & touched(span)
        if (lost := np.where(self._device.known(index), dropped, np.uint64(0))).any():
            self._report(Kind.LOST_CPU_WRITE, span.frames, lost)
        self._refill(span.frames, dropped | (self._stale[index] & touched(span)))

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

    def peek_behind(self, span: PageSpan) -> Bytes:
        """What DRAM has, for a debugger: reports nothing, changes nothing."""
        split = self._split[self.dram.index(span.frames)]
        if self._behind is None or not split.any():
            return self.dram.read(span)
        pages = self.dram.pages_of(span.frames)
        pages[split] = self._behind.pages_of(span.frames[split])
        return pages.reshape(-1)[span.offset : span.offset + span.size]

    def stale_frames(self) -> Frames:
        """Every page with a line that a device has overtaken, ascending."""
        return self.dram.frames_at(np.flatnonzero(self._stale))

    def any_stale(self, base: PhysAddr, size: int) -> bool:
        """Whether one of these whole pages of one bank has such a line."""
        first = self.dram.place(base >> PAGE_SHIFT)
        return bool(self._stale[first : first + (size >> PAGE_SHIFT)].any())

    def stale_at(self, address: PhysAddr, size: int) -> bool:
        """Whether an access of at most a line, inside one page, meets such a line. Cheap."""
        mask = int(self._stale[self.dram.place(address >> PAGE_SHIFT)])
        first, last = (at >> LINE_SHIFT & LINES - 1 for at in (address, address + size - 1))
        return bool(mask and (mask >> first | mask >> last) & 1)

    def state(self, frames: Frames) -> tuple[Masks, Masks]:
        """(dirty, stale) lines of pages, for tests and debuggers."""
        self._discover(frames)
        index = self.dram.index(frames)
        return self._dirty[index], self._stale[index]

    # --- moving lines ------------------------------------------------------

    def _held(self, index: Frames) -> NDArray[np.bool_]:
        """Which pages the CPU may have lines of."""
        return self._cacheable[index]

    def _discover(self, frames: Frames) -> None:
        """Bring the dirty lines of `frames` up to date; here each is marked when it is written."""

    def _live(self) -> Frames:
        """Every page that may have a line that is not clean."""
        index = np.flatnonzero(self._dirty | self._stale)
        return self.dram.frames_at(index)

    def _make_split(self, frames: Frames) -> Dram:
        """Give pages a DRAM view of their own; returns the memory of all such views."""
        if self._behind is None:
            self._behind = Dram([Bank(bank.base, bank.size) for bank in self.dram.banks])
        index = self.dram.index_of_held(frames)
        fresh = ~self._split[index]
        if fresh.any():
            self._behind.put_pages(frames[fresh], self.dram.pages_of(frames[fresh]))
            self._split[index[fresh]] = True
        return self._behind

    def _write_back(self, frames: Frames, lines: Masks) -> None:
        """The CPU's view of `lines` becomes DRAM's."""
        if lines.any():
            copy_lines(self.dram, self._make_split(frames), frames, lines)
            self._settled(frames, lines)

    def _refill(self, frames: Frames, lines: Masks) -> None:
        """DRAM's view of `lines` becomes the CPU's."""
        if lines.any():
            copy_lines(self._make_split(frames), self.dram, frames, lines)
            self._settled(frames, lines)

    def _settled(self, frames: Frames, lines: Masks) -> None:
        """Both views of `lines` are equal now."""
        index = self.dram.index_of_held(frames)
        self._dirty[index] &= ~lines
        self._stale[index] &= ~lines

    # --- reports -----------------------------------------------------------

    def _report(
        self, kind: Kind, frames: Frames, lines: Masks, cpu: Party | None = None, device: Party | None = None
    ) -> None:
        """Book an incident; a party that is not given is who touched the first line last."""
        line = first_address(frames, lines)
        span = PageSpan.linear(line, LINE)
        page = int(self.dram.index_of_held(span.frames)[0])
        incident = Incoherence(
            kind,
            self._now(),
            line,
            count(lines),
            cpu or self._cpu.last(page),
            device or self._device.last(page),
            self.dram.read(span).tobytes(),
            self.peek_behind(span).tobytes(),
        )
        self.incidents.append(incident)
        for listener in self.listeners:
            listener(incident)

    def close(self) -> None:
        """Give the host the DRAM views back."""
        for bank in self._behind.banks if self._behind else ():
            bank.close()
