"""Every event: its exact words, and a transaction that makes the device record it.

Words are written out from ARM IHI 0070, 7.3.
"""

from __future__ import annotations

import pytest

from devices.smmuv3.spec import EventId, EventRecord, FaultClass
from tests.devices.smmuv3_bench import (
    CLASS_CONTEXT,
    CLASS_INPUT,
    CLASS_TABLE,
    CONTEXTS,
    DATA,
    INSTRUCTION,
    NOWHERE,
    PAGE,
    PRIVILEGED,
    READ,
    READ_ONLY,
    S2_PAGE,
    S2_TABLES,
    S2_WRITE,
    SSV,
    STAGE2,
    STALL,
    STREAM,
    TABLE_READ,
    TABLES,
    Bench,
    context_descriptor,
    stage2_entry,
)

E = EventId
SID, SSID = 0x1234_5678, 0xFEDCB
WHO, PART = SID << 32, SSV | SSID << 12
IOVA, IPA, FETCH = 0x1234_5678_9ABC_DEF1, 0xF_FEDC_BA98_7000, 0xF_FEDC_BA98_7658

RECORDS = [
    (EventRecord(E.F_UUT, SID, IOVA, reason=0xBEEF), (0x01 | WHO, 0xBEEF | READ, IOVA, 0)),
    (EventRecord(E.C_BAD_STREAMID, SID, substream=SSID), (0x02 | WHO | PART, 0, 0, 0)),
    (EventRecord(E.F_STE_FETCH, SID, fetch=FETCH, reason=7), (0x03 | WHO, 7, 0, FETCH)),
    (EventRecord(E.C_BAD_STE, SID), (0x04 | WHO, 0, 0, 0)),
    (EventRecord(E.C_BAD_STE, SID, substream=0), (0x04 | WHO | SSV, 0, 0, 0)),
    (EventRecord(E.F_STREAM_DISABLED, SID, substream=SSID), (0x06 | WHO | PART, 0, 0, 0)),
    (EventRecord(E.C_BAD_SUBSTREAMID, SID, substream=SSID), (0x08 | WHO | SSID << 12, 0, 0, 0)),
    (EventRecord(E.F_CD_FETCH, SID, fetch=FETCH, substream=1), (0x09 | WHO | SSV | 1 << 12, 0, 0, FETCH)),
    (EventRecord(E.C_BAD_CD, SID, substream=SSID), (0x0A | WHO | PART, 0, 0, 0)),
    (
        EventRecord(E.F_WALK_EABT, SID, IOVA, fetch=FETCH, kind=FaultClass.TTD, stage2=True, privileged=True),
        (0x0B | WHO, READ | CLASS_TABLE | STAGE2 | PRIVILEGED, IOVA, FETCH),
    ),
    (EventRecord(E.F_TRANSLATION, SID, IOVA), (0x10 | WHO, READ | CLASS_INPUT, IOVA, 0)),
    (
        EventRecord(E.F_TRANSLATION, SID, IOVA, stall=True, stag=0xBEEF, instruction=True),
        (0x10 | WHO, READ | CLASS_INPUT | STALL | 0xBEEF | INSTRUCTION, IOVA, 0),
    ),
    (
        EventRecord(E.F_ADDR_SIZE, SID, IOVA, write=True, stage2=True, ipa=IPA, kind=FaultClass.CD),
        (0x11 | WHO, CLASS_CONTEXT | STAGE2, IOVA, IPA),
    ),
    (EventRecord(E.F_ACCESS, SID, IOVA, ns_ipa=True), (0x12 | WHO, READ | CLASS_INPUT | 1 << 36, IOVA, 0)),
    (
        EventRecord(E.F_PERMISSION, SID, IOVA, stage2=True, ipa=IPA, kind=FaultClass.TTD, table_read=True),
        (0x13 | WHO, READ | CLASS_TABLE | STAGE2 | TABLE_READ, IOVA, IPA),
    ),
    (
        EventRecord(E.F_TLB_CONFLICT, SID, IOVA, write=True, stage2=True, ipa=IPA, reason=1),
        (0x20 | WHO, 1 | STAGE2, IOVA, IPA),
    ),
    (EventRecord(E.F_CFG_CONFLICT, SID, substream=SSID, reason=1), (0x21 | WHO | PART, 1, 0, 0)),
]


