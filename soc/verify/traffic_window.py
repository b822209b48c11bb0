"""The bus ledger between two moments: who moved how much on which pages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soc.bus import Bus
from soc.memory.span import Frames
from soc.memory.traffic import Traffic

Counters = NDArray[np.uint64]
Books = dict[str, tuple[Counters, Counters]]


class TrafficWindow:
    """Everything every master moves from the moment this is made until `close`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._before = self._books()
        self._after: Books | None = None

    def close(self) -> None:
        """What is moved from now on does not count."""
        self._after = self._books()

    def moved(self, frames: Frames) -> dict[str, tuple[int, int]]:
        """Masters that moved anything on `frames`: (bytes read, bytes written)."""
        moved = {name: (int(r.sum()), int(w.sum())) for name, (r, w) in self._on(frames).items()}
        return {name: both for name, both in moved.items() if any(both)}

    def touched(self, frames: Frames) -> dict[str, tuple[Frames, Frames]]:
        """Which of `frames` each master read and which it wrote."""
        return {
            name: (frames[reads > 0], frames[writes > 0])
            for name, (reads, writes) in self._on(frames).items()
        }

    def _on(self, frames: Frames) -> Books:
        after = self._after or self._books()
        out = {}
        for name in after:
            master = self._bus.masters[name]
            index = master.bus.dram.index(frames)
            reads, writes = (counters[index] for counters in after[name])
            if name in self._before:
                reads, writes = (
                    now - was[index] for now, was in zip((reads, writes), self._before[name], strict=True)
                )
            out[name] = (reads, writes)
        return out

    def _books(self) -> Books:
        return {name: _copy(master.traffic) for name, master in self._bus.masters.items()}


def _copy(traffic: Traffic) -> tuple[Counters, Counters]:
    return traffic.per_page(write=False).copy(), traffic.per_page(write=True).copy()
