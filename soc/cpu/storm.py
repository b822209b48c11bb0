"""A program that only faults any more: the same abort at the same place, over and over."""

from __future__ import annotations

LIMIT = 2_000
"""Aborts in a row that differ in nothing before the core is declared stuck.

A guest that mends what it aborted on goes on to another place or address; one
that does not would abort for ever, at a hundredth of the speed of running code.
"""


class FaultStorm:
    """Counts identical aborts in a row."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None
        self._count = 0

    def reset(self) -> None:
        self._last, self._count = None, 0

    def raging(self, pc: int, address: int) -> bool:
        """Note an abort of the instruction at `pc` on `address`; True at the last one that is bearable."""
        if (pc, address) != self._last:
            self._last, self._count = (pc, address), 0
        self._count += 1
        return self._count == LIMIT
