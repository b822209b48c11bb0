"""The rules of stage 1 below stage 2, each by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soc.address import PhysAddr
from soc.bus import BusError
from soc.mmu.leaves import Leaves
from soc.mmu.nested import NestedWalker
from soc.mmu.tables import PageTable
from soc.mmu.vmsa import (
    ACCESS_FLAG,
    AP_EL0,
    AP_READ_ONLY,
    DIRTY_MODIFIER,
    NOT_GLOBAL,
    PXN,
    S2_READ,
    S2_WRITE,
    S2_XN,
    attribute_index,
    stage2_memory,
)
from soc.mmu.walk import FaultKind, Permission
from tests.mmu.machine import BASE, Memory

NONE, TRANSLATION, ADDRESS_SIZE, ACCESS, PERMISSION, ABORT = FaultKind
NORMAL = ACCESS_FLAG | S2_READ | S2_WRITE | stage2_memory(15)
LEAF = ACCESS_FLAG | AP_EL0 | NOT_GLOBAL | PXN | attribute_index(1)
GAP = 1 << 16
"""Pages between the intermediate and the physical place of the stage-1 tables."""
OUTPUT = 0x100_000
HD = {"update_access": True, "update_dirty": True}


class Guest:
    """Stage-1 tables that a guest builds at intermediate addresses, below a stage 2 of the host."""

    def __init__(self, table_leaf: int = NORMAL) -> None:
        self.memory = Memory(16)
        slots = iter(range(BASE, BASE + len(self.memory.words) * 8, 0x1000))
        take = [PhysAddr(address) for address in slots]
        self.stage2 = PageTable(
            lambda: take.pop(), take.append, self.memory.read_table, stage=2, input_bits=38
        )
        first = (BASE >> 12) - GAP
        self.tables = np.arange(first, first + 16)
        self.stage2.map(first, self.tables + GAP, table_leaf)
        ipas = iter((self.tables << 12).tolist())
        self.stage1 = PageTable(lambda: PhysAddr(next(ipas)), lambda page: None, self.table)

    def table(self, address: int, count: int) -> np.ndarray:
        return self.memory.read_table(PhysAddr(address + (GAP << 12)), count)

    def walk(
        self,
        page: int,
        count: int = 1,
        write: bool = False,
        privileged: bool = False,
        first: dict[str, object] | None = None,
        second: dict[str, object] | None = None,
    ) -> Leaves:
        one = replace(self.stage1.regime(40), **first or {})
        two = replace(self.stage2.regime(40), **second or {})
        walker = NestedWalker(one, two, self.memory.read_table, BusError, self.memory.write_table)
        return walker.walk(page, count, write, privileged)

    def leaf(self, page: int, table: int = 2) -> int:
        """The stage-1 descriptor of `page` in the guest's table of that number."""
        return int(self.table(int(self.tables[table]) << 12, 512)[page & 511])


def test_both_stages_together():
    guest = Guest()
    guest.stage1.map(0x200, OUTPUT + np.arange(512), LEAF)
    guest.stage2.map(OUTPUT, 0x9000 + np.arange(512) * 3, NORMAL & ~S2_WRITE | S2_XN)
    leaves = guest.walk(0x200, 513)
    assert leaves.faults.tolist() == [NONE] * 512 + [TRANSLATION]
    assert set(leaves.stage.tolist()) == {1}
    leaves = leaves.part(slice(512))
    assert leaves.frames.tolist() == (0x9000 + np.arange(512) * 3).tolist()
    assert set(leaves.order.tolist()) == {9}, "an address of the stage-1 block stands for all of it"
    assert set(leaves.permissions.tolist()) == {Permission.READ | Permission.PRIV_READ}
    everything_but = Permission.everything() & ~Permission.PRIV_EXECUTE
    assert set(leaves.stage1_permissions.tolist()) == {everything_but}
    assert leaves.ipa.tolist() == ((OUTPUT + np.arange(512)) << 12).tolist()
    assert not leaves.global_.any()
    assert set(leaves.attributes.tolist()) == {1}


