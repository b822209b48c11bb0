"""The table walk, many pages at once, one level after the other.

One numpy step per table instead of one Python step per page: a walk over n
pages costs about n / 512 table visits (4 KiB granule), and a table full of
blocks costs one. The leaves found are decoded in runs that are as long as level
and table attributes stay the same.
Source: ARM DDI 0487, D8.2 (walk), D8.5 (hardware update), D8.14 (faults).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soc.address import PAGE_SHIFT
from soc.mmu.descriptors import Decoder
from soc.mmu.fetch import Found, Piece, Run, read_piece, update
from soc.mmu.leaves import FaultKind, Leaves, Permission
from soc.mmu.memory import FetchFault, PhysicalTables, ReadTable, TableMemory, WriteTable
from soc.mmu.pages import PageRange, Pages
from soc.mmu.permissions import Context
from soc.mmu.vmsa import ADDRESS_MASK, TABLE_OR_PAGE, TABLE_SHIFT, VALID, Regime, level_shift

__all__ = ["FaultKind", "Leaves", "Permission", "ReadTable", "Tree", "Walker", "WriteTable"]

_TYPE = np.uint64(VALID | TABLE_OR_PAGE)
_TABLE_LIMITS = 0xF
_IPA_PAGES = (1 << 40) - 1


@dataclass(frozen=True)
class _Table:
    """A table to visit for `pages`; `limits` come from the descriptors above it."""

    address: int
    pages: Pages
    limits: int


@dataclass(frozen=True)
class _Level:
    """One step of the way: `shift` is log2 of the pages of a descriptor, `mask` covers a table's index."""

    number: int
    shift: int
    mask: int
    blocks: bool


class Tree:
    """The tables of one regime, in whatever memory they are given."""

    def __init__(self, regime: Regime) -> None:
        granule = regime.granule
        self.regime = regime
        self._decoder = Decoder(regime)
        self._root = regime.root
        self._first_page, self._pages = regime.first_page, regime.pages
        self._next_table = ADDRESS_MASK & -(1 << granule)
        self._levels = []
        bits = regime.first_entries_bits
        for level in range(regime.first_level, 4):
            shift = level_shift(level, granule) - PAGE_SHIFT
            self._levels.append(_Level(level, shift, (1 << bits) - 1, level in granule.block_levels))
            bits = granule.level_bits

    def walk(self, pages: Pages, memory: TableMemory, write: bool, privileged: bool) -> Leaves:
        """Translate `pages`; see `Walker.walk`."""
        stage = self.regime.stage
        leaves = Leaves.empty(len(pages), stage)
        inside = pages.clip(self._first_page, self._pages)
        if not len(inside):
            return leaves
        found = Found()
        tables = [_Table(self._root, inside, 0)]
        if self._root >> self.regime.output_bits:
            found.fail(inside.where, FetchFault(FaultKind.ADDRESS_SIZE, stage))
            tables = []
        for level in self._levels:
            tables = self._visit(level, tables, memory, found)
        for run in found.runs:
            self._decode(run, memory, write, privileged, leaves, found)
        found.report(leaves)
        return leaves

    def _visit(self, level: _Level, tables: list[_Table], memory: TableMemory, found: Found) -> list[_Table]:
        """Read all `tables` of one level; the tables below them."""
        slices = []
        for table in tables:
            first, last = table.pages.bounds(level.shift)
            slices.append((table.address + 8 * (first & level.mask), last - first + 1))
        memory.prepare(slices)
        below: list[_Table] = []
        for table, (address, count) in zip(tables, slices, strict=True):
            piece = read_piece(memory, address, count, table.pages, level.shift, found)
            if level.number == 3:
                found.add(3, level.shift, table.limits, table.pages, piece)
            else:
                below += self._descend(level, table, piece, found)
        return below

    def _descend(self, level: _Level, table: _Table, piece: Piece, found: Found) -> list[_Table]:
        """Above level 3: note the blocks between table descriptors; the tables of the next level."""
        chosen, pages, shift = piece.chosen, table.pages, level.shift
        kinds = chosen & _TYPE
        tables = (kinds == _TYPE).nonzero()[0].tolist()
        blocks = level.blocks and len(tables) < len(chosen)
        below: list[_Table] = []
        start = 0
        for index in [*tables, len(chosen)]:
            if blocks and (kinds[start:index] == VALID).any():
                inside = pages.part(start, index, shift)
                found.add(level.number, shift, table.limits, inside, piece.part(start, index))
            if index < len(chosen):
                inside = pages.part(index, index + 1, shift)
                below += self._next(int(chosen[index]), table.limits, inside, found)
            start = index + 1
        return below

    def _next(self, word: int, limits: int, pages: Pages, found: Found) -> list[_Table]:
        """The table that a table descriptor points to, unless it is out of reach."""
        regime = self.regime
        target = word & self._next_table
        if target >> regime.output_bits:
            found.fail(pages.where, FetchFault(FaultKind.ADDRESS_SIZE, regime.stage))
            return []
        if regime.stage == 1 and regime.hierarchical:
            limits |= word >> TABLE_SHIFT & _TABLE_LIMITS
        return [_Table(target, pages, limits)]

    def _decode(
        self, run: Run, memory: TableMemory, write: bool, privileged: bool, leaves: Leaves, found: Found
    ) -> None:
        """Fill in the pages of one run, and let hardware update its descriptors."""
        pages, shift = run.pages, run.shift
        words = run.words()
        entries = self._decoder.decode(words, Context(run.level, run.limits, write, privileged))
        where = pages.where
        leaves.frames[where] = pages.frames(entries.frames, shift)
        leaves.permissions[where] = pages.spread(entries.permissions, shift)
        leaves.order[where] = pages.spread(entries.order, shift)
        leaves.global_[where] = pages.spread(entries.global_, shift)
        leaves.faults[where] = pages.spread(entries.faults, shift)
        leaves.attributes[where] = pages.spread(entries.attributes, shift)
        own = leaves.permissions[where] if self.regime.stage == 1 else np.uint8(Permission.everything())
        leaves.stage1_permissions[where] = own
        if self.regime.update_access and entries.update.any():
            flipped = np.broadcast_to(entries.update, words.shape)
            update(run, memory, words ^ flipped, flipped, found)


class Walker:
    """Walks the tables of one regime through `read_table`.

    `write_table` is needed where hardware updates the access flag (ValueError).
    """

    def __init__(
        self,
        regime: Regime,
        read_table: ReadTable,
        bus_error: type[Exception],
        write_table: WriteTable | None = None,
    ) -> None:
        if regime.update_access and write_table is None:
            raise ValueError("hardware update of descriptors needs write_table")
        self._tree = Tree(regime)
        self._memory = PhysicalTables(read_table, bus_error, write_table, regime.stage)

    def walk(self, page: int, count: int, write: bool = False, privileged: bool = False) -> Leaves:
        """Translate input pages `page` .. `page + count - 1` (input address >> 12).

        `write` and `privileged` tell what access it is for, which matters to the
        dirty state alone: permissions are answered, not checked.
        """
        leaves = self._tree.walk(PageRange(page, count), self._memory, write, privileged)
        if self._tree.regime.stage == 2:
            leaves.ipa[:] = (page + np.arange(count, dtype=np.int64) & _IPA_PAGES) << PAGE_SHIFT
        return leaves
