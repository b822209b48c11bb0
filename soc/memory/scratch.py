"""Memory for gathered pages that is used again once nobody looks at it any more.

Fresh memory from the host is cleared page by page, which costs as much as the
copy it is for.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_BUFFERS = 4


@dataclass(eq=False)
class _Buffer:
    """`memory` of whole pages, and the array of them that was handed out last."""

    memory: NDArray[np.uint8]
    lent: weakref.ref[NDArray[np.void]] | None = None

    @property
    def free(self) -> bool:
        """Whether neither that array nor a view of it exists any more."""
        return self.lent is None or self.lent() is None


class Scratch:
    """Arrays of elements of `page`; each is the caller's alone for as long as it keeps it or a view of it."""

    def __init__(self, page: np.dtype[np.void]) -> None:
        self._page = page
        self._buffers: list[_Buffer] = []

    def take(self, pages: int) -> NDArray[np.void]:
        """An array of `pages` elements of no particular content, shape (pages,)."""
        free = [buffer for buffer in self._buffers if buffer.free]
        fitting = [buffer for buffer in free if buffer.memory.size >= pages * self._page.itemsize]
        if fitting:
            return self._lend(min(fitting, key=lambda buffer: buffer.memory.size), pages)
        if free:
            self._buffers.remove(free[0])
        made = _Buffer(np.empty(pages * self._page.itemsize, dtype=np.uint8))
        if len(self._buffers) < MOST_BUFFERS:
            self._buffers.append(made)
        return self._lend(made, pages)

    def _lend(self, buffer: _Buffer, pages: int) -> NDArray[np.void]:
        """The array's base is a memoryview, so its own views refer to it and it lives as long as they do."""
        array: NDArray[np.void] = np.frombuffer(buffer.memory.data, dtype=self._page, count=pages)
        buffer.lent = weakref.ref(array)
        return array
