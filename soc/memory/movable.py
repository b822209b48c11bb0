"""Movable pages: allocations whose pages the kernel may put elsewhere.

Somebody owns each allocation by its handle; when pages move, the handle gets
new frames and the owner is told. A pinned page stays where it is, and stays
allocated until the last pin is gone, even if its owner frees it before.
Source: mm/migrate.c, mm/gup.c, Documentation/core-api/pin_user_pages.rst.

Not modelled: large folios, page cache, swap, pages that nobody maps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from soc.errors import SocError
from soc.memory.frame_table import MOVABLE, FrameTable
from soc.memory.span import Frames

Moved = Callable[[Frames, Frames], None]
"""Told the old and the new frames of pages that moved, once their bytes are there."""


class BadPin(SocError):
    """A page cannot be pinned or unpinned: `frame` is not movable memory, or has no pin."""

    def __init__(self, frame: int, problem: str) -> None:
        self.frame = frame
        super().__init__(f"frame {frame:#x} {problem}")


class MovablePages:
    """`frames`, shape (n,), of `owner`: replaced by a new array when pages move."""

    def __init__(self, number: int, frames: Frames, owner: str, moved: Moved | None) -> None:
        self.number = number
        self.frames = _frozen(frames)
        self.owner = owner
        self.moved = moved

    def __repr__(self) -> str:
        return f"<{len(self.frames)} movable pages of {self.owner}>"


class MovableMap:
    """Which allocation has a movable page (the reverse map), and who pinned it.

    `release` gives frames, sorted, back to the page allocator.
    """

    def __init__(self, table: FrameTable, release: Callable[[Frames], None]) -> None:
        self._table = table
        self._release = release
        self._handles: dict[int, MovablePages] = {}
        self._last = 0

    def add(self, frames: Frames, owner: str, moved: Moved | None) -> MovablePages:
        """An allocation of `frames`, whose state is MOVABLE."""
        self._last += 1
        handle = self._handles[self._last] = MovablePages(self._last, frames, owner, moved)
        self._own(frames, np.full(len(frames), self._last), np.arange(len(frames)))
        return handle

    def free(self, handle: MovablePages) -> None:
        """Give the pages back; pinned ones when their last pin goes. ValueError if that was done before."""
        if self._handles.pop(handle.number, None) is None:
            raise ValueError(f"{handle} were freed before")
        index = self._table.index(handle.frames)
        self._table.owner[index] = 0
        self._release(np.sort(handle.frames[self._table.pins[index] == 0]))

    # --- pins ------------------------------------------------------------------

    def pin(self, frames: Frames) -> None:
        """One more pin on each of `frames`. BadPin, before anything is done, if one is not movable memory."""
        good = self._table.are(frames, MOVABLE)
        if not good.all():
            raise BadPin(int(frames[~good][0]), "cannot be pinned: it is not movable memory")
        np.add.at(self._table.pins, self._table.index(frames), 1)

    def unpin(self, frames: Frames) -> None:
        """One pin less on each of `frames`. BadPin, before anything is done, if one has too few."""
        wanted, times = np.unique(frames, return_counts=True)
        good = self._table.are(wanted, MOVABLE)
        good[good] = self._table.pins[self._table.index(wanted[good])] >= times[good]
        if not good.all():
            raise BadPin(int(wanted[~good][0]), "cannot be unpinned: it has no such pin")
        index = self._table.index(wanted)
        self._table.pins[index] -= times.astype(np.uint32)
        self._release(wanted[(self._table.pins[index] == 0) & (self._table.owner[index] == 0)])

    def pins(self, frames: Frames) -> Frames:
        """Pins on each of `frames`, all known."""
        pins: Frames = self._table.pins[self._table.index(frames)].astype(np.int64)
        return pins

    def owner(self, frame: int) -> str:
        """Who has a movable page, for people."""
        number = int(self._table.owner[self._table.index(np.array([frame]))[0]])
        return self._handles[number].owner if number in self._handles else "nobody, freed while pinned"

    # --- moving ----------------------------------------------------------------

    def within(self, frames: Frames) -> Frames:
        """The movable ones of `frames`, all known."""
        mine: Frames = frames[self._table.state[self._table.index(frames)] == MOVABLE]
        return mine

    def move(self, old: Frames, new: Frames) -> None:
        """Owners of `old`, none pinned, have `new` from now on; `old` are freed.

        The bytes must be in `new` already.
        """
        index = self._table.index(old)
        owners: Frames = self._table.owner[index].astype(np.int64)
        slots: Frames = self._table.slot[index].astype(np.int64)
        self._own(new, owners, slots)
        for number in np.unique(owners).tolist():
            handle, mine = self._handles[number], owners == number
            frames = handle.frames.copy()
            frames[slots[mine]] = new[mine]
            handle.frames = _frozen(frames)
            if handle.moved:
                handle.moved(old[mine], new[mine])
        self._release(np.sort(old))

    def _own(self, frames: Frames, owners: Frames, slots: Frames) -> None:
        index = self._table.index(frames)
        self._table.owner[index] = owners
        self._table.slot[index] = slots


def _frozen(frames: Frames) -> Frames:
    frames = frames.view()
    frames.flags.writeable = False
    return frames
