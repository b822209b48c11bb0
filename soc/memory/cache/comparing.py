"""The cache of a CPU whose stores nobody sees: dirty lines are found by comparing.

Real software executes on the CPU's view at full speed. What each line held when
it was last filled or written back is kept beside it; what differs when a device
or a cache instruction comes to the line was written by the CPU meanwhile. A
load or a store costs nothing.

Not seen: a store that changes nothing, and the attributes of mappings in tables
that the software owns: while its caches are on, all memory counts as cacheable
except what the board reserves with no-map. When software turns its caches off,
lines that were dirty count as cleaned.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PAGE_SIZE, PhysAddr
from soc.memory.cache.cache import CpuCache
from soc.memory.cache.lines import LINE, Masks, copy_lines, differing
from soc.memory.dram import Bank, Dram
from soc.memory.span import Frames, PageSpan


class ComparingCache(CpuCache):
    """A `CpuCache` that is off until `enable(True)`; both views are equal then."""

    marks: ClassVar[bool] = False
    _filled: Dram | None = None

    def enable(self, on: bool) -> None:
        """Software turned its caches on or off; what is so already stays so."""
        if on and self._filled is None:
            self._behind = Dram([_copy(bank) for bank in self.dram.banks])
            self._filled = Dram([_copy(bank) for bank in self.dram.banks])
            self._split[:] = self._cacheable
        elif not on and self._filled is not None:
            frames = self._live()
            self._discover(frames)
            index = self.dram.index_of_held(frames)
            self._refill(frames, self._stale[index] & ~self._dirty[index])
            self.close()
            self._filled = self._behind = None
            for state in (self._split, self._dirty, self._stale):
                state[:] = 0

    def maintain_line(self, address: PhysAddr, clean: bool, invalidate: bool) -> bool:
        """DC CVAC, IVAC or CIVAC on the line at 64-aligned `address`; True if its page has no stale line now.

        What `clean` and `invalidate` do, without arrays: software comes line by line.
        """
        if self._filled is None or self._behind is None:
            return False
        number = next(n for n, bank in enumerate(self.dram.banks) if bank.contains(address, LINE))
        bank = self.dram.banks[number]
        page = self.dram.place(address >> PAGE_SHIFT)
        if not self._cacheable[page]:
            return False
        where = slice(address - bank.base, address - bank.base + LINE)
        cpu, behind, filled = (
            memory.banks[number].bytes.data for memory in (self.dram, self._behind, self._filled)
        )
        dirty = cpu[where] != filled[where]
        stale = bool(int(self._stale[page]) >> (address % PAGE_SIZE // LINE) & 1)
        if dirty and (stale or not clean):
            span = PageSpan.linear(address, LINE)
            if clean:
                self.clean(span)
            if invalidate:
                self.invalidate(span)
        elif dirty:
            behind[where] = filled[where] = cpu[where]
        elif stale and invalidate:
            cpu[where] = filled[where] = behind[where]
            self._stale[page] &= ~np.uint64(1 << (address % PAGE_SIZE // LINE))
        return stale and not self._stale[page]

    def recache(self, frames: Frames) -> None:
        super().recache(frames)
        mine = frames[self._held(self.dram.index_of_held(frames))]
        if self._filled is not None:
            self._make_split(mine)
            self._filled.put_pages(mine, self.dram.pages_of(mine))

    def close(self) -> None:
        super().close()
        for bank in self._filled.banks if self._filled else ():
            bank.close()

    def _held(self, index: slice | Frames) -> NDArray[np.bool_]:
        return self._cacheable[index] & (self._filled is not None)

    def _discover(self, frames: Frames) -> None:
        if self._filled is None:
            return
        mine = frames[self._cacheable[self.dram.index_of_held(frames)]]
        self._dirty[self.dram.index_of_held(mine)] = differing(self.dram, self._filled, mine)

    def _settled(self, frames: Frames, lines: Masks) -> None:
        if self._filled is not None:
            copy_lines(self.dram, self._filled, frames, lines)
        super()._settled(frames, lines)

    def _live(self) -> Frames:
        if self._filled is None:
            return np.empty(0, dtype=np.int64)
        used = [
            np.arange(bank.first_frame + first, bank.first_frame + end, dtype=np.int64)
            for memory in (self.dram, self._filled)
            for bank in memory.banks
            for first, end in _used_pages(bank)
        ]
        frames = np.unique(np.concatenate(used)) if used else np.empty(0, dtype=np.int64)
        live: Frames = frames[self._cacheable[self.dram.index_of_held(frames)]]
        return live


def _copy(bank: Bank) -> Bank:
    """A bank of the same bytes; pages that were never written cost nothing."""
    twin = Bank(bank.base, bank.size)
    for first, end in _used_pages(bank):
        twin.whole_pages[first:end] = bank.whole_pages[first:end]
    return twin


def _used_pages(bank: Bank) -> Iterator[tuple[int, int]]:
    """Runs of pages that the host has given memory to: [first, end) from the bank's start."""
    at = 0
    while at < bank.size:
        try:
            start = os.lseek(bank.fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        at = os.lseek(bank.fd, start, os.SEEK_HOLE)
        yield start >> PAGE_SHIFT, -(-at // PAGE_SIZE)