def test_scattered_and_repeated_intermediate_pages_keep_their_order():
    guest, rng = Guest(), np.random.default_rng(4)
    ipas = OUTPUT + rng.integers(0, 700, 900)
    guest.stage1.map(0x200, ipas, LEAF)
    physical = rng.permutation(1 << 20)[:700]
    guest.stage2.map(OUTPUT, physical, NORMAL)
    leaves = guest.walk(0x200, 900)
    assert not leaves.faults.any()
    assert leaves.frames.tolist() == physical[ipas - OUTPUT].tolist()


def test_an_intermediate_page_may_repeat_in_a_row():
    guest = Guest()
    guest.stage1.map(0x200, OUTPUT + np.array([0, 0, 1]), LEAF)
    guest.stage2.map(OUTPUT, np.array([0x9000, 0x9007]), NORMAL)
    assert guest.walk(0x200, 3).frames.tolist() == [0x9000, 0x9000, 0x9007]


@pytest.mark.parametrize(
    ("leaf", "fields", "kind"),
    [
        (None, {}, TRANSLATION),
        (NORMAL & ~ACCESS_FLAG, {}, ACCESS),
        (NORMAL | 1 << 41, {}, ADDRESS_SIZE),
        (NORMAL & ~S2_READ, {}, PERMISSION),
        (NORMAL & ~stage2_memory(15), {"protected_walk": True}, PERMISSION),
        (NORMAL & ~stage2_memory(15), {}, NONE),
    ],
)
def test_a_stage_1_table_that_stage_2_does_not_give(leaf, fields, kind):
    guest = Guest()
    guest.stage1.map(0x200, np.array([OUTPUT]), LEAF)
    guest.stage2.map(OUTPUT, np.array([0x9000]), NORMAL)
    page = int(guest.tables[2])
    guest.stage2.unmap(page, 1)
    if leaf is not None:
        guest.stage2.map(page, np.array([page + GAP]), leaf)
    leaves = guest.walk(0x200, second=fields)
    assert leaves.faults[0] == kind
    if kind is not NONE:
        assert (leaves.stage[0], leaves.table[0], leaves.ipa[0]) == (2, True, page << 12)


@pytest.mark.parametrize(
    ("leaf", "kind"),
    [(None, TRANSLATION), (NORMAL & ~ACCESS_FLAG, ACCESS), (NORMAL | 1 << 41, ADDRESS_SIZE)],
)
def test_an_output_that_stage_2_does_not_give(leaf, kind):
    guest = Guest()
    guest.stage1.map(0x200, OUTPUT + np.arange(3), LEAF)
    guest.stage2.map(OUTPUT, np.array([0x9000]), NORMAL)
    if leaf is not None:
        guest.stage2.map(OUTPUT + 1, np.array([0x9001]), leaf)
    leaves = guest.walk(0x200, 2)
    assert leaves.faults.tolist() == [NONE, kind]
    assert (leaves.stage[1], leaves.table[1], leaves.ipa[1]) == (2, False, (OUTPUT + 1) << 12)


def test_an_output_stage_1_refuses_never_reaches_stage_2():
    guest = Guest()
    guest.stage1.map(0x200, np.array([OUTPUT]), LEAF & ~ACCESS_FLAG)
    leaves = guest.walk(0x200)
    assert (leaves.faults[0], leaves.stage[0], leaves.ipa[0]) == (ACCESS, 1, 0)


def test_external_aborts_name_the_descriptor():
    guest = Guest()
    guest.stage1.map(0x200, np.array([OUTPUT]), LEAF)
    hole = int(guest.tables[2]) + GAP
    guest.memory.holes = {hole}
    leaves = guest.walk(0x200)
    assert (leaves.faults[0], leaves.stage[0], leaves.table[0]) == (ABORT, 1, False)
    assert leaves.abort == hole << 12
    guest.memory.holes = {guest.stage2.root >> 12}
    leaves = guest.walk(0x200)
    assert (leaves.faults[0], leaves.stage[0], leaves.table[0]) == (ABORT, 2, True)
    assert leaves.abort == guest.stage2.root + 8 * (int(guest.tables[0]) >> 18)
    assert leaves.ipa[0] == int(guest.tables[0]) << 12


