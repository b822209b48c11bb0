"""The IOTLB: what stays and what goes, for each kind of entry and each invalidation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from soc.iommu.iotlb import Iotlb, Tag, allowed, frames_of, stage1_allowed
from soc.mmu.leaves import FaultKind, Leaves, Permission

READ, WRITE = Permission.READ, Permission.WRITE
BOTH = READ | WRITE


def leaves(first: int, count: int, permissions: int = BOTH, order: int = 0, common: bool = False) -> Leaves:
    """Translations to `first`, `first + 1` ...; `common` ones are global."""
    out = Leaves.empty(count)
    out.frames[:] = first + np.arange(count)
    out.permissions[:] = permissions
    out.stage1_permissions[:] = Permission.everything()
    out.order[:] = order
    out.global_[:] = common
    out.faults[:] = FaultKind.NONE
    return out


def frames(tlb: Iotlb, tag: Tag, page: int, count: int) -> list[int | None]:
    """What is cached, None where nothing is."""
    entries = tlb.lookup(tag, page, count)
    cached = zip(entries.tolist(), frames_of(entries).tolist(), strict=True)
    return [frame if entry else None for entry, frame in cached]


# --- look-up and fill -------------------------------------------------------


def test_pages_are_found_across_rows_and_by_tag_only():
    tlb = Iotlb()
    tag = Tag(3, 1)
    filled = tlb.fill(tag, 510, leaves(100, 4))
    assert frames_of(filled).tolist() == [100, 101, 102, 103]
    assert frames(tlb, tag, 509, 6) == [None, 100, 101, 102, 103, None]
    assert frames(tlb, tag, 511, 1) == [101]
    for other in (Tag(3, 2), Tag(4, 1), Tag(3, None)):
        assert frames(tlb, other, 510, 4) == [None] * 4


def test_the_highest_frame_and_the_highest_page_fit():
    tlb = Iotlb()
    frame, page = (1 << 40) - 1, (1 << 52) - 1
    tlb.fill(Tag(0xFFFF, 0xFFFF), page, leaves(frame, 1, Permission.everything()))
    assert frames(tlb, Tag(0xFFFF, 0xFFFF), page, 1) == [frame]


def test_faults_are_never_cached():
    tlb = Iotlb()
    mixed = leaves(100, 3)
    mixed.faults[1] = FaultKind.TRANSLATION
    assert (tlb.fill(Tag(0, 1), 0, mixed) != 0).tolist() == [True, False, True]
    assert frames(tlb, Tag(0, 1), 0, 3) == [100, None, 102]
    tlb.fill(Tag(0, 1), 1, leaves(7, 1))
    assert frames(tlb, Tag(0, 1), 0, 3) == [100, 7, 102]


def test_only_chosen_pages_change():
    tlb = Iotlb()
    tlb.fill(Tag(0, 1), 4, leaves(100, 2))
    tlb.fill(Tag(0, 1), 2, leaves(900, 4), np.array([True, False, True, False]))
    assert frames(tlb, Tag(0, 1), 2, 4) == [900, None, 902, 101]


def test_what_was_looked_up_does_not_change_later():
    tlb = Iotlb()
    tlb.fill(Tag(0, 1), 0, leaves(100, 2))
    before = tlb.lookup(Tag(0, 1), 0, 2)
    tlb.invalidate_all()
    tlb.fill(Tag(0, 1), 0, leaves(7, 2))
    assert frames_of(before).tolist() == [100, 101]


def test_permissions_of_both_stages_are_kept():
    tlb = Iotlb()
    found = leaves(0, 3)
    found.permissions[:] = [READ, BOTH, 0]
    found.stage1_permissions[:] = [BOTH, BOTH, READ]
    tlb.fill(Tag(0, 1), 0, found)
    entries = tlb.lookup(Tag(0, 1), 0, 4)
    assert allowed(entries, READ).tolist() == [True, True, False, False]
    assert allowed(entries, WRITE).tolist() == [False, True, False, False]
    assert allowed(entries, READ, forbidden=WRITE).tolist() == [True, False, False, False]
    assert [stage1_allowed(int(entry), WRITE) for entry in entries] == [True, True, False, False]
    assert stage1_allowed(int(entries[2]), READ)
    assert not stage1_allowed(int(entries[0]), READ, forbidden=WRITE)


def test_a_global_entry_serves_every_asid_of_its_vmid_and_aset():
    tlb = Iotlb()
    mixed = leaves(100, 2)
    mixed.global_[1] = True
    tlb.fill(Tag(3, 1), 0, mixed)
    assert frames(tlb, Tag(3, 1), 0, 2) == [100, 101]
    assert frames(tlb, Tag(3, 2), 0, 2) == [None, 101]
    for other in (Tag(4, 1), Tag(3, 2, aset=True), Tag(3, None)):
        assert frames(tlb, other, 0, 2) == [None, None]
    tlb.fill(Tag(3, 2), 1, leaves(7, 1))
    assert frames(tlb, Tag(3, 2), 1, 1) == [7], "an entry of its own comes first"


def test_nothing_is_global_in_stage_2_alone():
    tlb = Iotlb()
    tlb.fill(Tag(3, None), 0, leaves(100, 1, common=True))
    assert frames(tlb, Tag(3, None), 0, 1) == [100]
    assert frames(tlb, Tag(3, 1), 0, 1) == [None]


# --- invalidation: which kinds of entry -------------------------------------

PAGE = 0x4567
KINDS = {
    "own": (Tag(3, 1), False),
    "other asid": (Tag(3, 2), False),
    "global": (Tag(3, 9), True),
    "global, aset": (Tag(3, 9, True), True),
    "stage 2": (Tag(3, None), False),
    "other vmid": (Tag(4, 1), False),
    "other vmid, global": (Tag(4, 9), True),
    "other vmid, stage 2": (Tag(4, None), False),
}
EVERYTHING = set(KINDS)
VM = {"own", "other asid", "global", "global, aset"}


@pytest.mark.parametrize(
    ("invalidate", "gone"),
    [
        (lambda tlb: tlb.invalidate_all(), EVERYTHING),
        (lambda tlb: tlb.invalidate_vmid(3), VM | {"stage 2"}),
        (lambda tlb: tlb.invalidate_vmid(3, stage2=False), VM),
        (lambda tlb: tlb.invalidate_vmid(5), set()),
        (lambda tlb: tlb.invalidate_asid(3, 1), {"own"}),
        (lambda tlb: tlb.invalidate_asid(3, 5), set()),
        (lambda tlb: tlb.invalidate_va(3, 1, PAGE), VM - {"other asid"}),
        (lambda tlb: tlb.invalidate_va(3, 5, PAGE), {"global", "global, aset"}),
        (lambda tlb: tlb.invalidate_va(3, None, PAGE), VM),
        (lambda tlb: tlb.invalidate_va(3, None, PAGE + 1), set()),
        (lambda tlb: tlb.invalidate_va(5, None, PAGE), set()),
        (lambda tlb: tlb.invalidate_ipa(3, PAGE), {"stage 2"}),
        (lambda tlb: tlb.invalidate_ipa(3, PAGE - 1), set()),
        (lambda tlb: tlb.invalidate_ipa(5, PAGE), set()),
    ],
    ids=[
        "all",
        "vmid",
        "vmid, stage 1",
        "unused vmid",
        "asid",
        "unused asid",
        "va",
        "va of an unused asid",
        "va of all asids",
        "another va",
        "va of an unused vmid",
        "ipa",
        "another ipa",
        "ipa of an unused vmid",
    ],
)
def test_exactly_these_kinds_of_entry_go(invalidate, gone):
    tlb = Iotlb()
    for number, (tag, common) in enumerate(KINDS.values()):
        tlb.fill(tag, PAGE, leaves(number, 1, common=common))
    invalidate(tlb)
    left = {
        kind for number, (kind, (tag, _)) in enumerate(KINDS.items()) if frames(tlb, tag, PAGE, 1) == [number]
    }
    assert set(KINDS) - left == gone


# --- invalidation: which pages ----------------------------------------------

TAG = Tag(0, 1)


@pytest.mark.parametrize("order", [0, 2, 4, 9, 13, 18, 22])
def test_any_page_of_a_descriptor_drops_all_of_it(order):
    """From a 4 KiB page to a contiguous group of 1 GiB blocks; parts of it lie in many rows."""
    size = 1 << order
    block = 3 * size
    parts = sorted({block, block + size // 2, block + size - 1})
    for at in (block, block + size - 1) if order else (block,):
        tlb = Iotlb()
        for part in (*parts, block - 1, block + size):
            tlb.fill(TAG, part, leaves(100, 1, order=order))
        tlb.invalidate_va(0, 1, at)
        assert [frames(tlb, TAG, part, 1) for part in parts] == [[None]] * len(parts)
        assert frames(tlb, TAG, block - 1, 1) == [100], "the descriptor before it"
        assert frames(tlb, TAG, block + size, 1) == [100], "the descriptor after it"


def test_a_page_beside_a_large_descriptor_goes_alone():
    """A table was put in place of a block without an invalidation: both are cached."""
    tlb = Iotlb()
    tlb.fill(TAG, 1024, leaves(1000, 4, order=18))
    tlb.fill(TAG, 1028, leaves(2000, 4))
    tlb.invalidate_va(0, 1, 1 << 17)
    assert frames(tlb, TAG, 1024, 8) == [None] * 4 + [2000, 2001, 2002, 2003]
    tlb.invalidate_va(0, 1, 1029)
    assert frames(tlb, TAG, 1028, 4) == [2000, None, 2002, 2003]


@pytest.mark.parametrize(("first", "count"), [(600, 1), (600, 1000), (512, 512), (0, 1 << 40)])
def test_a_range_drops_what_it_touches(first, count):
    tlb = Iotlb()
    tlb.fill(TAG, 100, leaves(1000, 2000))
    tlb.invalidate_va(0, 1, first, count)
    expected = [None if first <= page < first + count else 900 + page for page in range(100, 2100)]
    assert frames(tlb, TAG, 100, 2000) == expected


def test_a_range_that_ends_inside_blocks_drops_them_whole():
    tlb = Iotlb()
    tlb.fill(TAG, 0, leaves(0x10000, 2048, order=9))
    tlb.invalidate_va(0, 1, 511, 514)
    assert frames(tlb, TAG, 0, 2048) == [None] * 1536 + [0x10600 + page for page in range(512)]


def test_a_level_hint_spares_larger_entries():
    tlb = Iotlb()
    for page, order in ((0, 0), (1, 4), (2, 9), (3, 13), (4, 18)):
        tlb.fill(TAG, page, leaves(100, 1, order=order))
    tlb.invalidate_va(0, 1, 0, 8, below=9)
    assert frames(tlb, TAG, 0, 5) == [None, None, 100, 100, 100]
    tlb.invalidate_va(0, 1, 0, 8, below=18)
    assert frames(tlb, TAG, 0, 5) == [None, None, None, None, 100]
    tlb.invalidate_va(0, 1, 1 << 17)
    assert frames(tlb, TAG, 0, 5) == [None] * 5


def test_rows_that_were_given_back_come_back_empty():
    tlb = Iotlb()
    for round_ in range(3):
        for asid in range(40):
            tlb.fill(Tag(0, asid), 512 * asid, leaves(100 + round_, 2))
        for asid in range(40):
            assert frames(tlb, Tag(0, asid), 512 * asid, 3) == [100 + round_, 101 + round_, None]
            if asid % 2:
                tlb.invalidate_asid(0, asid)
            else:
                tlb.invalidate_va(0, asid, 512 * asid, 2)
            assert frames(tlb, Tag(0, asid), 512 * asid, 3) == [None] * 3


# --- against a dictionary ---------------------------------------------------

vmids = st.integers(0, 1)
asids = st.integers(1, 2)
owners = st.one_of(st.none(), asids)
pages = st.builds(lambda area, at: area + at, st.sampled_from([0, 500, 1 << 13, 1 << 18]), st.integers(0, 24))
orders = st.sampled_from([0, 0, 2, 4, 9, 13])
AREAS = (*range(40), *range(500, 540), *range(1 << 13, (1 << 13) + 40), *range(1 << 18, (1 << 18) + 40))
GLOBAL = "global"


class Caching(RuleBasedStateMachine):
    """Against a dictionary (vmid, owner, page) -> (frame, order); the owner is an asid, None or GLOBAL."""

    def __init__(self) -> None:
        super().__init__()
        self.tlb = Iotlb()
        self.model: dict[tuple[int, object, int], tuple[int, int]] = {}
        self.next = 1

    @rule(vmid=vmids, asid=owners, page=pages, count=st.integers(1, 14), order=orders, common=st.booleans())
    def fill(self, vmid, asid, page, count, order, common):
        self.tlb.fill(Tag(vmid, asid), page, leaves(self.next, count, order=order, common=common))
        owner = GLOBAL if common and asid is not None else asid
        for at in range(count):
            self.model[vmid, owner, page + at] = (self.next + at, order)
        self.next += count

    def drop(self, condition):
        self.model = {key: value for key, value in self.model.items() if not condition(*key, value[1])}

    @rule()
    def drop_all(self):
        self.tlb.invalidate_all()
        self.model.clear()

    @rule(vmid=vmids, stage2=st.booleans())
    def drop_vmid(self, vmid, stage2):
        self.tlb.invalidate_vmid(vmid, stage2)
        self.drop(lambda owner_vm, owner, page, order: owner_vm == vmid and (stage2 or owner is not None))

    @rule(vmid=vmids, asid=asids)
    def drop_asid(self, vmid, asid):
        self.tlb.invalidate_asid(vmid, asid)
        self.drop(lambda owner_vm, owner, page, order: (owner_vm, owner) == (vmid, asid))

    @rule(
        vmid=vmids,
        asid=owners,
        page=pages,
        count=st.sampled_from([1, 1, 5, 40, 1000, 1 << 30]),
        below=st.sampled_from([None, None, 9, 18]),
        ipa=st.booleans(),
    )
    def drop_range(self, vmid, asid, page, count, below, ipa):
        if ipa:
            self.tlb.invalidate_ipa(vmid, page, count, below)
        else:
            self.tlb.invalidate_va(vmid, asid, page, count, below)

        def concerned(owner_vm, owner, at, order):
            if owner_vm != vmid or (below is not None and order >= below):
                return False
            if ipa != (owner is None) or (not ipa and asid is not None and owner not in (asid, GLOBAL)):
                return False
            return page >> order <= at >> order <= (page + count - 1) >> order

        self.drop(concerned)

    @invariant()
    def both_hold_the_same(self):
        for vmid in (0, 1):
            for asid in (None, 1, 2):
                found = [
                    frame
                    for at in (0, 500, 1 << 13, 1 << 18)
                    for frame in frames(self.tlb, Tag(vmid, asid), at, 40)
                ]
                shared = None if asid is None else GLOBAL
                expected = [
                    self.model.get((vmid, asid, page)) or self.model.get((vmid, shared, page))
                    for page in AREAS
                ]
                assert found == [None if entry is None else entry[0] for entry in expected]


TestCaching = Caching.TestCase
TestCaching.settings = settings(max_examples=30, stateful_step_count=16, deadline=None)
