"""SMMUv3 translation: hardware update, stale use, and what each invalidation drops."""

from __future__ import annotations

import pytest

from devices.smmuv3.spec import EventId, Opcode
from soc.address import Iova
from tests.devices.translation_bench import (
    AF,
    DATA,
    DBM,
    HA,
    HD,
    NOT_GLOBAL,
    PAGE,
    READ_ONLY,
    STAGE1,
    STREAM,
    TABLES,
    VMID,
    TranslationBench,
    entry,
)

IOVA = 0x12_3456_7000


@pytest.fixture
def bench():
    bench = TranslationBench()
    yield bench.stage1()
    bench.close()


# --- hardware update --------------------------------------------------------


def test_the_access_flag_is_set_by_a_walk(bench):
    bench.stage1(HA)
    descriptor = bench.map(TABLES, IOVA, DATA, PAGE & ~AF)
    assert bench.peek(IOVA) == [(DATA, 4)]
    assert not bench.word(descriptor) & AF
    bench.access(IOVA)
    assert bench.word(descriptor) == DATA | PAGE


@pytest.mark.parametrize("warm", [False, True])
def test_a_write_makes_a_clean_page_dirty(bench, warm):
    """Cached clean, a write walks again: the entry alone does not allow it."""
    bench.stage1(HA | HD)
    clean = [bench.map(TABLES, IOVA + at, DATA + at, PAGE | READ_ONLY | DBM) for at in (0, 0x1000)]
    if warm:
        bench.access(IOVA, size=0x2000)
    assert [bench.word(at) & READ_ONLY for at in clean] == [READ_ONLY] * 2
    assert bench.access(IOVA, write=True) == [(DATA, 4)]
    assert [bench.word(at) & READ_ONLY for at in clean] == [0, READ_ONLY]
    bench.put(clean[0], 0)
    assert bench.access(IOVA + 8, write=True) == [(DATA + 8, 4)], "and it is cached as dirty"


def test_a_read_only_page_stays_so_with_hardware_update(bench):
    bench.stage1(HA | HD)
    descriptor = bench.map(TABLES, IOVA, DATA, PAGE | READ_ONLY)
    bench.access(IOVA)
    assert bench.event(IOVA, write=True) is EventId.F_PERMISSION
    assert bench.word(descriptor) & READ_ONLY


def test_a_clean_page_that_is_gone_from_the_tables(bench):
    bench.stage1(HA | HD)
    descriptor = bench.map(TABLES, IOVA, DATA, PAGE | READ_ONLY | DBM)
    bench.access(IOVA)
    bench.put(descriptor, 0)
    assert bench.event(IOVA, write=True) is EventId.F_TRANSLATION
    assert bench.access(IOVA) == [(DATA, 4)], "for reads the stale entry still does"


# --- stale use --------------------------------------------------------------


def test_the_same_question_gets_the_same_object_until_a_command(bench):
    bench.map(TABLES, IOVA, DATA)
    ask = (bench.tables, STREAM, Iova(IOVA), 64, False)
    span = bench.translation.translate(*ask)
    assert bench.translation.translate(*ask) is span
    for command in (
        lambda: bench.tlbi(Opcode.TLBI_NH_ASID, asid=99),
        lambda: bench.cfgi(Opcode.CFGI_STE, stream=99),
    ):
        command()
        again = bench.translation.translate(*ask)
        assert again is not span
        assert again.segments() == span.segments()
        span = again
    for other in ((*ask[:4], True), (*ask, None, True), (*ask[:3], 65, False)):
        assert bench.translation.translate(*other) is not span


def test_ready_made_answers_are_bounded(bench):
    bench.map(TABLES, 0, DATA, PAGE & ~2, level=2)
    first = bench.translation.translate(bench.tables, STREAM, Iova(0), 1, False)
    for at in range(1, 4097):
        bench.access(at, 1)
    assert bench.translation.translate(bench.tables, STREAM, Iova(0), 1, False) is not first


def test_a_fault_is_not_kept(bench):
    bench.fault(IOVA)
    bench.map(TABLES, IOVA, DATA)
    assert bench.access(IOVA) == [(DATA, 4)]


def test_a_cached_entry_wins_over_a_newer_table(bench):
    descriptor = bench.map(TABLES, IOVA, DATA)
    bench.map(TABLES, IOVA + 0x1000, DATA + 0x5000)
    bench.access(IOVA)
    bench.put(descriptor, DATA + 0x8000 | PAGE)
    assert bench.access(IOVA, 0x2000) == [(DATA, 0x1000), (DATA + 0x5000, 0x1000)]
    bench.tlbi(Opcode.TLBI_NH_VA, vmid=VMID, asid=1, address=IOVA)
    assert bench.access(IOVA, 0x2000) == [(DATA + 0x8000, 0x1000), (DATA + 0x5000, 0x1000)]