def test_the_first_of_several_aborts_is_named():
    """Of outputs after a stage-1 table, and of stage-1 tables whose intermediate order is another."""
    guest = Guest()
    guest.stage1.map(0x200, np.array([OUTPUT]), LEAF)
    entries = guest.table(int(guest.tables[1]) << 12, 512)
    lost = OUTPUT + 0x4000 << 12
    entries[2], entries[3] = lost + 0x1000 | 3, lost | 3
    guest.stage2.map(lost >> 12, np.array([0x9000, 0x9001]), NORMAL)
    table = leaf_table(guest, lost >> 12)
    guest.memory.holes = {table >> 12}
    leaves = guest.walk(0x400, 1024)
    assert leaves.faults.tolist() == [ABORT] * 1024
    assert leaves.abort == table + 8
    guest = Guest()
    guest.stage1.map(0x1FF, np.array([OUTPUT, OUTPUT]), LEAF)
    guest.stage2.map(OUTPUT, np.array([0x9000]), NORMAL)
    first_table = int(guest.tables[2]) + GAP
    guest.memory.holes = {first_table, leaf_table(guest, OUTPUT) >> 12}
    leaves = guest.walk(0x1FF, 2)
    assert leaves.faults.tolist() == [ABORT, ABORT]
    assert leaves.stage.tolist() == [1, 2]
    assert leaves.abort == (first_table << 12) + 8 * 511


def leaf_table(guest: Guest, page: int) -> int:
    """Address of the level-3 table of stage 2 for `page`."""
    address = int(guest.stage2.root)
    for level in (1, 2):
        word = guest.memory.read_table(PhysAddr(address), 512)[page >> 9 * (3 - level) & 511]
        address = int(word) & 0xFFFF_FFFF_F000
    return address


def test_an_update_of_a_stage_1_descriptor_is_a_write_to_stage_2():
    guest = Guest(NORMAL & ~S2_WRITE)
    guest.stage1.map(0x200, np.array([OUTPUT, OUTPUT]), LEAF & ~ACCESS_FLAG)
    guest.stage2.map(OUTPUT, np.array([0x9000]), NORMAL)
    leaves = guest.walk(0x200, 2, first=HD)
    assert leaves.faults.tolist() == [PERMISSION] * 2
    assert (leaves.stage[0], leaves.table[0], leaves.ipa[0]) == (2, True, int(guest.tables[2]) << 12)
    assert not guest.leaf(0x200) & ACCESS_FLAG
    clean = Guest(NORMAL & ~S2_WRITE | DIRTY_MODIFIER)
    clean.stage1.map(0x200, np.array([OUTPUT]), LEAF & ~ACCESS_FLAG)
    clean.stage2.map(OUTPUT, np.array([0x9000]), NORMAL)
    assert clean.walk(0x200, first=HD, second=HD).faults[0] == NONE
    assert clean.leaf(0x200) & ACCESS_FLAG
    assert dirty(clean, int(clean.tables[2])), "the page with the table was written"
    assert not dirty(clean, int(clean.tables[1])), "this one was only read"


def dirty(guest: Guest, page: int) -> bool:
    """Whether stage 2 has page `page` as written."""
    table = guest.memory.read_table(PhysAddr(leaf_table(guest, page)), 512)
    return bool(int(table[page & 511]) & S2_WRITE)


@pytest.mark.parametrize(("write", "privileged"), [(False, False), (True, False), (True, True)])
def test_only_a_write_that_stage_1_allows_makes_stage_2_dirty(write, privileged):
    guest = Guest()
    kernel_only, read_only, usual = LEAF & ~AP_EL0, LEAF | AP_READ_ONLY, LEAF
    for step, leaf in enumerate((kernel_only, read_only, usual)):
        guest.stage1.map(0x200 + step, np.array([OUTPUT + step]), leaf)
    guest.stage2.map(OUTPUT, np.array([0x9000, 0x9002, 0x9004]), NORMAL & ~S2_WRITE | DIRTY_MODIFIER)
    leaves = guest.walk(0x200, 3, write, privileged, second=HD)
    assert not leaves.faults.any()
    wanted = [write and privileged, False, write]
    assert [dirty(guest, OUTPUT + step) for step in range(3)] == wanted
    assert leaves.allows(Permission.PRIV_WRITE).tolist() == wanted


def test_hardware_update_needs_a_way_to_write():
    guest = Guest()
    for one, two in ((HD, {}), ({}, HD)):
        with pytest.raises(ValueError, match="needs write_table"):
            NestedWalker(
                replace(guest.stage1.regime(), **one),
                replace(guest.stage2.regime(), **two),
                guest.memory.read_table,
                BusError,
            )
