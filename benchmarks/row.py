"""One row of the table, and how to time two things fairly."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 11


@dataclass(frozen=True)
class Row:
    """`value` in `unit`, `ratio` of it to what it is measured `against`; it `holds` at `bar` or above.

    None is no bar: a figure to compare with the next one.
    """

    name: str
    value: float
    unit: str
    against: str
    ratio: float
    bar: float | None

    @property
    def holds(self) -> bool:
        return self.bar is None or self.ratio >= self.bar


def fastest(*works: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """The shortest time of each in seconds; they take turns, so that a slow spell hits all."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for index, work in enumerate(works):
            start = time.perf_counter()
            work()
            best[index] = min(best[index], time.perf_counter() - start)
    return best
