"""Building tables: map and unmap against a dictionary, judged by walking the result."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from soc.address import PhysAddr
from soc.kernel.errors import KernelError
from soc.mmu.vmsa import (
    ACCESS_FLAG,
    AP_READ_ONLY,
    S2_READ,
    S2_WRITE,
    attribute_index,
)
from soc.mmu.walk import FaultKind
from tests.mmu import reference
from tests.mmu.pool import ATTRIBUTES, BASE, K4, K16, K64, Pool

pages = st.builds(
    lambda area, at: area + at, st.sampled_from([0, 480, 500, 0x3FE00, 0x3_FFF0]), st.integers(0, 40)
)
counts = st.one_of(st.integers(1, 40), st.integers(500, 1600))


class Tables(RuleBasedStateMachine):
    """`model` maps an input page to (frame, writable)."""

    granule, input_bits = K4, 39

    @initialize(contiguous=st.booleans(), stage=st.sampled_from([1, 2]))
    def begin(self, contiguous, stage):
        self.pool = Pool(24, self.granule)
        self.stage = stage
        self.table = self.pool.table(self.granule, self.input_bits, stage=stage, contiguous=contiguous)
        self.model: dict[int, tuple[int, bool]] = {}

    def attributes(self, write):
        if self.stage == 2:
            return ACCESS_FLAG | S2_READ | (S2_WRITE if write else 0)
        return ATTRIBUTES | (0 if write else AP_READ_ONLY)

    @rule(
        page=pages,
        count=counts,
        first=st.integers(1, 1 << 16),
        aligned=st.booleans(),
        scattered=st.integers(0, 1600),
        write=st.booleans(),
    )
    def map(self, page, count, first, aligned, scattered, write):
        unit = 1 << self.granule.page_order
        page, count = page & -unit, max(unit, count & -unit)
        start = (first << 9) + page % 512 if aligned else first * unit
        frames = start + np.arange(count, dtype=np.int64)
        frames[scattered & -unit :] += 3 * unit
        if any(page + at in self.model for at in range(count)):
            with pytest.raises(ValueError, match="is mapped already"):
                self.table.map(page, frames, self.attributes(write))
            return
        self.table.map(page, frames, self.attributes(write))
        self.model.update({page + at: (int(frames[at]), write) for at in range(count)})

    @rule(page=pages, count=counts)
    def unmap(self, page, count):
        unit = 1 << self.granule.page_order
        page, count = page & -unit, count & -unit
        self.table.unmap(page, count)
        for at in range(count):
            self.model.pop(page + at, None)

    @invariant()
    def the_walker_finds_exactly_the_model(self):
        if not hasattr(self, "model"):
            return
        for area, length in ((0, 2200), (0x3FE00, 2200)):
            leaves = self.pool.walk(self.table, area, length)
            good = np.flatnonzero(leaves.faults == FaultKind.NONE)
            writable = leaves.writable
            found = {area + at: (int(leaves.frames[at]), bool(writable[at])) for at in good.tolist()}
            assert found == {page: leaf for page, leaf in self.model.items() if area <= page < area + length}
            assert set(leaves.faults.tolist()) <= {FaultKind.NONE, FaultKind.TRANSLATION}
            self.every_entry_is_whole(area, leaves, good)

    def every_entry_is_whole(self, area, leaves, good):
        """All pages that one TLB entry covers go on in the same way, or the entry would lie about them."""
        for at in good.tolist():
            size = 1 << int(leaves.order[at])
            first = (area + at) // size * size
            low, high = max(first, area) - area, min(first + size, area + len(leaves.frames)) - area
            offset = int(leaves.frames[at]) - (area + at)
            assert (leaves.frames[low:high] - np.arange(area + low, area + high) == offset).all()
            assert (leaves.order[low:high] == leaves.order[at]).all()

    def teardown(self):
        if hasattr(self, "model"):
            self.table.free_all()
            assert sorted(self.pool.free) == sorted(self.pool.all)


class Tables16(Tables):
    granule, input_bits = K16, 36


class Tables64(Tables):
    granule, input_bits = K64, 42


TestTables, TestTables16, TestTables64 = Tables.TestCase, Tables16.TestCase, Tables64.TestCase
for case in (TestTables, TestTables16, TestTables64):
    case.settings = settings(max_examples=25, stateful_step_count=10, deadline=None)


@pytest.mark.parametrize(
    ("granule", "input_bits", "level"),
    [(K4, 48, 0), (K4, 39, 1), (K4, 30, 2), (K16, 48, 0), (K16, 47, 1), (K16, 36, 2), (K16, 25, 3)]
    + [(K64, 48, 1), (K64, 42, 2), (K64, 29, 3)],
)
def test_every_start_level_builds_what_the_architecture_reads(granule, input_bits, level):
    pool = Pool(granule=granule)
    table = pool.table(granule, input_bits)
    assert (table.start_level, table.t0sz) == (level, 64 - input_bits)
    unit = 1 << granule.page_order
    top = (1 << (input_bits - 12)) - unit
    table.map(top, 0x12340 + np.arange(unit), ATTRIBUTES | attribute_index(2))

    class Words:
        def word(self, address: int) -> int:
            return int(pool.view(PhysAddr(address), 1)[0])

        def store(self, address: int, word: int) -> bool:
            raise AssertionError

    found = reference.walk(Words(), table.regime(40), (top << 12) + 0xABC)
    assert (found.fault, found.address, found.attributes) == ("", 0x1234_0ABC, 2)
    assert found.rights == {"r", "w", "x", "R", "W"}


def test_a_mapping_that_overlaps_changes_nothing_and_says_where():
    pool = Pool()
    table = pool.table()
    table.map(0x205, np.array([7]), ATTRIBUTES)
    with pytest.raises(ValueError, match="mapped") as caught:
        table.map(0x1F0, np.arange(0x40), ATTRIBUTES)
    assert str(caught.value) == "input page 0x200 or one after it is mapped already"
    leaves = pool.walk(table, 0x1F0, 0x40)
    assert np.flatnonzero(leaves.faults == FaultKind.NONE).tolist() == [0x15]
    table.map(0x400, np.arange(0x400, 0x600), ATTRIBUTES)
    with pytest.raises(ValueError, match="mapped") as caught:
        table.map(0x412, np.array([1]), ATTRIBUTES)
    assert str(caught.value) == "input page 0x412 or one after it is mapped already"


def test_when_no_page_is_left_for_a_table_nothing_changes():
    pool = Pool(tables=3)
    table = pool.table()
    with pytest.raises(KernelError):
        table.map(0x1FF, np.array([1, 2]), ATTRIBUTES)
    assert pool.walk(table, 0x1FF, 2).faults.tolist() == [FaultKind.TRANSLATION] * 2
    table.map(0x400, np.arange(0x400, 0x600), ATTRIBUTES)
    pool.free.clear()
    with pytest.raises(KernelError):
        table.unmap(0x410, 8)
    assert not pool.walk(table, 0x400, 512).faults.any()


def test_concatenated_first_tables_are_the_callers():
    pool = Pool()
    root = PhysAddr(BASE)
    pool.free = pool.free[:-2]
    pool.view(root, 1024)[:] = 0
    table = pool.table(K4, 40, stage=2, start_level=1, root=root)
    table.map(0x3FF_FFFF, np.array([0x1234]), ACCESS_FLAG | S2_READ)
    table.map((1 << 28) - 1, np.array([0x5678]), ACCESS_FLAG | S2_READ)
    regime = table.regime(40)
    assert (regime.start_level, regime.stage, regime.input_bits, regime.root) == (1, 2, 40, root)
    assert int(pool.walk(table, (1 << 28) - 1, 1).frames[0]) == 0x5678
    before = len(pool.free)
    table.free_all()
    assert len(pool.free) == before + 4, "the root stays"


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda pool: pool.table(K4, 40, stage=2, start_level=1),
            "concatenated first tables must be given as `root`",
        ),
        (lambda pool: pool.table(K4, 40, start_level=1), "40 input bits cannot start at level 1"),
        (lambda pool: pool.table(K4, 44, stage=2, start_level=1), "44 input bits cannot start at level 1"),
        (lambda pool: pool.table(K4, 30, start_level=1), "30 input bits cannot start at level 1"),
        (
            lambda pool: pool.table().map(1 << 27, np.array([1]), 0),
            "input pages 0x8000000+0x1 are outside 39 bits",
        ),
        (lambda pool: pool.table().unmap(-1, 1), "input pages -0x1+0x1 are outside 39 bits"),
        (lambda pool: pool.table(K16).unmap(2, 4), "input pages 0x2+0x4 are not whole 4-page granules"),
        (
            lambda pool: pool.table(K16).map(4, np.arange(4, 10), 0),
            "input pages 0x4+0x6 are not whole 4-page granules",
        ),
        (
            lambda pool: pool.table(K16).map(4, np.arange(2, 6), 0),
            "output frames are not whole 4-page granules",
        ),
        (
            lambda pool: pool.table(K16).map(4, np.array([4, 5, 6, 8]), 0),
            "output frames are not whole 4-page granules",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(act, message):
    with pytest.raises(ValueError, match="input|output|root") as caught:
        act(Pool(granule=K64))
    assert str(caught.value) == message
