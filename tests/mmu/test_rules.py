"""The rules of one stage, each by name: what a descriptor or a regime means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soc.address import PhysAddr
from soc.bus import BusError
from soc.mmu.vmsa import Granule, Regime
from soc.mmu.walk import Permission, Walker
from tests.mmu.machine import Memory
from tests.mmu.reference import LOWEST_BIT
from tests.mmu.single import (
    ABORT,
    ACCESSED,
    ADDRESS_SIZE,
    HINT,
    NO_EL0,
    NONE,
    PXN,
    PXN_TABLE,
    READ_ONLY,
    TRANSLATION,
    USER,
    UXN,
    UXN_TABLE,
    WRITE_OFF,
    one_leaf,
    rights,
    slot,
    walk,
)

K4, K16, K64 = Granule


@pytest.mark.parametrize("granule", list(Granule))
@pytest.mark.parametrize("t0sz", range(16, 40))
@pytest.mark.parametrize("high", [False, True])
def test_every_input_size_reaches_its_last_page_and_no_further(granule, t0sz, high):
    """A chain of last entries down to one page, through as many levels as the range asks for."""
    memory, bits, lowest = Memory(4), 64 - t0sz, LOWEST_BIT[int(granule)]
    level = min(level for level in lowest if lowest[level] < bits)
    for depth, at in enumerate(range(level, 4)):
        width = bits - lowest[level] if depth == 0 else int(granule) - 3
        page = 0x9_8764_0000 | ACCESSED | 3
        memory.store(slot(depth) + 8 * ((1 << width) - 1), page if at == 3 else slot(depth + 1) | 3)
    regime = Regime(PhysAddr(slot(0)), t0sz, 40, granule=granule, high=high)
    assert (regime.first_level, regime.input_bits) == (level, bits)
    last = (1 << 52) - 1 if high else (1 << (bits - 12)) - 1
    leaves = walk(regime, memory, last, 2)
    assert leaves.faults.tolist() == [NONE, TRANSLATION]
    assert int(leaves.frames[0]) == 0x987640 + (1 << (granule - 12)) - 1
    below = last - (1 << (bits - 12))
    if below >= 0:
        assert walk(regime, memory, below, 1).faults[0] == TRANSLATION


@pytest.mark.parametrize(
    ("granule", "level", "order", "group"),
    [
        (K4, 0, None, None),
        (K4, 1, 18, 22),
        (K4, 2, 9, 13),
        (K4, 3, 0, 4),
        (K16, 1, None, None),
        (K16, 2, 13, 18),
        (K16, 3, 2, 9),
        (K64, 1, None, None),
        (K64, 2, 17, 22),
        (K64, 3, 4, 9),
    ],
)
@pytest.mark.parametrize("stage", [1, 2])
def test_leaf_sizes(granule, level, order, group, stage):
    """Blocks are legal at some levels only; the contiguous hint makes a larger entry."""
    for hint, wanted in ((0, order), (HINT, group)):
        leaf = 0x40_0000_0000 | ACCESSED | USER | hint | (3 if level == 3 else 1)
        leaves = walk(*one_leaf(leaf, level, granule, stage=stage))
        assert leaves.stage[0] == stage
        if wanted is None:
            assert leaves.faults[0] == TRANSLATION
        else:
            assert (leaves.faults[0], leaves.order[0], leaves.frames[0]) == (NONE, wanted, 0x400_0000)


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("kind", [0, 2])
def test_bit_0_clear_is_a_translation_fault(level, kind):
    assert walk(*one_leaf(0x1000 | ACCESSED | kind, level)).faults[0] == TRANSLATION


def test_a_reserved_level_3_descriptor_is_a_translation_fault():
    assert walk(*one_leaf(0x1000 | ACCESSED | 1, 3)).faults[0] == TRANSLATION


@pytest.mark.parametrize(
    ("leaf", "above", "fields", "wanted"),
    [
        (0, 0, {}, "xRWX"),
        (USER, 0, {}, "rwxRW"),
        (READ_ONLY, 0, {}, "xRX"),
        (USER | READ_ONLY, 0, {}, "rxRX"),
        (USER | UXN, 0, {}, "rwRW"),
        (READ_ONLY | PXN, 0, {}, "xR"),
        (UXN | PXN, 0, {}, "RW"),
        (USER, NO_EL0, {}, "xRWX"),
        (USER, WRITE_OFF, {}, "rxRX"),
        (USER, NO_EL0 | WRITE_OFF, {}, "xRX"),
        (READ_ONLY, UXN_TABLE, {}, "RX"),
        (READ_ONLY, PXN_TABLE, {}, "xR"),
        (USER, NO_EL0 | WRITE_OFF | UXN_TABLE | PXN_TABLE, {"hierarchical": False}, "rwxRW"),
        (USER, 0, {"write_no_execute": True}, "rwRW"),
        (0, 0, {"write_no_execute": True}, "xRW"),
        (USER | READ_ONLY, 0, {"write_no_execute": True}, "rxRX"),
    ],
)
def test_stage_1_permissions(leaf, above, fields, wanted):
    for level in (2, 3):
        leaves = walk(*one_leaf(leaf | ACCESSED | (3 if level == 3 else 1), level, above=above, **fields))
        assert rights(leaves) == wanted
        assert leaves.stage1_permissions[0] == leaves.permissions[0]


@pytest.mark.parametrize(
    ("leaf", "wanted"),
    [
        (0, "xX"),
        (1 << 6, "rxRX"),
        (1 << 7, "wxWX"),
        (3 << 6, "rwxRWX"),
        (3 << 6 | 1 << 53, "rwxRW"),
        (3 << 6 | 2 << 53, "rwRW"),
        (3 << 6 | 3 << 53, "rwRWX"),
    ],
)
def test_stage_2_permissions_know_no_hierarchy(leaf, wanted):
    leaves = walk(*one_leaf(leaf | ACCESSED | 3, above=0x1F << 59, stage=2))
    assert rights(leaves) == wanted
    assert leaves.stage1_permissions[0] == Permission.everything()
    assert leaves.global_[0]


def test_attributes_and_not_global():
    leaves = walk(*one_leaf(ACCESSED | 5 << 2 | 2 << 8 | 1 << 11 | 3))
    assert (leaves.attributes[0], leaves.global_[0]) == (5 | 2 << 3, False)
    leaves = walk(*one_leaf(ACCESSED | 13 << 2 | 3 << 8 | 3, stage=2))
    assert leaves.attributes[0] == 13 | 3 << 4


@pytest.mark.parametrize(
    ("leaf", "above", "table"),
    [
        (1 << 40 | ACCESSED | 3, 0, 0),
        (ACCESSED | 3, 1 << 40, 0),
        (ACCESSED | 3, 0, 1 << 40),
        (1 << 40 | 3, 0, 0),
    ],
)
def test_addresses_beyond_the_output_size(leaf, above, table):
    """Of a leaf, even without access flag, of a table, and of the first table."""
    regime, memory = one_leaf(leaf, above=above)
    leaves = walk(replace(regime, table=PhysAddr(regime.table | table)), memory)
    assert leaves.faults[0] == ADDRESS_SIZE


def test_every_4_kib_of_a_table_aborts_alone():
    regime, memory = one_leaf(0, granule=K64)
    for index in range(2048):
        memory.store(slot(2) + 8 * index, index << 16 | ACCESSED | 3)
    memory.holes = {(slot(2) >> 12) + 1, (slot(2) >> 12) + 3}
    leaves = walk(regime, memory, 0, 2048 << 4)
    faults = leaves.faults.reshape(4, 512 << 4)
    assert [set(row.tolist()) for row in faults] == [{NONE}, {ABORT}, {NONE}, {ABORT}]
    assert leaves.abort == slot(2) + 0x1000
    assert walk(regime, memory, 1601 << 4, 1).abort == slot(2) + 8 * 1601
    assert walk(regime, memory, 511 << 4, 32).abort == slot(2) + 8 * 512


def test_the_abort_named_is_that_of_the_first_page():
    """A table for later pages that fails higher up is met earlier on the way down."""
    memory = Memory(3)
    regime = Regime(PhysAddr(slot(0)), 25, 40)
    memory.store(slot(0), slot(1) | 3)
    memory.store(slot(0) + 8, slot(8) | 3)
    memory.store(slot(1) + 8 * 511, slot(7) | 3)
    leaves = walk(regime, memory, (1 << 18) - 3, 6)
    assert leaves.faults.tolist() == [ABORT] * 6
    assert leaves.abort == slot(7) + 8 * 509


def test_the_first_table_is_aligned_to_its_size():
    regime = Regime(PhysAddr(0x8000_0FF0), 25 + 6)
    assert (regime.first_entries_bits, regime.root) == (3, 0x8000_0FC0)
    assert Regime(PhysAddr(0x8000_3FF0), 24, stage=2, start_level=1).root == 0x8000_2000


@pytest.mark.parametrize(
    ("granule", "t0sz", "start", "fits"),
    [(K4, 24, 1, True), (K4, 21, 1, True), (K4, 20, 1, False), (K4, 16, 0, True), (K4, 25, 0, False)]
    + [(K4, 33, 1, True), (K4, 34, 1, False), (K16, 24, 2, True), (K16, 23, 2, False), (K64, 18, 2, True)],
)
def test_concatenation_is_up_to_16_tables(granule, t0sz, start, fits):
    assert Regime(PhysAddr(0), t0sz, granule=granule, stage=2, start_level=start).start_level_fits is fits


def test_concatenated_first_tables_are_one_table():
    memory = Memory(2)
    regime = Regime(PhysAddr(slot(0)), 24, 40, stage=2, start_level=1)
    memory.store(slot(0) + 8 * 1023, 3 << 30 | ACCESSED | 3 << 6 | 1)
    leaves = walk(regime, memory, 1023 << 18, (1 << 18) + 1)
    assert leaves.faults[:-1].any() == np.False_
    assert leaves.faults[-1] == TRANSLATION
    assert int(leaves.frames[0]) == 3 << 18
    assert int(leaves.ipa[1]) == (1023 << 30) + 0x1000


def test_a_range_costs_one_read_for_each_table():
    memory, reads = Memory(5), []
    memory.store(slot(0), slot(1) | 3)
    for index in range(3):
        memory.store(slot(1) + 8 * index, slot(index + 2) | 3)

    def read(address: PhysAddr, count: int) -> np.ndarray:
        reads.append((address, count))
        return memory.read_table(address, count)

    Walker(Regime(PhysAddr(slot(0)), 25), read, BusError).walk(500, 1000)
    last = [(slot(2) + 8 * 500, 12), (slot(3), 512), (slot(4), 476)]
    assert reads == [(slot(0), 1), (slot(1), 3), *last]
    memory.words[:] = 0x4000_0000 | ACCESSED | 1
    memory.store(slot(0), slot(1) | 3)
    reads.clear()
    leaves = Walker(Regime(PhysAddr(slot(0)), 25), read, BusError).walk(0, 1 << 17)
    assert not leaves.faults.any()
    assert reads == [(slot(0), 1), (slot(1), 256)]


def test_nothing_is_walked_for_no_pages():
    regime, memory = one_leaf(ACCESSED | 3)
    assert len(walk(regime, memory, 0, 0).frames) == 0


def test_an_ipa_has_52_bits():
    regime, memory = one_leaf(0, stage=2)
    leaves = walk(regime, memory, (1 << 45) + 5, 1)
    assert (leaves.faults[0], leaves.ipa[0]) == (TRANSLATION, 0x5000)
