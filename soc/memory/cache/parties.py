"""Who on one side of the cache touched each page last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soc.memory.cache.incoherence import Party
from soc.memory.span import Frames

Where = slice | Frames

MOST_PENDING = 512


class Parties:
    """Who touched each page last on one side. `nobody` is the answer before anyone did.

    Notes are kept by the very object that names the pages, which repeats for spans
    that are moved again and again, and spread over the pages when somebody asks.
    """

    def __init__(self, nobody: str, pages: int) -> None:
        self._names = [nobody]
        self._numbers: dict[str, int] = {}
        self._who = np.zeros(pages, dtype=np.int32)
        self._when = np.zeros(pages, dtype=np.int64)
        self._pending: dict[int, tuple[Where, str, int]] = {}

    def note(self, where: Where, name: str, now: int) -> None:
        """`name` touched these pages at `now` ns."""
        self._pending.pop(id(where), None)
        self._pending[id(where)] = (where, name, now)
        if len(self._pending) > MOST_PENDING:
            self._spread()

    def known(self, index: Where) -> NDArray[np.bool_]:
        """Which pages somebody touched."""
        self._spread()
        known: NDArray[np.bool_] = self._who[index] != 0
        return known

    def last(self, page: int) -> Party:
        self._spread()
        who = int(self._who[page])
        return Party(self._names[who], int(self._when[page]) if who else None)

    def _spread(self) -> None:
        """Write the notes down, oldest first; each holds its `where`, so that no id names two."""
        for where, name, now in self._pending.values():
            if name not in self._numbers:
                self._numbers[name] = len(self._names)
                self._names.append(name)
            self._who[where] = self._numbers[name]
            self._when[where] = now
        self._pending.clear()
