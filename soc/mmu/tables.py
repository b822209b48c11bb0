"""Builds translation tables in DRAM: map and unmap of ranges, vectorised.

Used by the kernel model for the tables it owns. Tables are taken from
`allocate` and kept until `free_all`; one that a block takes the place of is
used again.
Source: the io-pgtable of Linux for what is an error (drivers/iommu/io-pgtable-arm.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from soc.address import PAGE_SHIFT, PhysAddr
from soc.memory.span import Frames
from soc.mmu.layout import Segment, contiguous_marks, segments
from soc.mmu.store import TYPE, TableStore, TableView, Words, shape_of
from soc.mmu.vmsa import CONTIGUOUS, TABLE_OR_PAGE, VALID, Granule, Regime, address_mask

__all__ = ["PageTable", "TableView", "Words"]


class PageTable:
    """A tree of `granule` tables for `input_bits` of input address, of stage 1 or 2.

    `allocate()` gives the physical address of a free table (granule bytes,
    aligned to them), `free` takes it back, `view` gives its words in DRAM.
    `contiguous` sets the contiguous hint where a whole group allows it.
    Stage 2 may start at a lower `start_level` than the range needs, with up to 16
    concatenated first tables: the caller provides them zeroed at `root` and frees
    them. ValueError when start level and range do not fit.

    Pages are 4 KiB units; with a larger granule every range and output must be made
    of whole granule pages (ValueError).
    """

    def __init__(
        self,
        allocate: Callable[[], PhysAddr],
        free: Callable[[PhysAddr], None],
        view: TableView,
        granule: Granule = Granule.K4,
        input_bits: int = 39,
        stage: int = 1,
        contiguous: bool = True,
        start_level: int | None = None,
        root: PhysAddr | None = None,
    ) -> None:
        self._shape = shape_of(granule, input_bits, stage, start_level)
        self._store = TableStore(allocate, free, view, self._shape, root)
        self._orders = self._store.orders
        self._contiguous = contiguous
        self.granule = granule
        self.t0sz = self._shape.t0sz
        self.start_level = self._store.start_level
        self.root = self._store.root
        leaf_levels = [level for level in (*granule.block_levels, 3) if level >= self.start_level]
        self._levels = [(level, self._orders[level]) for level in leaf_levels]

    def regime(self, output_bits: int = 48) -> Regime:
        """How this tree is to be walked."""
        return replace(self._shape, table=self.root, output_bits=output_bits)

    def map(self, page: int, frames: Frames, attributes: int) -> None:
        """Map input pages `page`.. to `frames`, shape (n,), with leaf `attributes`.

        `attributes` are the lower and upper attribute bits without type, contiguous
        hint and address. ValueError if a page is mapped already (-EEXIST of
        io-pgtable); then, and when `allocate` fails, nothing is mapped.
        """
        start, _ = self._granule_range(page, len(frames))
        pieces = []
        for segment in segments(start, self._granule_frames(frames), self._levels):
            words = self._leaves(segment, attributes)
            for table, index, done, count in self._pieces(segment):
                if self._store.occupied(segment.level, table[index : index + count]):
                    raise self._store.mapped(segment.level, segment.start + done)
                pieces.append((segment.level, table[index : index + count], words[done : done + count]))
        for level, old, new in pieces:
            self._store.recycle(level, old)
            old[:] = new

    def unmap(self, page: int, count: int) -> None:
        """Clear `count` pages; unmapped ones among them stay unmapped.

        A block, or a contiguous group, that reaches beyond the range is split first.
        """
        start, size = self._granule_range(page, count)
        if size:
            self._split(start)
            self._split(start + size)
            self._clear(self.start_level, self._store.top, 0, start, start + size)

    def free_all(self) -> None:
        """Give every table back."""
        self._store.free_all()

    # --- ranges in pages of the granule ---------------------------------------

    def _granule_range(self, page: int, count: int) -> tuple[int, int]:
        order = self.granule.page_order
        if (page | count) & ((1 << order) - 1):
            raise ValueError(f"input pages {page:#x}+{count:#x} are not whole {1 << order}-page granules")
        if page < 0 or (page + count) << PAGE_SHIFT > 1 << (64 - self.t0sz):
            raise ValueError(f"input pages {page:#x}+{count:#x} are outside {64 - self.t0sz} bits")
        return page >> order, count >> order

    def _granule_frames(self, frames: Frames) -> Frames:
        order = self.granule.page_order
        if not order:
            return frames
        groups = frames.reshape(-1, 1 << order)
        first = groups[:, :1]
        if (first & ((1 << order) - 1)).any() or (groups - first != np.arange(1 << order)).any():
            raise ValueError(f"output frames are not whole {1 << order}-page granules")
        return groups[:, 0] >> order

    # --- leaves ---------------------------------------------------------------

    def _leaves(self, segment: Segment, attributes: int) -> Words:
        """The descriptors of a segment."""
        kind = TYPE if segment.level == 3 else VALID
        words = segment.outputs.astype(np.uint64) << np.uint64(self.granule)
        words |= np.uint64(attributes | kind)
        if self._contiguous:
            order = self.granule.contiguous_bits(segment.level)
            step = 1 << self._orders[segment.level]
            marks = contiguous_marks(segment.start, segment.outputs, order, step)
            if np.count_nonzero(marks):
                words[marks] |= np.uint64(CONTIGUOUS)
        return words

    def _pieces(self, segment: Segment) -> Iterator[tuple[Words, int, int, int]]:
        """The tables of a segment, made on demand: (words, first index, offset in segment, entries)."""
        done = 0
        while done < len(segment.outputs):
            at = segment.start + done
            table, index = self._store.find(segment.level, at)
            count = min(len(table) - index, len(segment.outputs) - done)
            yield table, index, done, count
            done += count

    # --- unmap ----------------------------------------------------------------

    def _split(self, edge: int) -> None:
        """No leaf, and no contiguous group, shall reach across granule page `edge`."""
        words = self._store.top
        for level in range(self.start_level, 4):
            order = self._orders[level]
            if edge >> order >= len(words) and level == self.start_level:
                return
            index = (edge >> order) & (len(words) - 1)
            word = int(words[index])
            if not word & VALID:
                return
            if level == 3 or not word & TABLE_OR_PAGE:
                self._part_group(level, words, index, edge)
                if not edge & ((1 << order) - 1):
                    return
                words[index] = word = self._split_block(level, int(words[index]))
            words = self._store.words(word)

    def _part_group(self, level: int, words: Words, index: int, edge: int) -> None:
        """Take the contiguous hint from the group that `edge` parts."""
        bits = self.granule.contiguous_bits(level)
        first = index & -(1 << bits)
        if int(words[index]) & CONTIGUOUS and (index != first or edge & ((1 << self._orders[level]) - 1)):
            words[first : first + (1 << bits)] &= np.uint64(~CONTIGUOUS & ((1 << 64) - 1))

    def _split_block(self, level: int, word: int) -> int:
        """A table descriptor whose leaves map what block `word` of `level` maps."""
        table = self._store.new()
        kind = TYPE if level + 1 == 3 else VALID
        mask = address_mask(level, self.granule)
        step = np.uint64(self.granule + self._orders[level + 1])
        entries = np.arange(1 << self.granule.level_bits, dtype=np.uint64) << step
        attributes = word & ~mask & ~TYPE & ~CONTIGUOUS
        hint = CONTIGUOUS if self._contiguous else 0
        self._store.words(table)[:] = entries + np.uint64(word & mask | attributes | kind | hint)
        return table | TYPE

    def _clear(self, level: int, words: Words, origin: int, start: int, end: int) -> None:
        """Clear granule pages [start, end) of a table whose first entry maps page `origin`."""
        order = self._orders[level]
        first, last = (start - origin) >> order, (end - 1 - origin) >> order
        part = words[first : last + 1]
        if level == 3:
            part[:] = 0
            return
        is_table = (part & np.uint64(TYPE)) == TYPE
        tables = is_table.nonzero()[0].tolist()
        if len(tables) < len(part):
            part[~is_table] = 0
        for index in tables:
            low = origin + ((first + index) << order)
            inside = max(start, low), min(end, low + (1 << order))
            self._clear(level + 1, self._store.words(int(part[index])), low, *inside)
