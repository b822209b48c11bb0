"""Leaf descriptors between memory and answer: read, gathered in runs, updated by hardware."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from soc.address import PhysAddr
from soc.mmu.leaves import Leaves
from soc.mmu.memory import FetchFault, TableMemory, Words, by_page
from soc.mmu.pages import Numbers, Pages


@dataclass(frozen=True)
class Piece:
    """Descriptors of one table: the words from `address` on, and which of them are touched (None: all)."""

    address: int
    words: Words
    touched: Numbers | None

    @property
    def chosen(self) -> Words:
        """The touched descriptors."""
        return self.words if self.touched is None else self.words[self.touched]

    def part(self, first: int, end: int) -> Piece:
        """The touched descriptors `first` .. `end - 1`, counted in order."""
        if self.touched is None:
            return Piece(self.address + 8 * first, self.words[first:end], None)
        return Piece(self.address, self.words, self.touched[first:end])


@dataclass
class Run:
    """Pages that follow each other and whose leaves are decoded alike."""

    level: int
    shift: int
    limits: int
    pages: Pages
    pieces: list[Piece]

    def words(self) -> Words:
        """The descriptors of all pieces, one for each touched entry."""
        chosen = [piece.chosen for piece in self.pieces]
        return chosen[0] if len(chosen) == 1 else np.concatenate(chosen)


@dataclass
class Found:
    """What the way down left behind: leaves to decode, and pages that stay without."""

    runs: list[Run] = field(default_factory=list)
    failures: list[tuple[slice | NDArray[np.intp], FetchFault]] = field(default_factory=list)

    def add(self, level: int, shift: int, limits: int, pages: Pages, piece: Piece) -> None:
        """Append leaves, to the last run if they continue it."""
        last = self.runs[-1] if self.runs else None
        if last and (last.level, last.limits, last.pages.where.stop) == (level, limits, pages.where.start):
            last.pages = last.pages.through(pages)
            last.pieces.append(piece)
        else:
            self.runs.append(Run(level, shift, limits, pages, [piece]))

    def fail(self, where: slice | NDArray[np.intp], fault: FetchFault) -> None:
        """These pages of the answer have no leaf, whatever else was found."""
        self.failures.append((where, fault))

    def report(self, leaves: Leaves) -> None:
        """Write the failures over the pages they hit."""
        aborts: list[tuple[int, PhysAddr]] = []
        for where, fault in self.failures:
            leaves.faults[where] = fault.kind
            leaves.stage[where] = fault.stage
            leaves.table[where] = fault.table
            leaves.ipa[where] = fault.ipa
            if fault.abort is not None:
                first = where.start if isinstance(where, slice) else int(where[0])
                aborts.append((first, fault.abort))
        if aborts:
            leaves.abort = min(aborts)[1]


def read_piece(
    memory: TableMemory, address: int, count: int, pages: Pages, shift: int, found: Found
) -> Piece:
    """The descriptors that `pages` touch, among `count` from `address` on.

    Where memory refuses, 4 KiB of the table fail and their words are zero.
    """
    touched = pages.touched(shift)
    try:
        return Piece(address, memory.read(address, count), touched)
    except FetchFault:
        words = np.zeros(count, np.uint64)
    numbers = np.arange(count) if touched is None else touched
    for low, high in _by_page(address, numbers):
        start, end = int(numbers[low]), int(numbers[high - 1]) + 1
        try:
            words[start:end] = memory.read(address + 8 * start, end - start)
        except FetchFault as fault:
            found.fail(pages.part(low, high, shift).where, fault)
    return Piece(address, words, touched)


def update(run: Run, memory: TableMemory, new: Words, flipped: Words, found: Found) -> None:
    """Hardware update: give descriptors the `flipped` bits of `new`, one word for each touched one."""
    done = 0
    for piece in run.pieces:
        end = done + len(piece.chosen)
        changed = np.flatnonzero(flipped[done:end])
        numbers = changed if piece.touched is None else piece.touched[changed]
        for low, high in _by_page(piece.address, numbers):
            entries = done + changed[low:high]
            try:
                _modify(memory, piece.address, numbers[low:high], new[entries], flipped[entries])
            except FetchFault as fault:
                mark = np.zeros(len(flipped), np.bool_)
                mark[entries] = True
                hit = np.broadcast_to(run.pages.spread(mark, run.shift), len(run.pages))
                found.fail(run.pages.where.start + np.flatnonzero(hit), fault)
        done = end


def _modify(memory: TableMemory, address: int, numbers: Numbers, new: Words, mask: Words) -> None:
    """Write the `mask` bits of descriptors `numbers`, and no other bits, in one step."""
    start, end = int(numbers[0]), int(numbers[-1]) + 1
    # read again: the same table may be reached, and have been updated, by two ways
    words = memory.read(address + 8 * start, end - start).copy()
    words[numbers - start] = (words[numbers - start] & ~mask) | (new & mask)
    memory.write(address + 8 * start, words)


def _by_page(address: int, numbers: Numbers) -> list[tuple[int, int]]:
    """Descriptor `numbers` of a table, cut where 4 KiB pages end: index ranges."""
    if not len(numbers):
        return []
    cuts = [first for _, first, _ in by_page(address, int(numbers[-1]) + 1)]
    edges = [*np.searchsorted(numbers, cuts).tolist(), len(numbers)]
    return [(low, high) for low, high in zip(edges, edges[1:], strict=False) if low < high]
