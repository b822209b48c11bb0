"""A memory in two views: the pages that differ, their lines, and who touched them.

Source: Arm ARM (DDI 0487) B2.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PhysAddr
from soc.memory.cache.adversary import Adversary
from soc.memory.cache.incoherence import Incoherence, Kind, Party
from soc.memory.cache.lines import LINE, LINE_SHIFT, LINES, Masks, copy_lines, count, first_address
from soc.memory.cache.parties import Parties
from soc.memory.cache.place import Place
from soc.memory.dram import Bank, Dram
from soc.memory.rows import Rows
from soc.memory.span import Bytes, Frames, PageSpan

Listener = Callable[[Incoherence], None]


class TwoViews:
    """The state of every line, how lines move between the views, and the book of incidents.

    `never_cached` are (base, size) that no cacheable mapping covers. `now` gives the
    virtual time in ns. `incidents` has every broken rule, and `listeners` hear of
    each. `overtaken` is called when a device made lines stale.
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
        self._epoch = 0
        self._places: WeakKeyDictionary[PageSpan, dict[Rows | None, Place]] = WeakKeyDictionary()
        self._split = np.zeros(pages, dtype=np.bool_)
        self._dirty: Masks = np.zeros(pages, dtype=np.uint64)
        self._stale: Masks = np.zeros(pages, dtype=np.uint64)
        self._cacheable = np.ones(pages, dtype=np.bool_)
        self._cpu = Parties("cpu", pages)
        self._device = Parties("no device", pages)
        for base, size in never_cached:
            frames = np.arange(base >> PAGE_SHIFT, (base + size) >> PAGE_SHIFT, dtype=np.int64)
            self._cacheable[dram.index(frames)] = False
        self._may_be_cached = self._cacheable.copy()
        self._outsiders = np.zeros(pages, dtype=np.uint16)

    def uncache(self, frames: Frames) -> None:
        """Somebody whose accesses nobody sees maps these pages: they have one view now, the newest bytes.

        As often as this is called `recache` must be.
        """
        self._discover(frames)
        index = self.dram.index(frames)
        self._refill(frames, self._stale[index] & ~self._dirty[index])
        self._write_back(frames, self._dirty[index])
        self._outsiders[index] += 1
        self._cacheable[index] = self._split[index] = False
        self._places.clear()

    def recache(self, frames: Frames) -> None:
        """One of those who mapped these pages is gone; without any they are cached as they were before."""
        index = self.dram.index(frames)
        self._outsiders[index] -= 1
        self._cacheable[index] = self._may_be_cached[index] & (self._outsiders[index] == 0)
        self._places.clear()

    def holds(self, span: PageSpan) -> bool:
        """Whether all of `span` is DRAM."""
        return span in self._places or self.dram.holds(span)

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

    def _held(self, index: slice | Frames) -> NDArray[np.bool_]:
        """Which pages the CPU may have lines of."""
        return self._cacheable[index]

    def _discover(self, frames: Frames) -> None:
        """Bring the dirty lines of `frames` up to date; here each is marked when it is written."""

    def _live(self) -> Frames:
        """Every page that may have a line that is not clean."""
        index = np.flatnonzero(self._dirty | self._stale)
        return self.dram.frames_at(index)

    def _place(self, span: PageSpan, rows: Rows | None = None) -> Place:
        """Where `span`, or `rows` of it, lies in the books."""
        places = self._places.get(span)
        if places is None:
            places = self._places[span] = {}
        place = places.get(rows)
        if place is None:
            place = places[rows] = Place.of(self.dram, self._cacheable, span, rows)
        return place

    def _make_split(self, frames: Frames) -> Dram:
        """Give pages that can be cached a DRAM view of their own; returns the memory of all such views."""
        if self._behind is None:
            self._behind = Dram([Bank(bank.base, bank.size) for bank in self.dram.banks])
        index = self.dram.index_of_held(frames)
        fresh = self._cacheable[index] & ~self._split[index]
        if fresh.any():
            self._behind.put_pages(frames[fresh], self.dram.pages_of(frames[fresh]))
            self._split[index[fresh]] = True
        return self._behind

    def _all_behind(self, frames: Frames) -> Dram:
        """The memory of all DRAM views, in which pages that nobody caches are as they are now, too."""
        behind = self._make_split(frames)
        single = ~self._cacheable[self.dram.index_of_held(frames)]
        if single.any():
            behind.put_pages(frames[single], self.dram.pages_of(frames[single]))
        return behind

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
        self._epoch += 1
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
