"""The slots of a bounce pool: which are in use, and where so many are free side by side.

A run never crosses the end of a segment of 128 slots, which bounds a bounce to
256 KiB. For every slot it is kept how many are free from there on, so that a
search is one comparison over an array.
Source: kernel/dma/swiotlb.c.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SLOT_SHIFT = 11
SLOT_SIZE = 1 << SLOT_SHIFT
SEGMENT_SLOTS = 128
LONGEST = SEGMENT_SLOTS * SLOT_SIZE

STRETCH = 4096
"""Slots that are searched at once: most searches end in the first stretch."""


class Slots:
    """`count` slots, all free; the search goes on where the last one ended."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.used = 0
        self.high_water = 0
        self._busy: NDArray[np.bool_] = np.zeros(count, dtype=bool)
        self._run: NDArray[np.int16] = np.zeros(count, dtype=np.int16)
        self._next = 0
        for first in range(0, count, SEGMENT_SLOTS):
            self._measure(first)

    def take(self, number: int, stride: int = 1, phase: int = 0, edge: int = 0, shift: int = 0) -> int | None:
        """`number` free slots side by side; the first of them, or None.

        The first is `phase` modulo `stride`. With `edge`, a power of two, no run crosses a
        multiple of it, counted in slots from `shift` before slot 0.
        """
        if not 0 < number <= SEGMENT_SLOTS:
            return None
        first = self._find(self._next, self.count, number, stride, phase, edge, shift)
        if first is None:
            first = self._find(0, self._next, number, stride, phase, edge, shift)
        if first is None:
            return None
        self._busy[first : first + number] = True
        self._measure(first)
        self.used += number
        self.high_water = max(self.high_water, self.used)
        self._next = first + number if first + number < self.count else 0
        return first

    def give(self, first: int, number: int) -> None:
        """Free what `take(number)` gave. ValueError unless all of it is in use."""
        if number < 1 or not self._busy[first : first + number].all():
            raise ValueError(f"slots {first}..{first + number - 1} are not all in use")
        self._busy[first : first + number] = False
        self._measure(first)
        self.used -= number

    def _find(
        self, low: int, high: int, number: int, stride: int, phase: int, edge: int, shift: int
    ) -> int | None:
        """The first fitting slot of [low, high)."""
        for start in range(low + (phase - low) % stride, high, STRETCH * stride):
            stop = min(start + STRETCH * stride, high)
            fits = self._run[start:stop:stride] >= number
            if edge:
                within = (np.arange(start, stop, stride) + shift) & (edge - 1)
                fits &= within + number <= edge
            index = int(fits.argmax())
            if fits[index]:
                return start + index * stride
        return None

    def _measure(self, slot: int) -> None:
        """Count again how many slots are free from each slot of the segment of `slot` on."""
        first = slot & ~(SEGMENT_SLOTS - 1)
        end = min(first + SEGMENT_SLOTS, self.count)
        index = np.arange(first, end)
        used_next = np.where(self._busy[first:end], index, end)
        used_next = np.minimum.accumulate(used_next[::-1])[::-1]
        self._run[first:end] = used_next - index
