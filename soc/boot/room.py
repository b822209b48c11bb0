"""Where in DRAM there is room: banks, what is taken of them, and the search between.

A search gives the lowest address, so that the same board and the same files
always lie at the same places.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from soc.address import PhysAddr


@dataclass(frozen=True)
class Span:
    """[base, end) of physical addresses; `name` says what is there."""

    base: int
    end: int
    name: str = ""

    @property
    def size(self) -> int:
        return self.end - self.base

    def overlaps(self, other: Span) -> bool:
        return self.base < other.end and other.base < self.end

    def holds(self, other: Span) -> bool:
        return self.base <= other.base and other.end <= self.end

    def __str__(self) -> str:
        return f"{self.base:#x}..{self.end - 1:#x}"


@dataclass(frozen=True)
class Need:
    """`size` bytes at an address that is `offset` beyond a multiple of `alignment`.

    They cross no multiple of `block`; 0 is no such rule.
    """

    size: int
    alignment: int
    offset: int = 0
    block: int = 0


@dataclass(frozen=True)
class Room:
    """`banks` of memory in the order they are searched, less what is `taken`."""

    banks: tuple[Span, ...]
    taken: tuple[Span, ...]

    def without(self, spans: Iterable[Span]) -> Room:
        """The room that is left when `spans` are taken too."""
        return Room(self.banks, (*self.taken, *spans))

    def holder(self, span: Span) -> Span | None:
        """What already has some of `span`."""
        return next((taken for taken in self.taken if taken.overlaps(span)), None)

    def lowest(self, need: Need, windows: Iterable[Span]) -> PhysAddr | None:
        """The lowest address for `need` in the first of `windows` with room."""
        for window in windows:
            for bank in self.banks:
                at = self._lowest(need, max(bank.base + need.offset, window.base), min(bank.end, window.end))
                if at is not None:
                    return at
        return None

    def _lowest(self, need: Need, low: int, high: int) -> PhysAddr | None:
        at = low
        while True:
            at = align_up(at - need.offset, need.alignment) + need.offset
            if need.block and at // need.block != (at + need.size - 1) // need.block:
                at = align_up(at, need.block)
            if at + need.size > high:
                return None
            if (taken := self.holder(Span(at, at + need.size))) is None:
                return PhysAddr(at)
            at = taken.end


def align_up(value: int, alignment: int) -> int:
    """`value` rounded up to a multiple of `alignment`."""
    return -(-value // alignment) * alignment


def align_down(value: int, alignment: int) -> int:
    """`value` rounded down to a multiple of `alignment`."""
    return value // alignment * alignment
