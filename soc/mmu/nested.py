"""Two stages: stage-1 descriptors are fetched through stage 2, and so is the output.

Source: ARM DDI 0487, D8.2.1 and D8.5; ARM IHI 0070, 3.3 and 7.3 (class of a fault).

Not modelled: combination of memory types (attributes are stage 1's).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_MASK, PAGE_SHIFT, PhysAddr
from soc.memory.span import Frames
from soc.mmu.leaves import FaultKind, Leaves, Permission
from soc.mmu.memory import FetchFault, PhysicalTables, ReadTable, Words, WriteTable, by_page
from soc.mmu.pages import PageList, PageRange
from soc.mmu.vmsa import Regime
from soc.mmu.walk import Tree

_NORMAL_MEMORY = 0b1100
"""MemAttr bits of which device memory has none."""


def is_device(attributes: int) -> bool:
    """Whether stage 2's `Leaves.attributes` of a page are those of device memory."""
    return not attributes & _NORMAL_MEMORY


class Stage2:
    """Translates intermediate pages, in any order."""

    def __init__(self, regime: Regime, tables: PhysicalTables) -> None:
        self.regime = regime
        self._tree = Tree(regime)
        self._tables = tables

    def translate(self, pages: Frames, write: bool) -> Leaves:
        """The leaves of intermediate `pages`, shape (n,), n > 0, in their order."""
        steps = pages[1:] - pages[:-1]
        if (steps == 1).all():
            return self._walk(PageRange(int(pages[0]), len(pages)), write)
        if (steps > 0).all():
            return self._walk(PageList(pages), write)
        different, places = np.unique(pages, return_inverse=True)
        leaves = self._walk(PageList(different), write).part(places)
        if (aborted := first_abort(leaves)) is not None:
            leaves.abort = self.translate(pages[aborted : aborted + 1], write).abort
        return leaves

    def _walk(self, pages: PageRange | PageList, write: bool) -> Leaves:
        return self._tree.walk(pages, self._tables, write, privileged=False)


@dataclass(frozen=True)
class _TablePage:
    """Where a page of stage-1 tables lies, or why stage 2 does not say."""

    frame: int
    fault: FetchFault | None


class IntermediateTables:
    """Stage-1 tables, seen through stage 2. Lives for one walk: it remembers translations."""

    def __init__(self, stage2: Stage2, tables: PhysicalTables) -> None:
        self._stage2 = stage2
        self._tables = tables
        self._known: dict[int, _TablePage] = {}

    def prepare(self, pieces: list[tuple[int, int]]) -> None:
        """Translate the pages of all `pieces` in one walk."""
        wanted = {page for address, count in pieces for page in _pages(address, count)}
        missing = sorted(wanted - self._known.keys())
        if not missing:
            return
        leaves = self._stage2.translate(np.array(missing, dtype=np.int64), write=False)
        for index, page in enumerate(missing):
            fault = self._refusal(page, leaves, index, Permission.READ)
            self._known[page] = _TablePage(int(leaves.frames[index]), fault)

    def read(self, address: int, count: int) -> Words:
        self.prepare([(address, count)])
        pages = [self._known[page] for page in _pages(address, count)]
        for page in pages:
            if page.fault is not None:
                raise page.fault
        first = pages[0].frame
        if all(page.frame == first + index for index, page in enumerate(pages)):
            return self._tables.read(_moved(address, first), count)
        return np.concatenate(
            [
                self._tables.read(_moved(at, page.frame), end - start)
                for page, (at, start, end) in zip(pages, by_page(address, count), strict=True)
            ]
        )

    def write(self, address: int, words: Words) -> None:
        """Needs write permission at stage 2, and is a write for its dirty state."""
        for at, start, end in by_page(address, len(words)):
            page = at >> PAGE_SHIFT
            leaves = self._stage2.translate(np.array([page]), write=True)
            fault = self._refusal(page, leaves, 0, Permission.WRITE)
            if fault is not None:
                raise fault
            self._tables.write(_moved(at, int(leaves.frames[0])), words[start:end])

    def _refusal(self, page: int, leaves: Leaves, index: int, needed: Permission) -> FetchFault | None:
        """Why a stage-1 descriptor on intermediate `page` cannot be accessed."""
        kind = FaultKind(int(leaves.faults[index]))
        if kind is FaultKind.NONE:
            protected = self._stage2.regime.protected_walk and is_device(int(leaves.attributes[index]))
            if int(leaves.permissions[index]) & needed and not protected:
                return None
            kind = FaultKind.PERMISSION
        abort = None
        if kind is FaultKind.EXTERNAL_ABORT:
            # the walk of many pages names the first abort only
            abort = self._stage2.translate(np.array([page]), needed == Permission.WRITE).abort
        return FetchFault(kind, stage=2, table=True, ipa=page << PAGE_SHIFT, abort=abort)


