"""Marks in the bus ledger: what every master had moved on a page at one moment, and what it moved since.

Nothing is done when bytes move: the books are read when a page is marked and
when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soc.bus import Bus, Master
from soc.memory.span import Frames

Where = slice | Frames
"""Pages in an array of one element per page of all banks."""

Counters = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Moved:
    """Bytes that `master` read and wrote on each page since it was marked."""

    master: str
    read: Counters
    written: Counters


class TrafficMarks:
    """A mark per page and master; a master that never moved a byte costs nothing."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._marks: dict[str, tuple[Counters, Counters]] = {}

    def set(self, where: Where) -> None:
        """Mark these pages: only what moves from now on counts."""
        for master, marked_reads, marked_writes in self._active():
            reads, writes = master.traffic.books()
            marked_reads[where] = reads[where]
            marked_writes[where] = writes[where]

    def moved(self, where: Where) -> list[Moved]:
        """Who moved something on these pages since they were marked."""
        found = []
        for master, marked_reads, marked_writes in self._active():
            pairs = zip(master.traffic.books(), (marked_reads, marked_writes), strict=True)
            parts = [(now[where], marked[where]) for now, marked in pairs]
            # As bytes, because that is the quickest comparison of two short arrays.
            if any(now.tobytes() != marked.tobytes() for now, marked in parts):
                read, written = (now - marked for now, marked in parts)
                found.append(Moved(master.name, read, written))
        return found

    def _active(self) -> Iterator[tuple[Master, Counters, Counters]]:
        """The masters with traffic and their marks; before their first byte those were zero."""
        for master in self._bus.masters.values():
            if not master.traffic.idle:
                if master.name not in self._marks:
                    pages = self._bus.dram.page_count
                    self._marks[master.name] = np.zeros(pages, np.uint64), np.zeros(pages, np.uint64)
                yield master, *self._marks[master.name]
