"""The tables of one tree that software owns: their memory, and the way from the root.

Entries are counted from input address 0 in units of what one descriptor of their
level covers; orders are log2 of pages of the granule.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PhysAddr
from soc.mmu.vmsa import ADDRESS_MASK, TABLE_OR_PAGE, VALID, Granule, Regime, initial_level, level_shift

Words = NDArray[np.uint64]
TableView = Callable[[PhysAddr, int], Words]
"""Writable 64-bit words at a physical address."""

TYPE = VALID | TABLE_OR_PAGE
"""Both bits set: a table descriptor, or at level 3 a page."""


class TableStore:
    """Tables from `allocate`, kept until `free_all`; see `PageTable` for the arguments."""

    def __init__(
        self,
        allocate: Callable[[], PhysAddr],
        free: Callable[[PhysAddr], None],
        view: TableView,
        shape: Regime,
        root: PhysAddr | None,
    ) -> None:
        self.start_level = shape.first_level
        self.orders = [level_shift(level, shape.granule) - shape.granule for level in range(4)]
        self._allocate = allocate
        self._free = free
        self._view = view
        self._granule = shape.granule
        self._entries = 1 << shape.granule.level_bits
        self._next_table = ADDRESS_MASK & -(1 << shape.granule)
        self._tables: list[PhysAddr] = []
        self._spare: list[PhysAddr] = []
        self._views: dict[int, Words] = {}
        entries = 1 << shape.first_entries_bits
        if root is None and entries > self._entries:
            raise ValueError("concatenated first tables must be given as `root`")
        self.root = self.new() if root is None else root
        self.top = view(self.root, entries)

    def new(self) -> PhysAddr:
        """A table of zeros."""
        if self._spare:
            table = self._spare.pop()
        else:
            table = self._allocate()
            self._tables.append(table)
        self.words(table)[:] = 0
        return table

    def words(self, descriptor: int) -> Words:
        """The table that a table descriptor (or a bare address) points to."""
        address = descriptor & self._next_table
        words = self._views.get(address)
        if words is None:
            words = self._views[address] = self._view(PhysAddr(address), self._entries)
        return words

    def find(self, level: int, entry: int) -> tuple[Words, int]:
        """The table that holds `entry` of `level`, made on demand, and the index there.

        ValueError if a larger leaf maps it.
        """
        words = self.top
        for above in range(self.start_level, level):
            index = (entry >> (self.orders[above] - self.orders[level])) & (len(words) - 1)
            word = int(words[index])
            if not word & VALID:
                words[index] = word = self.new() | TYPE
            elif not word & TABLE_OR_PAGE:
                raise self.mapped(level, entry)
            words = self.words(word)
        return words, entry & (len(words) - 1)

    def mapped(self, level: int, entry: int) -> ValueError:
        """The error for an entry in the way."""
        page = entry << (self.orders[level] + self._granule - PAGE_SHIFT)
        return ValueError(f"input page {page:#x} or one after it is mapped already")

    def occupied(self, level: int, words: Words) -> bool:
        """Whether these entries of `level`, or tables below them, map anything."""
        if level == 3:
            return bool(np.count_nonzero(words))
        used = words[words != 0].tolist()
        return any(word & TYPE != TYPE or self.occupied(level + 1, self.words(word)) for word in used)

    def recycle(self, level: int, words: Words) -> None:
        """Keep the empty tables below entries that leaves will take the place of."""
        if level == 3:
            return
        for word in words[words != 0].tolist():
            self.recycle(level + 1, self.words(word))
            self._spare.append(PhysAddr(word & self._next_table))

    def free_all(self) -> None:
        """Give every table back."""
        for table in self._tables:
            self._free(table)
        self._tables.clear()
        self._spare.clear()
        self._views.clear()


def shape_of(granule: Granule, input_bits: int, stage: int, start_level: int | None) -> Regime:
    """The regime of a tree, without its address. ValueError where start level and range do not fit."""
    level = initial_level(input_bits, granule) if start_level is None else start_level
    shape = Regime(PhysAddr(0), 64 - input_bits, granule=granule, stage=stage, start_level=level)
    if not shape.start_level_fits:
        raise ValueError(f"{input_bits} input bits cannot start at level {level}")
    return shape
