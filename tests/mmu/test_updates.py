"""What hardware writes back: access flag and dirty state, one stage."""

from __future__ import annotations

import numpy as np
import pytest

from soc.address import PhysAddr
from soc.bus import BusError
from soc.mmu.vmsa import Regime
from soc.mmu.walk import Walker
from tests.mmu.machine import Memory
from tests.mmu.single import (
    ABORT,
    ACCESS_FLAG,
    ACCESSED,
    ADDRESS_SIZE,
    DBM,
    NO_EL0,
    NONE,
    READ_ONLY,
    TRANSLATION,
    USER,
    WRITE_OFF,
    one_leaf,
    rights,
    slot,
    walk,
)


@pytest.mark.parametrize(
    ("fields", "fault", "after"),
    [
        ({}, ACCESS_FLAG, 0),
        ({"access_flag_fault": False}, NONE, 0),
        ({"update_access": True}, NONE, ACCESSED),
        ({"update_access": True, "access_flag_fault": False}, NONE, ACCESSED),
    ],
)
@pytest.mark.parametrize("stage", [1, 2])
def test_the_access_flag(fields, fault, after, stage):
    regime, memory = one_leaf(USER | 3, stage=stage, **fields)
    assert walk(regime, memory).faults[0] == fault
    assert memory.word(slot(3)) == USER | 3 | after


HD = {"update_access": True, "update_dirty": True}


@pytest.mark.parametrize(
    ("leaf", "above", "fields", "write", "privileged", "wanted", "dirty"),
    [
        (USER | READ_ONLY | DBM, 0, HD, False, False, "rxR", False),
        (USER | READ_ONLY | DBM, 0, HD, True, False, "rwxRW", True),
        (USER | READ_ONLY | DBM, 0, HD, True, True, "rwxRW", True),
        (READ_ONLY | DBM, 0, HD, True, False, "xRX", False),
        (READ_ONLY | DBM, 0, HD, True, True, "xRWX", True),
        (USER | READ_ONLY | DBM, NO_EL0, HD, True, False, "xRX", False),
        (USER | READ_ONLY | DBM, WRITE_OFF, HD, True, True, "rxRX", False),
        (USER | READ_ONLY, 0, HD, True, False, "rxRX", False),
        (USER | READ_ONLY | DBM, 0, {"update_access": True}, True, False, "rxRX", False),
        (USER | READ_ONLY | DBM, 0, {"update_dirty": True}, True, False, "rxRX", False),
    ],
)
def test_the_dirty_state_of_stage_1(leaf, above, fields, write, privileged, wanted, dirty):
    regime, memory = one_leaf(leaf | ACCESSED | 3, above=above, **fields)
    assert rights(walk(regime, memory, 0, 1, write, privileged)) == wanted
    assert memory.word(slot(3)) == (leaf | ACCESSED | 3) & ~(READ_ONLY if dirty else 0)


@pytest.mark.parametrize(("write", "wanted"), [(False, "rxRX"), (True, "rwxRWX")])
def test_the_dirty_state_of_stage_2(write, wanted):
    regime, memory = one_leaf(1 << 6 | DBM | ACCESSED | 3, stage=2, **HD)
    assert rights(walk(regime, memory, write=write)) == wanted
    assert bool((memory.word(slot(3)) or 0) & 1 << 7) is write


def test_an_update_writes_what_it_changes_and_once_for_a_table():
    regime, memory = one_leaf(0, update_access=True)
    leaves = [0x1000 | USER | 3, 0, 0x3000 | USER | 3 | ACCESSED, 0xF00_0000_0000 | 3, 0x5000 | 3]
    for index, leaf in enumerate(leaves):
        memory.store(slot(3) + 8 * index, leaf)
    faults = walk(regime, memory, 0, 6).faults.tolist()
    assert faults == [NONE, TRANSLATION, NONE, ADDRESS_SIZE, NONE, TRANSLATION]
    changed = [(memory.word(slot(3) + 8 * index) or 0) ^ leaf for index, leaf in enumerate(leaves)]
    assert changed == [ACCESSED, 0, 0, 0, ACCESSED]
    assert memory.writes == 1
    walk(regime, memory, 0, 6)
    assert memory.writes == 1


@pytest.mark.parametrize("above", [0, NO_EL0])
@pytest.mark.parametrize("copies", [False, True])
def test_a_table_reached_by_two_ways_keeps_both_updates(above, copies):
    """The second way may not make it dirty, and must not undo that the first one did."""
    memory = Memory(3)
    regime = Regime(PhysAddr(slot(0)), 34, 40, **HD)
    memory.store(slot(0), slot(1) | 3)
    memory.store(slot(0) + 8, slot(1) | 3 | above)
    for index in range(3):
        memory.store(slot(1) + 8 * index, USER | READ_ONLY | DBM | 3)

    def read(address: PhysAddr, count: int) -> np.ndarray:
        words = memory.read_table(address, count)
        return words.copy() if copies else words

    Walker(regime, read, BusError, memory.write_table).walk(0, 1024, write=True)
    assert [memory.word(slot(1) + 8 * index) for index in range(3)] == [USER | DBM | ACCESSED | 3] * 3


def test_a_descriptor_that_cannot_be_updated_is_an_external_abort():
    regime, memory = one_leaf(0x1000 | USER | 1, level=2, update_access=True)
    memory.locked = {slot(2) >> 12}
    leaves = walk(regime, memory, 0, 513)
    assert leaves.faults.tolist() == [ABORT] * 512 + [TRANSLATION]
    assert leaves.abort == slot(2)


def test_hardware_update_needs_a_way_to_write():
    regime, memory = one_leaf(0, update_access=True)
    with pytest.raises(ValueError, match="needs write_table"):
        Walker(regime, memory.read_table, BusError)
