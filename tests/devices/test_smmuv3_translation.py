"""SMMUv3 translation by stage 1: address ranges, permissions, faults, hardware update, stale use."""

from __future__ import annotations

import pytest

from devices.smmuv3.spec import EventId, EventRecord, FaultClass, Opcode
from soc.address import Iova
from tests.devices.translation_bench import (
    ABORT,
    AF,
    AFFD,
    BYPASS,
    CONTEXTS,
    DATA,
    EL0,
    EPD0,
    NOT_GLOBAL,
    NOWHERE,
    PAGE,
    PAN,
    RAM,
    READ_ONLY,
    RECORD,
    STAGE1,
    STALL,
    STREAM,
    TABLES,
    TBI0,
    TBI1,
    VMID,
    TranslationBench,
    context,
    entry,
)

IOVA = 0x12_3456_7000
HIGH_TABLES = TABLES + 0x4000
TOP = 0xFFFF_FF80_0000_0000
"""Where the range of TTB1 begins with 39 bits."""

UNPRIVILEGED, PRIVILEGED = 2 << 48, 3 << 48
INSTRUCTION = 3 << 50
UXN, PXN = 1 << 54, 1 << 53


@pytest.fixture
def bench():
    bench = TranslationBench()
    yield bench.stage1()
    bench.close()


def halves(bench: TranslationBench, flip: int = 0) -> None:
    """The same offset is mapped in both halves: page 0 of DATA in the low one, page 1 in the high one."""
    bench.put(CONTEXTS, *context(TABLES, HIGH_TABLES, flip=flip))
    bench.map(TABLES, 0x5000, DATA)
    bench.map(HIGH_TABLES, 0x5000, DATA + 0x1000)


# --- address ranges ---------------------------------------------------------


def test_bit_55_chooses_between_the_two_tables(bench):
    halves(bench)
    assert bench.access(0x5000) == [(DATA, 4)]
    assert bench.access(TOP + 0x5000) == [(DATA + 0x1000, 4)]
    bench.map(HIGH_TABLES, (1 << 39) - 0x1000, DATA + 0x2000)
    assert bench.access((1 << 64) - 4) == [(DATA + 0x2FFC, 4)]


@pytest.mark.parametrize(
    "address",
    [
        1 << 39,
        TOP - 0x1000,
        1 << 55,
        (1 << 55) - 0x1000,
        0x8000_0000_0000_5000,
        (0x7F << 56) | (TOP & ~(0xFF << 56)) | 0x5000,
    ],
    ids=hex,
)
def test_addresses_between_the_two_ranges_fault(bench, address):
    halves(bench)
    assert bench.fault(address) == EventRecord(
        EventId.F_TRANSLATION, STREAM, Iova(address), kind=FaultClass.IN
    )


def test_the_top_byte_is_ignored_where_the_context_says_so(bench):
    low, high = 0xA5 << 56 | 0x5000, 0x5A << 56 | 0xFF_FF80_0000_5000
    halves(bench, TBI0)
    assert bench.access(low) == [(DATA, 4)]
    assert bench.fault(high).iova == high
    halves(bench, TBI1)
    bench.cfgi(Opcode.CFGI_CD, stream=STREAM)
    bench.tlbi(Opcode.TLBI_NSNH_ALL)
    assert bench.fault(low).iova == low
    assert bench.access(high) == [(DATA + 0x1000, 4)]
    bench.put(HIGH_TABLES, 0)
    assert bench.access(TOP + 0x5000) == [(DATA + 0x1000, 4)], "it is the same entry whatever the top byte"
    bench.tlbi(Opcode.TLBI_NH_VA, vmid=VMID, asid=1, address=high)
    assert bench.event(TOP + 0x5000) is EventId.F_TRANSLATION


