"""The table walk, a whole range of pages at once.

One numpy slice per table instead of one Python step per page: a walk over n
pages costs about n / 512 table visits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PhysAddr
from soc.memory.dram import Frames
from soc.mmu.vmsa import (
    ACCESS_FLAG,
    ADDRESS_MASK,
    AP_EL0,
    AP_READ_ONLY,
    ENTRIES,
    TABLE_NO_EL0,
    TABLE_OR_PAGE,
    TABLE_READ_ONLY,
    VALID,
    Regime,
    level_shift,
)

ReadTable = Callable[[PhysAddr, int], NDArray[np.uint64]]
"""Reads `count` 64-bit descriptors at an address; raises BusError outside memory."""


class FaultKind(IntEnum):
    """Why a page cannot be used; NONE is a translation."""

    NONE = 0
    TRANSLATION = 1
    ADDRESS_SIZE = 2
    ACCESS_FLAG = 3
    PERMISSION = 4
    EXTERNAL_ABORT = 5


@dataclass(eq=False)
class Leaves:
    """What the walk found for each page, shape (pages,).

    `frames` page-frame numbers, `readable` and `writable` what AP allows an
    unprivileged access, `order` log2 of the pages its descriptor maps, `faults`
    a `FaultKind` each; the others mean nothing where `faults` is not NONE.
    `abort` is the address of the first descriptor that could not be read.
    """

    frames: Frames
    readable: NDArray[np.bool_]
    writable: NDArray[np.bool_]
    order: NDArray[np.uint8]
    faults: NDArray[np.uint8]
    abort: PhysAddr | None = None

    @classmethod
    def empty(cls, pages: int) -> Leaves:
        """Nothing translated: a translation fault on every page."""
        return cls(
            np.zeros(pages, dtype=np.int64),
            np.zeros(pages, dtype=np.bool_),
            np.zeros(pages, dtype=np.bool_),
            np.zeros(pages, dtype=np.uint8),
            np.full(pages, FaultKind.TRANSLATION, dtype=np.uint8),
        )

    def put(self, where: slice, source: Leaves, chosen: slice | NDArray[np.bool_] = slice(None)) -> None:
        """Take over the `chosen` pages of `source`, as many as `where` has, with their faults."""
        self.frames[where][chosen] = source.frames[chosen]
        self.readable[where][chosen] = source.readable[chosen]
        self.writable[where][chosen] = source.writable[chosen]
        self.order[where][chosen] = source.order[chosen]
        self.faults[where][chosen] = source.faults[chosen]

    def part(self, where: slice) -> Leaves:
        """A view of some pages."""
        return Leaves(
            self.frames[where],
            self.readable[where],
            self.writable[where],
            self.order[where],
            self.faults[where],
        )


@dataclass(frozen=True)
class TableAccess:
    """What the table descriptors on the way down (APTable) leave allowed."""

    el0: bool = True
    write: bool = True

    def below(self, word: int) -> TableAccess:
        return TableAccess(self.el0 and not word & TABLE_NO_EL0, self.write and not word & TABLE_READ_ONLY)


class Walker:
    """Walks the tables of one regime through `read_table`."""

    def __init__(self, regime: Regime, read_table: ReadTable, bus_error: type[Exception]) -> None:
        self._regime = regime
        self._read = read_table
        self._bus_error = bus_error

    def walk(self, page: int, count: int) -> Leaves:
        """Translate input pages `page` .. `page + count - 1` (input address >> 12)."""
        leaves = Leaves.empty(count)
        limit = 1 << (self._regime.input_bits - PAGE_SHIFT)
        inside = max(0, min(count, limit - page))
        if inside:
            self._visit(
                self._regime.start_level, self._regime.root, page, page, inside, TableAccess(), leaves
            )
        return leaves

    def _visit(
        self,
        level: int,
        table: PhysAddr,
        origin: int,
        page: int,
        count: int,
        access: TableAccess,
        out: Leaves,
    ) -> None:
        """Fill `out[page - origin : +count]` from the descriptors of one table."""
        span_bits = level_shift(level) - PAGE_SHIFT
        first = (page >> span_bits) & (ENTRIES - 1)
        last = ((page + count - 1) >> span_bits) & (ENTRIES - 1)
        at = page - origin
        address = PhysAddr(table + 8 * first)
        try:
            words = self._read(address, last - first + 1)
        except self._bus_error:
            out.faults[at : at + count] = FaultKind.EXTERNAL_ABORT
            out.abort = address if out.abort is None else out.abort
            return
        if level == 3:
            self._pages(words, at, access, out)
            return
        for index, word in enumerate(words.tolist()):
            start = max(page, ((page >> span_bits) + index) << span_bits)
            end = min(page + count, ((page >> span_bits) + index + 1) << span_bits)
            self._descend(level, word, origin, start, end - start, access, out)

    def _descend(
        self,
        level: int,
        word: int,
        origin: int,
        page: int,
        count: int,
        access: TableAccess,
        out: Leaves,
    ) -> None:
        """One descriptor above level 3: invalid, a block, or the next table."""
        if not word & VALID or (level == 0 and not word & TABLE_OR_PAGE):
            return
        target = word & ADDRESS_MASK
        if target >> self._regime.output_bits:
            out.faults[page - origin : page - origin + count] = FaultKind.ADDRESS_SIZE
            return
        if word & TABLE_OR_PAGE:
            self._visit(level + 1, PhysAddr(target), origin, page, count, access.below(word), out)
            return
        order = level_shift(level) - PAGE_SHIFT
        pages_in_block = 1 << order
        base = (target >> PAGE_SHIFT) & ~(pages_in_block - 1)
        inside = page & (pages_in_block - 1)
        where = slice(page - origin, page - origin + count)
        out.frames[where] = np.arange(base + inside, base + inside + count)
        readable = access.el0 and bool(word & AP_EL0)
        out.readable[where] = readable
        out.writable[where] = access.write and readable and not word & AP_READ_ONLY
        out.order[where] = order
        flagged = self._regime.access_flag_fault and not word & ACCESS_FLAG
        out.faults[where] = FaultKind.ACCESS_FLAG if flagged else FaultKind.NONE

    def _pages(self, words: NDArray[np.uint64], at: int, access: TableAccess, out: Leaves) -> None:
        """A run of level-3 descriptors."""
        where = slice(at, at + len(words))
        target = words & np.uint64(ADDRESS_MASK)
        out.frames[where] = (target >> np.uint64(PAGE_SHIFT)).astype(np.int64)
        out.readable[where] = access.el0 & ((words & np.uint64(AP_EL0)) != 0)
        out.writable[where] = access.write & out.readable[where] & ((words & np.uint64(AP_READ_ONLY)) == 0)
        faults = np.full(len(words), FaultKind.NONE, dtype=np.uint8)
        if self._regime.access_flag_fault:
            faults[(words & np.uint64(ACCESS_FLAG)) == 0] = FaultKind.ACCESS_FLAG
        faults[(target >> np.uint64(self._regime.output_bits)) != 0] = FaultKind.ADDRESS_SIZE
        both = np.uint64(VALID | TABLE_OR_PAGE)
        faults[(words & both) != both] = FaultKind.TRANSLATION
        out.faults[where] = faults