@pytest.mark.parametrize(("record", "words"), RECORDS, ids=lambda item: getattr(item, "event", E.F_UUT).name)
def test_exact_words(record, words):
    assert tuple(record.build()) == words
    assert EventRecord.parse(words) == record


def test_the_table_names_every_event():
    assert {record.event for record, _ in RECORDS} == set(EventId)


def test_addresses_are_recorded_at_their_granularity():
    assert EventRecord(E.F_STE_FETCH, 0, fetch=0xFFFF).build()[3] == 0xFFF8
    assert EventRecord(E.F_TRANSLATION, 0, stage2=True, ipa=0xFFFF).build()[3] == 0xF000


@pytest.mark.parametrize(
    ("words", "why"), [((0x07, 0, 0, 0), "7 is not"), ((0x10, 3 << 40, 0, 0), "3 is not")]
)
def test_numbers_and_classes_that_do_not_exist(words, why):
    with pytest.raises(ValueError, match=why):
        EventRecord.parse(words)


# --- raised by the device ----------------------------------------------------

S = STREAM << 32
AT = 0x12_3456_7000
ROOT = TABLES + 8 * (AT >> 30)


@pytest.fixture
def bench():
    bench = Bench()
    yield bench.start()
    bench.dram.banks[0].close()


def substreams(bench: Bench, default: int = 0) -> None:
    """Four contexts, of which the last is not valid."""
    for number in range(3):
        bench.put(CONTEXTS + 64 * number, *context_descriptor(asid=number))
    bench.stream(1 | 5 << 1 | CONTEXTS | 2 << 59, default)


@pytest.mark.parametrize(
    ("default", "substream", "record"),
    [
        (0, None, (0x06 | S, 0, 0, 0)),
        (0, 3, (0x0A | S | SSV | 3 << 12, 0, 0, 0)),
        (0, 4, (0x08 | S | 4 << 12, 0, 0, 0)),
        (0, 1, (0x10 | S | SSV | 1 << 12, READ | CLASS_INPUT, AT, 0)),
        (2, 0, (0x06 | S | SSV, 0, 0, 0)),
        (2, None, (0x10 | S, READ | CLASS_INPUT, AT, 0)),
    ],
)
def test_substreams(bench, default, substream, record):
    substreams(bench, default)
    assert bench.fault(AT, substream=substream) == [record]


@pytest.mark.parametrize("config", [4, 6])
def test_a_substream_without_stage_1(bench, config):
    bench.stream(*stage2_entry(config))
    assert bench.fault(AT, substream=9) == [(0x08 | S | 9 << 12, 0, 0, 0)]


@pytest.mark.parametrize(
    ("override", "privileged", "seen"),
    [
        (0, False, 0),
        (0, True, PRIVILEGED),
        (2 << 48, True, 0),
        (3 << 48, False, PRIVILEGED),
        (3 << 50, False, INSTRUCTION),
    ],
)
def test_attributes_are_those_after_the_overrides_of_the_stream(bench, override, privileged, seen):
    bench.stage1()
    bench.stream(1 | 5 << 1 | CONTEXTS + 64 * STREAM, override)
    assert bench.fault(AT, privileged=privileged) == [(0x10 | S, READ | CLASS_INPUT | seen, AT, 0)]
    (record,) = bench.fault(AT, write=True, privileged=privileged)
    assert record[1] & (READ | INSTRUCTION) == 0, "a write is never an instruction fetch"


