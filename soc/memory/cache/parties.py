"""Who on one side of the cache touched each page last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soc.memory.cache.incoherence import Party
from soc.memory.span import Frames


class Parties:
    """Who touched each page last on one side. `nobody` is the answer before anyone did."""

    def __init__(self, nobody: str, pages: int) -> None:
        self._names = [nobody]
        self._numbers: dict[str, int] = {}
        self._who = np.zeros(pages, dtype=np.int32)
        self._when = np.zeros(pages, dtype=np.int64)

    def note(self, index: Frames, name: str, now: int) -> None:
        if name not in self._numbers:
            self._numbers[name] = len(self._names)
            self._names.append(name)
        self._who[index] = self._numbers[name]
        self._when[index] = now

    def known(self, index: Frames) -> NDArray[np.bool_]:
        """Which pages somebody touched."""
        known: NDArray[np.bool_] = self._who[index] != 0
        return known

    def last(self, page: int) -> Party:
        who = int(self._who[page])
        return Party(self._names[who], int(self._when[page]) if who else None)
