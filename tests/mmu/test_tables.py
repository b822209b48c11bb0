"""Building tables: map and unmap against a dictionary, judged by walking the result."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from soc.address import PhysAddr
from soc.bus import BusError
from soc.kernel.errors import KernelError
from soc.mmu.tables import PageTable
from soc.mmu.vmsa import ACCESS_FLAG, AP_EL0, AP_READ_ONLY, Regime, attribute_index
from soc.mmu.walk import FaultKind, Walker
from tests.mmu import reference

BASE = 0x8000_0000
POOL = 24
T0SZ = {0: 16, 1: 25, 2: 34}
ATTRIBUTES = ACCESS_FLAG | AP_EL0


class Pool:
    """Pages of a small memory, filled with rubbish before they are handed out."""

    def __init__(self, pages: int = POOL) -> None:
        self.words = np.full(pages * 512, 0xDEAD_BEEF_DEAD_BEEF, dtype=np.uint64)
        self.free = [PhysAddr(BASE + 0x1000 * page) for page in reversed(range(pages))]

    def allocate(self) -> PhysAddr:
        if not self.free:
            raise KernelError(12, "no page")
        return self.free.pop()

    def view(self, address: PhysAddr, count: int) -> np.ndarray:
        first = (address - BASE) // 8
        if not 0 <= first <= len(self.words) - count:
            raise BusError(address, 8 * count, "read", "test")
        return self.words[first : first + count]

    def table(self, start_level: int) -> PageTable:
        return PageTable(self.allocate, self.free.append, self.view, start_level)


pages = st.builds(
    lambda area, at: area + at, st.sampled_from([0, 500, 0x3FF00, 0x3_FFF0]), st.integers(0, 40)
)
counts = st.one_of(st.integers(1, 40), st.integers(500, 1100))


class Tables(RuleBasedStateMachine):
    """`model` maps an input page to (frame, writable)."""

    start_level = 1

    def __init__(self) -> None:
        super().__init__()
        self.pool = Pool()
        self.table = self.pool.table(self.start_level)
        self.model: dict[int, tuple[int, bool]] = {}

    @rule(
        page=pages, count=counts, first=st.integers(1, 1 << 20), scattered=st.booleans(), write=st.booleans()
    )
    def map(self, page, count, first, scattered, write):
        frames = first + np.arange(count, dtype=np.int64) * (3 if scattered else 1)
        attributes = ATTRIBUTES | (0 if write else AP_READ_ONLY)
        if any(page + at in self.model for at in range(count)):
            with pytest.raises(ValueError, match="is mapped already"):
                self.table.map(page, frames, attributes)
            return
        self.table.map(page, frames, attributes)
        self.model.update({page + at: (int(frames[at]), write) for at in range(count)})

    @rule(page=pages, count=counts)
    def unmap(self, page, count):
        self.table.unmap(page, count)
        for at in range(count):
            self.model.pop(page + at, None)

    @invariant()
    def the_walker_finds_exactly_the_model(self):
        regime = Regime(self.table.root, T0SZ[self.start_level], 40)
        walker = Walker(regime, self.pool.view, BusError)
        for area, length in ((0, 1700), (0x3FE00, 1700)):
            leaves = walker.walk(area, length)
            found = {
                area + at: (int(leaves.frames[at]), bool(leaves.writable[at]))
                for at in np.flatnonzero(leaves.faults == FaultKind.NONE).tolist()
            }
            assert found == {page: leaf for page, leaf in self.model.items() if area <= page < area + length}
            assert set(leaves.faults.tolist()) <= {FaultKind.NONE, FaultKind.TRANSLATION}

    def teardown(self):
        self.table.free_all()
        assert sorted(self.pool.free) == [BASE + 0x1000 * page for page in range(POOL)]


TestTables = Tables.TestCase
TestTables.settings = settings(max_examples=30, stateful_step_count=12)


@pytest.mark.parametrize("start_level", [0, 1, 2])
def test_every_start_level_builds_what_the_architecture_reads(start_level):
    pool = Pool()
    table = pool.table(start_level)
    top = (1 << (64 - T0SZ[start_level] - 12)) - 1
    table.map(top, np.array([0x12345]), ATTRIBUTES | attribute_index(2))

    def read(address: int) -> int:
        return int(pool.view(PhysAddr(address), 1)[0])

    found = reference.walk(read, table.root, T0SZ[start_level], 40, True, top << 12 | 0xABC)
    assert (found.fault, found.address, found.readable, found.writable) == ("", 0x1234_5ABC, True, True)


def test_a_mapping_that_overlaps_changes_nothing_and_says_where():
    pool = Pool()
    table = pool.table(1)
    table.map(0x205, np.array([7]), ATTRIBUTES)
    before = pool.words.copy()
    with pytest.raises(ValueError, match="mapped") as caught:
        table.map(0x1F0, np.arange(0x40), ATTRIBUTES)
    assert str(caught.value) == "input page 0x200 or one after it is mapped already"
    changed = np.flatnonzero(before != pool.words)
    leaf_of_the_first_2_mib = [index for index in changed.tolist() if before[index] != 0xDEAD_BEEF_DEAD_BEEF]
    assert [int(pool.words[index]) & 3 for index in leaf_of_the_first_2_mib] == [3]


def test_when_no_page_is_left_for_a_table_nothing_is_mapped():
    pool = Pool(pages=3)
    table = pool.table(1)
    with pytest.raises(KernelError):
        table.map(0x1FF, np.array([1, 2]), ATTRIBUTES)
    walked = Walker(Regime(table.root, 25), pool.view, BusError).walk(0x1FF, 2)
    assert walked.faults.tolist() == [FaultKind.TRANSLATION] * 2