def test_streams_of_one_asid_share_entries(bench):
    descriptor = bench.map(TABLES, IOVA, DATA)
    bench.stream(entry(STAGE1), 6)
    bench.stream(entry(STAGE1, vmid=VMID + 1), 7)
    bench.access(IOVA)
    bench.put(descriptor, 0)
    assert bench.access(IOVA, stream=6) == [(DATA, 4)]
    assert bench.event(IOVA, stream=7) is EventId.F_TRANSLATION, "another VMID"


@pytest.mark.parametrize(
    ("first", "fields", "gone"),
    [
        (0x5000, {"address": 0x5000}, {0x5000}),
        (0x5000, {"address": 0x5000, "leaf": False}, {0x5000}),
        (0x5000, {"address": 0x5000, "tg": 1, "ttl": 3}, {0x5000}),
        (0x5000, {"address": 0x5000, "tg": 1, "num": 2}, {0x5000, 0x6000, 0x7000}),
        (0x5000, {"address": 0x5000, "tg": 1, "num": 0, "scale": 1}, {0x5000, 0x6000}),
        (0x8000, {"address": 0x8000, "tg": 2, "ttl": 3}, {0x8000, 0x9000, 0xA000, 0xB000}),
        (0x0000, {"address": 0x0000, "tg": 3, "num": 0, "ttl": 3}, {page << 12 for page in range(16)}),
        (0x5000, {"address": 0x20_0000}, set()),
    ],
    ids=str,
)
@pytest.mark.parametrize("opcode", [Opcode.TLBI_NH_VA, Opcode.TLBI_NH_VAA])
def test_which_pages_an_invalidation_by_address_drops(bench, opcode, first, fields, gone):
    pages = range(0, 0x1_0000, 0x1000)
    descriptors = [bench.map(TABLES, page, DATA + page) for page in pages]
    bench.access(0, 0x1_0000)
    for descriptor in descriptors:
        bench.put(descriptor, 0)
    bench.tlbi(opcode, vmid=VMID, asid=1, **fields)
    assert {page for page in pages if bench.peek(page) is None} == gone


def test_a_level_hint_for_pages_spares_blocks(bench):
    descriptor = bench.map(TABLES, 0x20_0000, DATA & -0x20_0000, level=2)
    bench.access(0x20_5000)
    bench.put(descriptor, 0)
    bench.tlbi(Opcode.TLBI_NH_VA, vmid=VMID, asid=1, address=0x20_5000, tg=1, ttl=3)
    assert bench.peek(0x20_5000) is not None
    bench.tlbi(Opcode.TLBI_NH_VA, vmid=VMID, asid=1, address=0x20_0000, tg=1, ttl=2)
    assert bench.peek(0x20_5000) is None


@pytest.mark.parametrize(
    ("opcode", "fields", "gone"),
    [
        (Opcode.TLBI_NH_ALL, {"vmid": VMID}, {"own", "global"}),
        (Opcode.TLBI_NH_ALL, {"vmid": VMID + 1}, set()),
        (Opcode.TLBI_NH_ASID, {"vmid": VMID, "asid": 1}, {"own"}),
        (Opcode.TLBI_NH_ASID, {"vmid": VMID, "asid": 2}, set()),
        (Opcode.TLBI_NH_ASID, {"vmid": 0, "asid": 1}, set()),
        (Opcode.TLBI_NH_VA, {"vmid": VMID, "asid": 1, "address": IOVA}, {"own"}),
        (Opcode.TLBI_NH_VA, {"vmid": VMID, "asid": 2, "address": IOVA}, set()),
        (Opcode.TLBI_NH_VA, {"vmid": VMID, "asid": 2, "address": IOVA + 0x1000}, {"global"}),
        (Opcode.TLBI_NH_VAA, {"vmid": VMID, "address": IOVA}, {"own"}),
        (Opcode.TLBI_NH_VAA, {"vmid": 0, "address": IOVA}, set()),
        (Opcode.TLBI_S2_IPA, {"vmid": VMID, "address": IOVA}, set()),
        (Opcode.TLBI_S12_VMALL, {"vmid": VMID}, {"own", "global"}),
        (Opcode.TLBI_NSNH_ALL, {}, {"own", "global"}),
    ],
)
def test_which_entries_of_stage_1_a_command_drops(bench, opcode, fields, gone):
    places = {"own": IOVA, "global": IOVA + 0x1000}
    own = bench.map(TABLES, IOVA, DATA)
    common = bench.map(TABLES, IOVA + 0x1000, DATA, PAGE & ~NOT_GLOBAL)
    bench.access(IOVA, 0x2000)
    bench.put(own, 0)
    bench.put(common, 0)
    bench.tlbi(opcode, **fields)
    assert {name for name, at in places.items() if bench.peek(at) is None} == gone


def test_only_invalidations_of_this_world_are_taken(bench):
    with pytest.raises(ValueError, match="command 0x20 is no CMD_TLBI of the EL1 stream world"):
        bench.tlbi(Opcode.TLBI_EL2_ALL)