def test_an_invalidation_ignores_the_top_byte(bench):
    halves(bench)
    bench.access(TOP + 0x5000)
    bench.put(HIGH_TABLES, 0)
    bench.tlbi(Opcode.TLBI_NH_VA, vmid=VMID, asid=1, address=TOP + 0x6000)
    assert bench.access(TOP + 0x5000) == [(DATA + 0x1000, 4)]
    bench.tlbi(Opcode.TLBI_NH_VA, vmid=VMID, asid=1, address=0xFF_FF80_0000_5000)
    assert bench.event(TOP + 0x5000) is EventId.F_TRANSLATION


def test_a_range_that_is_switched_off_faults(bench):
    halves(bench, EPD0)
    assert bench.event(0x5000) is EventId.F_TRANSLATION
    assert bench.access(TOP + 0x5000) == [(DATA + 0x1000, 4)]


def test_a_transfer_that_leaves_its_range_faults_there(bench):
    bench.map(TABLES, (1 << 39) - 0x1000, DATA)
    assert bench.fault((1 << 39) - 8, size=16).iova == 1 << 39
    halves(bench)
    bench.cfgi(Opcode.CFGI_CD, stream=STREAM)
    bench.map(HIGH_TABLES, (1 << 39) - 0x1000, DATA)
    assert bench.fault((1 << 64) - 8, size=16).iova == 1 << 64


def test_bypass_is_limited_by_the_bus(bench):
    bench.stream(entry(BYPASS))
    assert bench.access((1 << 40) - 4) == [((1 << 40) - 4, 4)]
    refusal = bench.refusal((1 << 40) - 2, write=True)
    assert refusal.report == EventRecord(EventId.F_ADDR_SIZE, STREAM, Iova(1 << 40), write=True)
    assert (refusal.record, refusal.stall) == (True, False)


# --- permissions ------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        (EL0, {"ur", "uw", "pr", "pw", "ux"}),
        (EL0 | READ_ONLY, {"ur", "pr", "ux", "px"}),
        (0, {"pr", "pw", "px", "ux"}),
        (READ_ONLY, {"pr", "px", "ux"}),
        (EL0 | READ_ONLY | UXN, {"ur", "pr", "px"}),
        (READ_ONLY | PXN | UXN, {"pr"}),
    ],
)
def test_what_each_kind_of_access_may(bench, attributes, allowed):
    """u or p for unprivileged and privileged; r, w, x for read, write and instruction fetch."""
    bench.map(TABLES, IOVA, DATA, attributes | 3 | AF | NOT_GLOBAL)
    for who in "up":
        for what in "rwx":
            bench.stream(entry(STAGE1, flip1=INSTRUCTION if what == "x" else 0))
            bench.cfgi(Opcode.CFGI_STE, stream=STREAM)
            if who + what in allowed:
                assert bench.access(IOVA, write=what == "w", privileged=who == "p") == [(DATA, 4)]
            else:
                report = bench.fault(IOVA, write=what == "w", privileged=who == "p")
                assert report.event is EventId.F_PERMISSION
                assert (report.privileged, report.instruction) == (who == "p", what == "x")


@pytest.mark.parametrize(
    ("override", "incoming", "seen"),
    [
        (0, False, False),
        (0, True, True),
        (UNPRIVILEGED, True, False),
        (PRIVILEGED, False, True),
        (1 << 48, True, True),
    ],
)
def test_an_entry_overrides_privilege(bench, override, incoming, seen):
    bench.stream(entry(STAGE1, flip1=override))
    bench.map(TABLES, IOVA, DATA, PAGE & ~EL0)
    if seen:
        assert bench.access(IOVA, privileged=incoming) == [(DATA, 4)]
        assert bench.fault(IOVA + 0x1000, privileged=incoming).privileged
    else:
        report = bench.fault(IOVA, privileged=incoming)
        assert (report.event, report.privileged) == (EventId.F_PERMISSION, False)


def test_writes_are_never_instruction_fetches(bench):
    bench.stream(entry(STAGE1, flip1=INSTRUCTION))
    bench.map(TABLES, IOVA, DATA, PAGE | UXN)
    assert bench.access(IOVA, write=True) == [(DATA, 4)]
    report = bench.fault(IOVA)
    assert (report.event, report.instruction) == (EventId.F_PERMISSION, True)