STAGE2_FAULTS = [
    (0x10, S2_PAGE & ~1, DATA),
    (0x11, S2_PAGE, 1 << 40),
    (0x12, S2_PAGE & ~(1 << 10), DATA),
    (0x13, S2_PAGE & ~(3 << 6), DATA),
]


@pytest.mark.parametrize(("event", "attributes", "output"), STAGE2_FAULTS)
def test_stage_2_alone(bench, event, attributes, output):
    bench.stream(*stage2_entry())
    bench.map(AT, output, attributes, root=S2_TABLES)
    assert bench.fault(AT + 8) == [(event | S, READ | CLASS_INPUT | STAGE2, AT + 8, AT)]


def test_stage_2_alone_beyond_its_range(bench):
    bench.stream(*stage2_entry())
    assert bench.fault(1 << 39) == [(0x10 | S, READ | CLASS_INPUT | STAGE2, 1 << 39, 1 << 39)]
    assert bench.fault(1 << 40) == [(0x11 | S, READ | CLASS_INPUT, 1 << 40, 0)], "no intermediate address"


def test_a_stage_2_walk_that_leaves_memory(bench):
    bench.stream(*stage2_entry())
    bench.put(S2_TABLES, NOWHERE | 3)
    assert bench.fault(0x123) == [(0x0B | S, READ | CLASS_INPUT | STAGE2, 0x123, NOWHERE)]


@pytest.mark.parametrize(("event", "attributes", "output"), STAGE2_FAULTS)
def test_nested_at_the_output_of_stage_1(bench, event, attributes, output):
    bench.nested()
    bench.map(AT, 0x4000_0000)
    bench.map(0x4000_0000, output, attributes, root=S2_TABLES)
    assert bench.fault(AT + 8) == [(event | S, READ | CLASS_INPUT | STAGE2, AT + 8, 0x4000_0000)]


@pytest.mark.parametrize(("event", "attributes", "output"), STAGE2_FAULTS)
def test_nested_at_a_stage_1_table(bench, event, attributes, output):
    bench.nested()
    bench.put(ROOT, 0x4000_0000 | 3)
    bench.map(0x4000_0000, output, attributes, root=S2_TABLES)
    table_read = TABLE_READ if event == 0x13 else 0
    (record,) = bench.fault(AT, write=True)
    assert record == (event | S, CLASS_TABLE | STAGE2 | table_read, AT, 0x4000_0000)


@pytest.mark.parametrize(("event", "attributes", "output"), STAGE2_FAULTS)
def test_nested_at_the_context_descriptor(bench, event, attributes, output):
    bench.nested()
    bench.map(CONTEXTS, output, attributes, root=S2_TABLES)
    assert bench.fault(AT) == [(event | S, READ | CLASS_CONTEXT | STAGE2, AT, CONTEXTS)]


def test_nested_at_stage_1_itself(bench):
    bench.nested()
    assert bench.fault(AT) == [(0x10 | S, READ | CLASS_INPUT, AT, 0)]
    bench.map(AT, 0x4000_0000, PAGE | READ_ONLY)
    bench.map(0x4000_0000, DATA, S2_PAGE, root=S2_TABLES)
    assert bench.access(AT) == [(DATA, 4)]
    assert bench.fault(AT, write=True) == [(0x13 | S, CLASS_INPUT, AT, 0)]


def test_nested_writes_need_both_stages(bench):
    bench.nested()
    bench.map(AT, 0x4000_0000)
    bench.map(0x4000_0000, DATA, S2_PAGE & ~S2_WRITE, root=S2_TABLES)
    assert bench.access(AT) == [(DATA, 4)]
    assert bench.fault(AT, write=True) == [(0x13 | S, CLASS_INPUT | STAGE2, AT, 0x4000_0000)]


def test_stage_2_may_keep_its_faults_to_itself(bench):
    bench.stream(*stage2_entry(flip=1 << 58))
    assert bench.fault(AT) == []
