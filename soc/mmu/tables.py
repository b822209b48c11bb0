"""Builds translation tables in DRAM: map and unmap of ranges, vectorised.

Used by the kernel model for the tables it owns. Tables are zeroed pages taken
from `allocate`; they are kept until `free_all`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PAGE_SIZE, PhysAddr
from soc.memory.dram import Frames
from soc.mmu.vmsa import ADDRESS_MASK, ENTRIES, LEVEL_BITS, TABLE_OR_PAGE, VALID

Words = NDArray[np.uint64]
TableView = Callable[[PhysAddr, int], Words]
"""Writable 64-bit words at a physical address."""


class PageTable:
    """A 4 KiB-granule tree that starts at level `start_level` (0..2).

    `allocate()` gives the physical address of a free page, `free` takes it
    back, `view` gives the words of a table in DRAM.
    """

    def __init__(
        self,
        allocate: Callable[[], PhysAddr],
        free: Callable[[PhysAddr], None],
        view: TableView,
        start_level: int = 1,
    ) -> None:
        self._allocate = allocate
        self._free = free
        self._view = view
        self._start_level = start_level
        self._tables: list[PhysAddr] = []
        self._leaf_tables: dict[int, Words] = {}
        self.root = self._new_table()

    def map(self, page: int, frames: Frames, attributes: int) -> None:
        """Map input pages `page`.. to `frames`, shape (n,), with leaf `attributes`.

        ValueError if one of them is mapped already (-EEXIST of io-pgtable).
        """
        words = (frames.astype(np.uint64) << np.uint64(PAGE_SHIFT)) | np.uint64(
            attributes | VALID | TABLE_OR_PAGE
        )
        pieces = list(self._pieces(page, len(frames)))
        for table, index, start, count in pieces:
            if table[index : index + count].any():
                raise ValueError(f"input page {page + start:#x} or one after it is mapped already")
        for table, index, start, count in pieces:
            table[index : index + count] = words[start : start + count]

    def unmap(self, page: int, count: int) -> None:
        """Clear `count` leaves; unmapped pages among them stay unmapped."""
        for table, index, _, length in self._pieces(page, count):
            table[index : index + length] = 0

    def free_all(self) -> None:
        """Give every table back."""
        for table in self._tables:
            self._free(table)
        self._tables.clear()
        self._leaf_tables.clear()

    def _pieces(self, page: int, count: int) -> list[tuple[Words, int, int, int]]:
        """The level-3 tables of a range: (words, first index, offset in range, entries)."""
        out: list[tuple[Words, int, int, int]] = []
        done = 0
        while done < count:
            at = page + done
            index = at & (ENTRIES - 1)
            length = min(ENTRIES - index, count - done)
            out.append((self._leaf_table(at >> LEVEL_BITS), index, done, length))
            done += length
        return out

    def _leaf_table(self, key: int) -> Words:
        """The level-3 table of the 2 MiB region `key`, made on demand."""
        if key in self._leaf_tables:
            return self._leaf_tables[key]
        table = self.root
        for level in range(self._start_level, 3):
            index = (key >> (LEVEL_BITS * (2 - level))) & (ENTRIES - 1)
            words = self._view(table, ENTRIES)
            if not int(words[index]) & VALID:
                words[index] = np.uint64(self._new_table() | VALID | TABLE_OR_PAGE)
            table = PhysAddr(int(words[index]) & ADDRESS_MASK)
        self._leaf_tables[key] = self._view(table, ENTRIES)
        return self._leaf_tables[key]

    def _new_table(self) -> PhysAddr:
        table = self._allocate()
        self._view(table, PAGE_SIZE // 8)[:] = 0
        self._tables.append(table)
        return table