def test_privileged_access_never(bench):
    bench.put(CONTEXTS, *context(flip=PAN))
    bench.map(TABLES, IOVA, DATA)
    bench.map(TABLES, IOVA + 0x1000, DATA, PAGE & ~EL0)
    assert bench.event(IOVA, privileged=True) is EventId.F_PERMISSION
    assert bench.access(IOVA) == [(DATA, 4)]
    assert bench.access(IOVA + 0x1000, privileged=True) == [(DATA, 4)]


# --- faults -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("descriptor", "event"),
    [
        (0, EventId.F_TRANSLATION),
        (DATA | PAGE & ~AF, EventId.F_ACCESS),
        (1 << 41 | PAGE, EventId.F_ADDR_SIZE),
        (DATA | PAGE | READ_ONLY, EventId.F_PERMISSION),
    ],
    ids=["unmapped", "access flag", "address size", "read only"],
)
@pytest.mark.parametrize(
    ("flip", "flip1", "record", "stall", "discard"),
    [
        (0, 0, True, False, False),
        (RECORD, 0, False, False, False),
        (STALL, 0, True, True, False),
        (ABORT, 0, True, False, True),
        (0, 1 << 27, True, False, False),
    ],
    ids=["abort", "unrecorded", "stall", "discard", "stall disabled"],
)
def test_each_fault_of_stage_1(bench, descriptor, event, flip, flip1, record, stall, discard):
    bench.stage1(flip, flip1)
    bench.map(TABLES, IOVA, DATA)
    bench.put(bench.map(TABLES, IOVA + 0x1000, DATA), descriptor)
    refusal = bench.refusal(IOVA + 0xFF0, size=0x3000, write=True, privileged=True)
    assert refusal.report == EventRecord(
        event, STREAM, Iova(IOVA + 0x1000), write=True, privileged=True, kind=FaultClass.IN
    )
    assert (refusal.record, refusal.stall, refusal.discard) == (record, stall, discard)


def test_an_abort_of_a_walk_is_always_recorded_and_never_stalls(bench):
    bench.stage1(RECORD | STALL | ABORT)
    bench.map(TABLES, IOVA, DATA)
    bench.put(TABLES + 8 * (IOVA >> 30), NOWHERE | 3)
    refusal = bench.refusal(IOVA + 8)
    assert refusal.report == EventRecord(
        EventId.F_WALK_EABT,
        STREAM,
        Iova(IOVA + 8),
        kind=FaultClass.TTD,
        fetch=NOWHERE + 8 * (IOVA >> 21 & 511),
    )
    assert (refusal.record, refusal.stall, refusal.discard) == (True, False, False)


def test_an_abort_behind_cached_pages_names_its_own_descriptor(bench):
    """A page to walk for, a cached block whose table is gone, and another whose table is gone."""
    bench.map(TABLES, 0x1F_F000, DATA)
    bench.map(TABLES, 0x20_0000, RAM, PAGE, level=2)
    bench.access(0x20_0000, 0x20_0000)
    bench.put((bench.word(TABLES) & ~0xFFF) + 8, NOWHERE | 3, NOWHERE + 0x1000 | 3)
    report = bench.fault(0x1F_F000, size=0x20_2000)
    assert (report.event, report.iova, report.fetch) == (EventId.F_WALK_EABT, 0x40_0000, NOWHERE + 0x1000)


def test_an_access_flag_that_nobody_checks(bench):
    bench.stage1(AFFD)
    bench.map(TABLES, IOVA, DATA, PAGE & ~AF)
    assert bench.access(IOVA) == [(DATA, 4)]


def test_a_substream_is_named_in_its_fault(bench):
    bench.put(CONTEXTS + 64, *context(asid=9))
    bench.stream(entry(STAGE1, cd_max=1))
    assert bench.fault(IOVA, substream=1).substream == 1
