"""The bytes of a buffer that a device touches, and where two such accesses meet in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soc.address import PAGE_SHIFT
from soc.kernel.scatterlist import Ints, SgTable

Range = tuple[int, int]
"""First byte and the byte after the last, as offsets into a buffer."""


@dataclass(frozen=True, eq=False)
class Access:
    """Runs of memory, shape (n,): physical `starts`, `lengths` in bytes, at `offsets` of `buffer`."""

    buffer: str
    write: bool
    starts: Ints
    lengths: Ints
    offsets: Ints

    @classmethod
    def of(cls, buffer: str, sgt: SgTable, write: bool, offset: int = 0, size: int | None = None) -> Access:
        """`size` bytes from `offset` of the buffer, which lies in `sgt`; all of it by default."""
        begins = np.cumsum(sgt.lengths) - sgt.lengths
        end = sgt.size if size is None else offset + size
        low = np.maximum(begins, offset)
        lengths = np.minimum(begins + sgt.lengths, end) - low
        used = lengths > 0
        return cls(buffer, write, (sgt.starts + low - begins)[used], lengths[used], low[used])

    def conflicts(self, other: Access) -> list[Range]:
        """The ranges of this buffer that both touch, if one of them writes; ascending, apart."""
        if not (self.write or other.write):
            return []
        order = np.argsort(other.starts)
        starts = other.starts[order]
        ends = starts + other.lengths[order]
        first = np.searchsorted(ends, self.starts, "right")
        last = np.searchsorted(starts, self.starts + self.lengths, "left")
        met: list[Range] = []
        for run in np.flatnonzero(first < last):
            begin, offset = int(self.starts[run]), int(self.offsets[run])
            for there in range(int(first[run]), int(last[run])):
                low = max(begin, int(starts[there]))
                high = min(begin + int(self.lengths[run]), int(ends[there]))
                met.append((offset + low - begin, offset + high - begin))
        return _joined(met)


def describe(ranges: Sequence[Range]) -> str:
    """For people: `pages 4..7 (bytes 0x4000..0x7fff)`."""
    pages = ", ".join(f"{low >> PAGE_SHIFT}..{(high - 1) >> PAGE_SHIFT}" for low, high in ranges)
    bytes_ = ", ".join(f"{low:#x}..{high - 1:#x}" for low, high in ranges)
    return f"pages {pages} (bytes {bytes_})"


def _joined(ranges: list[Range]) -> list[Range]:
    joined: list[Range] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    return joined
