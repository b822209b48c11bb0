"""The IOTLB: what stays, what goes, and that a block is one entry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from soc.iommu.iotlb import Iotlb
from soc.mmu.walk import FaultKind, Leaves


def leaves(first: int, count: int, writable: bool = True, order: int = 0) -> Leaves:
    """Translations to `first`, `first + 1` ..."""
    out = Leaves.empty(count)
    out.frames[:] = first + np.arange(count)
    out.readable[:] = True
    out.writable[:] = writable
    out.order[:] = order
    out.faults[:] = FaultKind.NONE
    return out


def test_a_range_is_found_only_when_every_page_is_cached():
    tlb = Iotlb()
    tlb.fill(1, 510, leaves(100, 4))
    found = tlb.lookup(1, 510, 4)
    assert found is not None
    assert found.frames.tolist() == [100, 101, 102, 103]
    assert found.writable.all()
    assert not found.faults.any()
    for page, count in ((509, 2), (513, 2), (0, 1)):
        assert tlb.lookup(1, page, count) is None
    assert tlb.lookup(2, 510, 1) is None


def test_faults_are_never_cached():
    tlb = Iotlb()
    mixed = leaves(100, 3)
    mixed.faults[1] = FaultKind.TRANSLATION
    tlb.fill(1, 0, mixed)
    assert tlb.lookup(1, 0, 1) is not None
    assert tlb.lookup(1, 1, 1) is None
    tlb.fill(1, 1, leaves(7, 1))
    assert tlb.lookup(1, 0, 3).frames.tolist() == [100, 7, 102]


def test_an_old_entry_beats_a_new_walk():
    tlb = Iotlb()
    tlb.fill(1, 4, leaves(100, 2, writable=False))
    fresh = leaves(900, 4)
    fresh.faults[2] = FaultKind.TRANSLATION
    tlb.merge_cached(1, 2, fresh)
    assert fresh.frames.tolist() == [900, 901, 100, 101]
    assert fresh.writable.tolist() == [True, True, False, False]
    assert not fresh.faults.any()
    tlb.fill(1, 2, leaves(900, 4))
    assert tlb.lookup(1, 2, 4).frames.tolist() == [900, 901, 100, 101]


@pytest.mark.parametrize("order", [9, 18])
def test_any_page_of_a_block_drops_the_whole_block(order):
    tlb = Iotlb()
    block = 3 << order
    tlb.fill(1, block, leaves(1000, 1024 if order == 18 else 512, order=order))
    tlb.fill(1, block - 1, leaves(5, 1))
    tlb.invalidate_page(1, block + (1 << order) - 1)
    assert tlb.lookup(1, block, 1) is None
    assert tlb.lookup(1, block + 511, 1) is None
    assert tlb.lookup(1, block - 1, 1) is not None
    if order == 18:
        assert tlb.lookup(1, block + 1023, 1) is None


def test_a_page_of_a_block_region_that_is_mapped_by_pages_goes_alone():
    tlb = Iotlb()
    tlb.fill(1, 512, leaves(1000, 512))
    tlb.invalidate_page(1, 600)
    assert tlb.lookup(1, 512, 88) is not None
    assert tlb.lookup(1, 600, 1) is None
    assert tlb.lookup(1, 601, 423) is not None


asids = st.integers(1, 3)
pages = st.builds(lambda area, at: area + at, st.sampled_from([0, 508, 1 << 18]), st.integers(0, 12))


class Caching(RuleBasedStateMachine):
    """Against a dictionary (asid, page) -> frame."""

    def __init__(self) -> None:
        super().__init__()
        self.tlb = Iotlb()
        self.model: dict[tuple[int, int], int] = {}
        self.next = 1

    @rule(asid=asids, page=pages, count=st.integers(1, 9))
    def fill(self, asid, page, count):
        self.tlb.fill(asid, page, leaves(self.next, count))
        for at in range(count):
            self.model.setdefault((asid, page + at), self.next + at)
        self.next += count

    @rule()
    def drop_all(self):
        self.tlb.invalidate_all()
        self.model.clear()

    @rule(asid=asids)
    def drop_asid(self, asid):
        self.tlb.invalidate_asid(asid)
        self.model = {key: frame for key, frame in self.model.items() if key[0] != asid}

    @rule(asid=st.one_of(st.none(), asids), page=pages)
    def drop_page(self, asid, page):
        self.tlb.invalidate_page(asid, page)
        for owner in (1, 2, 3) if asid is None else (asid,):
            self.model.pop((owner, page), None)

    @invariant()
    def both_hold_the_same(self):
        for asid in (1, 2, 3):
            for page in (*range(22), *range(508, 530), *range(1 << 18, (1 << 18) + 22)):
                found = self.tlb.lookup(asid, page, 1)
                assert (None if found is None else int(found.frames[0])) == self.model.get((asid, page))


TestCaching = Caching.TestCase
TestCaching.settings = settings(max_examples=25, stateful_step_count=12)
