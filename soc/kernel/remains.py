"""What is still held when everything should have been given back, as lines for people.

Who hands things out says here how to list those that are out; whoever ends a run asks for
all of them. Counts alone are in soc/kernel/counters.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore

Lister = Callable[[], Iterable[str]]


class Remains:
    """`kernel.subsystem(Remains)`."""

    def __init__(self, kernel: KernelCore) -> None:
        self._listers: dict[str, Lister] = {}

    def add(self, what: str, lister: Lister) -> None:
        """Have `lister` asked for what is left of `what`; one that was asked before is not any more."""
        self._listers[what] = lister

    def lines(self) -> list[str]:
        """A line for each thing that is held, in the order in which the kinds were added."""
        return [line for lister in self._listers.values() for line in lister()]
