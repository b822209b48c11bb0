"""Who decides what the cache holds when it matters: the worst case, made repeatable.

A real cache evicts and refills lines when it likes, so a missing sync works on
most days. The adversary makes every day the bad one: a dirty line stays in the
cache until a device has read past it, a clean line is refilled just before a
device writes behind it, and a dirty line is evicted just after.
"""

from __future__ import annotations

import numpy as np

from soc.memory.cache.lines import NO_LINES, Masks


class Adversary:
    """Picks the lines that meet the worst case; `rate` of them, 1 means all, drawn from `seed`.

    At least one line of every access is picked, so that a missing sync never
    goes unpunished. ValueError unless 0 < rate <= 1.
    """

    def __init__(self, seed: int = 0, rate: float = 1.0) -> None:
        if not 0 < rate <= 1:
            raise ValueError(f"rate must be above 0 and at most 1, not {rate}")
        self.seed = seed
        self.rate = rate
        self._random = np.random.default_rng(seed)

    def picks(self, masks: Masks) -> Masks:
        """The lines among `masks` that the cache treats in the worst way; the others in the kindest."""
        if self.rate == 1.0 or not masks.any():
            return masks.copy()
        drawn = self._random.random((len(masks), 64)) < self.rate
        chosen = masks & np.packbits(drawn, axis=1, bitorder="little").view(np.uint64).reshape(-1)
        if not chosen.any():
            page = int(np.flatnonzero(masks != NO_LINES)[0])
            chosen[page] = masks[page]
        return chosen