class NestedWalker:
    """Walks stage 1 below stage 2. `write_table` is needed where either updates descriptors (ValueError)."""

    def __init__(
        self,
        stage1: Regime,
        stage2: Regime,
        read_table: ReadTable,
        bus_error: type[Exception],
        write_table: WriteTable | None = None,
    ) -> None:
        if (stage1.update_access or stage2.update_access) and write_table is None:
            raise ValueError("hardware update of descriptors needs write_table")
        self._stage1 = Tree(stage1)
        # a stage-1 descriptor that memory does not answer for is stage 1's abort
        self._tables = PhysicalTables(read_table, bus_error, write_table, stage=1)
        self._stage2 = Stage2(stage2, PhysicalTables(read_table, bus_error, write_table, stage=2))

    def walk(self, page: int, count: int, write: bool = False, privileged: bool = False) -> Leaves:
        """As `Walker.walk`: input pages to physical frames through both stages."""
        memory = IntermediateTables(self._stage2, self._tables)
        leaves = self._stage1.walk(PageRange(page, count), memory, write, privileged)
        good = leaves.faults == FaultKind.NONE
        if self._stage2.regime.dirty_state and write:
            # a page that stage 1 does not let be written is not written, so it does not get dirty
            allowed = leaves.allows(Permission.needed(write, privileged))
            self._finish(leaves, good & ~allowed, write=False)
            self._finish(leaves, good & allowed, write=True)
        else:
            self._finish(leaves, good, write)
        return leaves

    def _finish(self, leaves: Leaves, chosen: NDArray[np.bool_], write: bool) -> None:
        """Put the `chosen` pages' output through stage 2."""
        if not chosen.any():
            return
        where: slice | NDArray[np.intp] = slice(None) if chosen.all() else np.flatnonzero(chosen)
        before = first_abort(leaves)
        intermediate = leaves.frames[where]
        second = self._stage2.translate(intermediate, write)
        leaves.ipa[where] = intermediate << PAGE_SHIFT
        leaves.frames[where] = second.frames
        leaves.permissions[where] &= second.permissions
        leaves.faults[where] = second.faults
        leaves.stage[where] = np.where(second.faults == FaultKind.NONE, np.uint8(1), np.uint8(2))
        if second.abort is not None and first_abort(leaves) != before:
            leaves.abort = second.abort


def first_abort(leaves: Leaves) -> int | None:
    """Index of the first page with an external abort."""
    aborts = np.flatnonzero(leaves.faults == FaultKind.EXTERNAL_ABORT)
    return int(aborts[0]) if len(aborts) else None


def _pages(address: int, count: int) -> range:
    return range(address >> PAGE_SHIFT, ((address + 8 * count - 1) >> PAGE_SHIFT) + 1)


def _moved(address: int, frame: int) -> PhysAddr:
    return PhysAddr((frame << PAGE_SHIFT) | (address & PAGE_MASK))
