"""Which pages are a buffer's, which were, and who touched them when they were nobody's.

    free    the page allocator has it, or somebody who is not watched
    owned   it belongs to a buffer of a heap
    freed   its buffer is gone and nobody has it yet, wherever it is kept: poisoned

A byte that any master moves on a freed page is a use after free; it is found when the page
gets its next owner or at an audit, by the bus ledger, and is a WARN that names both.
Source: mm/page_owner.c and mm/page_poison.c, for the idea.

Not modelled: a pattern in freed pages, accesses of instructions that a core executes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT
from soc.bus import Bus
from soc.kernel.log import KernelLog
from soc.kernel.mm.traffic_marks import Moved, TrafficMarks, Where
from soc.memory.span import Frames

FREE, OWNED, FREED = 0, 1, 2


@dataclass(eq=False)
class Owner:
    """A buffer that has pages, or had. `buffer` may be renamed; `pages` is how many know no later owner."""

    number: int
    heap: str
    buffer: str
    where: Where
    pages: int

    def __str__(self) -> str:
        return f"{self.buffer} of heap {self.heap}"


@dataclass(frozen=True)
class LateAccess:
    """`master` moved bytes on pages of `owner` after those were freed; `first` is the lowest such frame."""

    master: str
    owner: str
    read: int
    written: int
    pages: int
    first: int

    def __str__(self) -> str:
        deeds = [f"read {self.read} bytes"] if self.read else []
        deeds += [f"wrote {self.written} bytes"] if self.written else []
        pages = "a freed page" if self.pages == 1 else f"{self.pages} freed pages"
        where = f"{'at' if self.pages == 1 else 'the first at'} {self.first << PAGE_SHIFT:#x}"
        return f"{self.master} {' and '.join(deeds)} on {pages} of {self.owner}, {where}"


class PageOwners:
    """The owners of all pages of DRAM. `late` are the accesses found so far, oldest first.

    Frames that come in must be DRAM. `look_for_leftovers`: heaps look at every byte they promise to be zero.
    """

    def __init__(self, bus: Bus, log: KernelLog) -> None:
        self.look_for_leftovers = True
        self.late: list[LateAccess] = []
        self._dram = bus.dram
        self._log = log
        self._marks = TrafficMarks(bus)
        self._bytes = bytearray(bus.dram.page_count)
        self._state = np.frombuffer(self._bytes, dtype=np.uint8)
        self._last = np.zeros(bus.dram.page_count, dtype=np.int64)
        self._owners: dict[int, Owner] = {}
        self._live: dict[int, Owner] = {}
        self._count = 0

    @property
    def live(self) -> list[Owner]:
        """Owners that have their pages now, oldest first."""
        return list(self._live.values())

    def last_owner(self, frame: int) -> Owner | None:
        """Whose the page is, or was last."""
        return self._owners.get(int(self._last[self._dram.place(frame)]))

    def own(self, frames: Frames, heap: str, buffer: str) -> Owner:
        """The pages of a new buffer. A page that is still another one's is a WARN."""
        where = self._where(frames)
        states = self._state[where]
        if states.any():
            self._leave(where, states)
            if (states == OWNED).any():
                held = int(frames[int((states == OWNED).argmax())])
                self._log.warn(
                    f"{heap}: {buffer} was given frame {held:#x}, which belongs to {self.last_owner(held)}"
                )
        self._count += 1
        owner = self._owners[self._count] = Owner(self._count, heap, buffer, where, len(frames))
        self._forget(self._last[where])
        self._live[self._count] = owner
        self._state[where] = OWNED
        self._last[where] = self._count
        return owner

    def release(self, owner: Owner) -> None:
        """The buffer is gone, cleared if it is to be: from now on nobody may touch its pages."""
        del self._live[owner.number]
        self._state[owner.where] = FREED
        self._marks.set(owner.where)

    def taken(self, first: int, count: int) -> None:
        """Somebody got these frames from the page allocator."""
        start = self._dram.place(first)
        if self._bytes.find(FREED, start, start + count) >= 0:
            where = slice(start, start + count)
            states = self._state[where]
            self._leave(where, states)
            states[states == FREED] = FREE

    def audit(self) -> list[LateAccess]:
        """Look at every freed page; what is found now, which is reported once."""
        where = np.flatnonzero(self._state == FREED)
        found = list(self._find(where, self._marks.moved(where)))
        self._report(found)
        self._marks.set(where)
        return found

    def _leave(self, where: Where, states: NDArray[np.uint8]) -> None:
        """Freed ones of these pages get an owner: look what happened to them until now."""
        freed = states == FREED
        if not freed.all():
            where = self._index(where)[freed]
        self._report(list(self._find(where, self._marks.moved(where))))

    def _find(self, where: Where, moved: list[Moved]) -> Iterator[LateAccess]:
        index, owners = self._index(where), self._last[where]
        for deed in moved:
            touched = (deed.read > 0) | (deed.written > 0)
            for number in np.unique(owners[touched]).tolist():
                mine = touched & (owners == number)
                yield LateAccess(
                    deed.master,
                    str(self._owners[number]),
                    int(deed.read[mine].sum()),
                    int(deed.written[mine].sum()),
                    int(mine.sum()),
                    int(self._dram.frames_at(index[mine]).min()),
                )

    def _report(self, found: list[LateAccess]) -> None:
        self.late += found
        for access in found:
            self._log.warn(f"use after free: {access}")

    def _forget(self, numbers: Frames) -> None:
        """Pages have a new last owner; one that is no page's any more is of no interest."""
        first = int(numbers[0])
        counts = {first: len(numbers)}
        if (numbers != first).any():
            counts = dict(
                zip(*(part.tolist() for part in np.unique(numbers, return_counts=True)), strict=True)
            )
        for number, count in counts.items():
            if number:
                self._owners[number].pages -= count
                if not self._owners[number].pages:
                    del self._owners[number]

    @staticmethod
    def _index(where: Where) -> Frames:
        return np.arange(where.start, where.stop, dtype=np.int64) if isinstance(where, slice) else where

    def _where(self, frames: Frames) -> Where:
        """Where the pages stand in the books: a slice, which is quicker, if they lie in a row."""
        index = self._dram.index_of_held(frames)
        first, last = int(index[0]), int(index[-1])
        if last - first == len(index) - 1 and bool((index[1:] - index[:-1] == 1).all()):
            return slice(first, last + 1)
        return index
