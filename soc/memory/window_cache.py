"""Which lists of pages have a window: those that are moved again and again, whoever names them.

A translation that was forgotten and made again gives another span of the same
pages, so windows are found by the pages themselves.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import xxhash

from soc.memory.span import Bytes, Frames, PageSpan

USES_BEFORE_WINDOW = 3
"""A list of pages gets a window when it is moved for the third time."""

MOST_LISTS = 512
IDLE = 256
"""Look-ups after which a window that nobody asked for may go to make room."""


@dataclass(eq=False)
class _Pages:
    """One list of pages. `refused` when the host would not make a window of it."""

    frames: Frames
    uses: int = 0
    last: int = 0
    window: Bytes | None = None
    refused: bool = False


class WindowCache:
    """Windows by page list. `open_window` makes one of page frames, or gives None for lack of room."""

    def __init__(self, open_window: Callable[[Frames], Bytes | None]) -> None:
        self._open_window = open_window
        self._lists: OrderedDict[int, _Pages] = OrderedDict()
        self._of_span: WeakKeyDictionary[PageSpan, _Pages] = WeakKeyDictionary()
        self._now = 0

    def find(self, span: PageSpan) -> Bytes | None:
        """The whole pages of `span` side by side; None while they have no window."""
        pages = self._of_span.get(span)
        if pages is None:
            pages = self._of_span[span] = self._list(span.frames)
        self._now += 1
        pages.last = self._now
        if pages.window is None and not pages.refused:
            pages.uses += 1
            if pages.uses >= USES_BEFORE_WINDOW:
                self._open(pages)
        return pages.window

    def has(self, span: PageSpan) -> bool:
        """Whether `span` has a window already, which means that all of it is DRAM."""
        pages = self._of_span.get(span)
        return pages is not None and pages.window is not None

    def forget(self, first: int, end: int) -> None:
        """Other memory stands behind frames [first, end) from now on: windows on them are of no use."""
        for pages in {*self._lists.values(), *self._of_span.values()}:
            if ((pages.frames >= first) & (pages.frames < end)).any():
                pages.window, pages.uses, pages.refused = None, 0, False

    def _list(self, frames: Frames) -> _Pages:
        key = xxhash.xxh3_64_intdigest(np.ascontiguousarray(frames).data)
        known = self._lists.get(key)
        if known is not None and np.array_equal(known.frames, frames):
            self._lists.move_to_end(key)
            return known
        made = self._lists[key] = _Pages(frames.copy())
        if len(self._lists) > MOST_LISTS:
            self._lists.popitem(last=False)
        return made

    def _open(self, pages: _Pages) -> None:
        pages.window = self._open_window(pages.frames)
        if pages.window is None and self._drop_idle():
            pages.window = self._open_window(pages.frames)
        pages.refused = pages.window is None

    def _drop_idle(self) -> bool:
        """Give up windows that were not asked for lately. Whether there were any."""
        idle = [pages for pages in self._lists.values() if pages.window is not None]
        idle = [pages for pages in idle if self._now - pages.last > IDLE]
        for pages in idle:
            pages.window, pages.uses = None, 0
        return bool(idle)
