"""Blocks and contiguous groups: when they are built, split and given up."""

from __future__ import annotations

import numpy as np
import pytest

from soc.address import PhysAddr
from soc.mmu.vmsa import (
    CONTIGUOUS,
)
from soc.mmu.walk import FaultKind
from tests.mmu.pool import ATTRIBUTES, BASE, GIB, K4, K16, K64, Pool


@pytest.mark.parametrize(
    ("granule", "page", "frame", "count", "orders"),
    [
        (K4, 0x200, 0x1000, 512, {9}),
        (K4, 0x200, 0x1001, 512, {0}),
        (K4, 0x200, 0x1010, 512, {4}),
        (K4, 0x2000, 0x2000, 16 * 512, {13}),
        (K4, GIB, GIB, GIB, {18}),
        (K4, GIB - 512, 3 * GIB - 512, GIB + 512, {9, 18}),
        (K4, 0x1F0, 0x31F0, 0x10 + 512 + 5, {4, 9, 0}),
        (K16, 0x2000, 0x4000, 0x2000, {13}),
        (K16, 0x2000, 0x4200, 0x2000, {9}),
        (K16, 0x2000, 0x4004, 0x2000, {2}),
        (K64, 0x20000, 0x40000, 0x20000, {17}),
        (K64, 0x20000, 0x40200, 0x200, {9}),
        (K64, 0x20000, 0x40010, 0x200, {4}),
    ],
)
def test_the_largest_leaves_that_fit_are_taken(granule, page, frame, count, orders):
    pool = Pool(granule=granule)
    table = pool.table(granule, 39)
    table.map(page, frame + np.arange(count), ATTRIBUTES)
    leaves = pool.walk(table, page, count)
    assert not leaves.faults.any()
    assert set(leaves.order.tolist()) == orders
    plain = Pool(granule=granule)
    other = plain.table(granule, 39, contiguous=False)
    other.map(page, frame + np.arange(count), ATTRIBUTES)
    blocks = {0, 9, 18} if granule is K4 else {2, 13} if granule is K16 else {4, 17}
    assert set(plain.walk(other, page, count).order.tolist()) <= blocks


def test_a_gibibyte_less_one_page_is_split_twice():
    pool = Pool()
    table = pool.table(contiguous=False)
    table.map(GIB, GIB + np.arange(GIB), ATTRIBUTES)
    assert len(pool.all) - len(pool.free) == 1
    table.unmap(GIB + 0x12345, 1)
    leaves = pool.walk(table, GIB, GIB)
    assert np.flatnonzero(leaves.faults).tolist() == [0x12345]
    good = leaves.faults == FaultKind.NONE
    assert (leaves.frames[good] == GIB + np.flatnonzero(good)).all()
    assert np.unique(leaves.order[good], return_counts=True)[1].tolist() == [511, GIB - 512]


def test_unmapping_part_of_a_contiguous_group_takes_its_hint():
    pool = Pool()
    table = pool.table()
    table.map(0x10, 0x1010 + np.arange(48), ATTRIBUTES)
    assert set(pool.walk(table, 0x10, 48).order.tolist()) == {4}
    table.unmap(0x25, 1)
    orders = pool.walk(table, 0x10, 48).order.tolist()
    assert orders == [4] * 16 + [0] * 16 + [4] * 16
    table.unmap(0x20, 16)
    assert pool.walk(table, 0x10, 48).order.tolist() == [4] * 16 + [0] * 16 + [4] * 16


def test_a_split_block_keeps_the_groups_it_can():
    pool = Pool()
    table = pool.table()
    table.map(0x200, 0x1000 + np.arange(512), ATTRIBUTES)
    table.unmap(0x210, 17)
    leaves = pool.walk(table, 0x200, 512)
    assert leaves.order.tolist() == [4] * 16 + [0] * 32 + [4] * (512 - 48)
    assert np.flatnonzero(leaves.faults).tolist() == list(range(16, 33))


@pytest.mark.parametrize("size", [16, 512])
def test_a_range_that_only_begins_and_ends_like_a_block_is_none(size):
    pool = Pool()
    table = pool.table()
    frames = 0x1000 + np.arange(size)
    frames[[1, 2]] = frames[[2, 1]]
    table.map(0x200, frames, ATTRIBUTES)
    leaves = pool.walk(table, 0x200, size)
    assert leaves.frames.tolist() == frames.tolist()
    assert set(leaves.order[:16].tolist()) == {0}


def test_an_empty_table_makes_place_for_a_block_and_is_used_again():
    pool = Pool(tables=4)
    table = pool.table()
    table.map(0x200, np.array([7]), ATTRIBUTES)
    table.unmap(0x200, 1)
    assert len(pool.free) == 1
    table.map(0x200, 0x1000 + np.arange(512), ATTRIBUTES)
    assert set(pool.walk(table, 0x200, 512).order.tolist()) == {9}
    table.map(0x400, np.array([8]), ATTRIBUTES)
    assert len(pool.free) == 1
    with pytest.raises(ValueError, match="input page 0x400 or one after it is mapped already"):
        table.map(0x400, 0x1400 + np.arange(512), ATTRIBUTES)


def test_the_contiguous_hint_can_be_switched_off():
    for contiguous in (False, True):
        pool = Pool()
        table = pool.table(contiguous=contiguous)
        table.map(0, np.arange(0x1000, 0x1010), ATTRIBUTES)
        hinted = np.count_nonzero(pool.view(PhysAddr(BASE + 0x2000), 16) & np.uint64(CONTIGUOUS))
        assert hinted == (16 if contiguous else 0)
