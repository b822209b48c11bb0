"""Who owned which IOVA: the memory that fault reports draw on.

The newest owner of every address is kept, as disjoint pieces in ascending
order, so a look-up is a binary search and an address that is used again costs
no memory. Past a number of pieces the oldest unmapped ones are forgotten.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from soc.address import Iova

MOST_PIECES = 16384


@dataclass(eq=False)
class IovaOwner:
    """One mapping's life: [start, end) in bytes, times in ns, `unmapped` None while it lives.

    `stale`: unmapped, but the IOTLB has not been told yet.
    """

    start: Iova
    end: int
    device: str
    what: str
    mapped: int
    unmapped: int | None = None
    stale: bool = False

    def describe(self) -> str:
        """For fault reports: who, what, where and since when not."""
        text = f"{self.device}'s mapping of {self.what} at {self.start:#x}..{self.end - 1:#x}"
        if self.unmapped is None:
            return text
        late = ", not invalidated yet (lazy): its translation may still be live" if self.stale else ""
        return f"{text}, unmapped at {self.unmapped / 1e9:.6f} s{late}"


class IovaHistory:
    """The last owner of each IOVA of a domain; about `most` pieces, and all that are still mapped."""

    def __init__(self, most: int = MOST_PIECES) -> None:
        self._most = self._keep = most
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._owners: list[IovaOwner] = []

    def __len__(self) -> int:
        """Pieces that are remembered."""
        return len(self._starts)

    def mapped(self, start: Iova, size: int, device: str, what: str, now: int) -> IovaOwner:
        """A mapping begins; whoever owned any of its addresses before is no longer their last owner."""
        owner = IovaOwner(start, start + size, device, what, now)
        first = bisect_left(self._starts, start)
        if first < len(self._starts) and self._starts[first] == start and self._ends[first] == owner.end:
            self._owners[first] = owner
        else:
            self._insert(owner)
        if len(self._starts) > self._keep:
            self._forget()
        return owner

    def owner(self, iova: int) -> IovaOwner | None:
        """Who owns `iova`, or owned it last."""
        index = bisect_right(self._starts, iova) - 1
        return self._owners[index] if index >= 0 and iova < self._ends[index] else None

    def last_owner(self, iova: int) -> str:
        """`owner` in words; the nearest mapping below if nobody ever had the address."""
        index = bisect_right(self._starts, iova) - 1
        if index < 0:
            return "never mapped"
        nearest = self._owners[index].describe()
        past = iova - self._ends[index]
        if past < 0:
            return nearest
        where = f"{past:,} bytes past the end of" if past else "it is the first byte past the end of"
        return f"never mapped; {where} {nearest}"

    def _insert(self, owner: IovaOwner) -> None:
        """Put the owner's piece in, and cut those it overlaps down to what is left of them."""
        first = bisect_right(self._ends, owner.start)
        last = bisect_left(self._starts, owner.end)
        pieces = [(owner.start, owner.end, owner)]
        if first < last:
            if self._starts[first] < owner.start:
                pieces.insert(0, (Iova(self._starts[first]), owner.start, self._owners[first]))
            if self._ends[last - 1] > owner.end:
                pieces.append((Iova(owner.end), self._ends[last - 1], self._owners[last - 1]))
        self._starts[first:last] = [start for start, _, _ in pieces]
        self._ends[first:last] = [end for _, end, _ in pieces]
        self._owners[first:last] = [of for _, _, of in pieces]

    def _forget(self) -> None:
        """Keep what is mapped and the half that was unmapped last."""
        gone = sorted(owner.unmapped for owner in self._owners if owner.unmapped is not None)
        oldest = gone[len(gone) // 2] if gone else 0
        kept = [
            index
            for index, owner in enumerate(self._owners)
            if owner.unmapped is None or owner.unmapped > oldest
        ]
        self._starts = [self._starts[index] for index in kept]
        self._ends = [self._ends[index] for index in kept]
        self._owners = [self._owners[index] for index in kept]
        self._keep = self._most + sum(owner.unmapped is None for owner in self._owners)
