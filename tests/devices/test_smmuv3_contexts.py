"""SMMUv3 context look-up: substreams, tables of contexts, contexts through stage 2, a debugger."""

from __future__ import annotations

import pytest

from devices.smmuv3.spec import EventId, FaultClass, Features, Opcode
from tests.devices.translation_bench import (
    AF,
    BYPASS,
    CONTEXTS,
    DATA,
    EPD1,
    NESTED,
    NOWHERE,
    RAM,
    S2_AFFD,
    S2_PAGE,
    S2_READ,
    S2_RECORD,
    S2_STALL,
    STAGE1,
    STAGE2,
    STREAM,
    TABLES,
    TranslationBench,
    context,
    entry,
)

IOVA = 0x12_3456_7000
S2_TABLES = TABLES + 0x8000


@pytest.fixture
def bench():
    bench = TranslationBench()
    yield bench
    bench.close()


# --- substreams -------------------------------------------------------------

TERMINATE, DSS_BYPASS, SUBSTREAM0, RESERVED = range(4)


@pytest.mark.parametrize(
    ("config", "cd_max", "dss", "substream", "outcome"),
    [
        (BYPASS, 0, 0, None, "bypass"),
        (BYPASS, 0, 0, 0, EventId.C_BAD_SUBSTREAMID),
        (STAGE2, 4, 0, 1, EventId.C_BAD_SUBSTREAMID),
        (STAGE1, 0, 0, None, 0),
        (STAGE1, 0, 0, 0, EventId.C_BAD_SUBSTREAMID),
        (STAGE1, 2, TERMINATE, None, EventId.F_STREAM_DISABLED),
        (STAGE1, 2, RESERVED, None, EventId.F_STREAM_DISABLED),
        (STAGE1, 2, DSS_BYPASS, None, "bypass"),
        (STAGE1, 2, SUBSTREAM0, None, 0),
        (STAGE1, 2, SUBSTREAM0, 0, EventId.F_STREAM_DISABLED),
        (STAGE1, 2, SUBSTREAM0, 1, 1),
        (STAGE1, 2, TERMINATE, 0, 0),
        (STAGE1, 2, DSS_BYPASS, 0, 0),
        (STAGE1, 2, DSS_BYPASS, 3, 3),
        (STAGE1, 2, TERMINATE, 4, EventId.C_BAD_SUBSTREAMID),
        (STAGE1, 17, TERMINATE, 0, EventId.C_BAD_STE),
    ],
)
def test_which_context_a_substream_uses(bench, config, cd_max, dss, substream, outcome):
    """Context n maps IOVA to page n of DATA."""
    for index in range(4):
        root = TABLES + 0x1000 * index
        bench.put(CONTEXTS + 64 * index, *context(root, asid=index))
        bench.map(root, IOVA, DATA + 0x1000 * index)
    bench.stream(entry(config, s2ttb=S2_TABLES if config & 2 else 0, cd_max=cd_max, dss=dss))
    if isinstance(outcome, EventId):
        report = bench.fault(IOVA, substream=substream)
        assert (report.event, report.substream) == (outcome, substream)
    else:
        expected = IOVA if outcome == "bypass" else DATA + 0x1000 * outcome
        assert bench.access(IOVA, substream=substream) == [(expected, 4)]


def test_without_substreams_in_the_implementation():
    bench = TranslationBench(Features(ssid_size=0))
    bench.stream(entry(STAGE1, cd_max=2))
    bench.put(CONTEXTS, *context())
    assert bench.event(IOVA, substream=1) is EventId.C_BAD_SUBSTREAMID
    bench.close()


def test_bypass_of_stage_1_leaves_stage_2(bench):
    bench.map(S2_TABLES, 0x5000, DATA, S2_PAGE)
    bench.stream(entry(NESTED, s2ttb=S2_TABLES, cd_max=2, dss=DSS_BYPASS))
    assert bench.access(0x5000) == [(DATA, 4)]
    report = bench.fault(0x6000)
    assert (report.event, report.stage2, report.ipa) == (EventId.F_TRANSLATION, True, 0x6000)


# --- tables of contexts -----------------------------------------------------


@pytest.mark.parametrize(("fmt", "bits"), [(1, 6), (2, 10)])
def test_both_indices_of_a_two_level_context_table(bench, fmt, bits):
    second = RAM + 0x4_0000
    substream = (2 << bits) + 3
    bench.put(CONTEXTS + 8 * 2, second | 1)
    bench.put(second + 64 * 3, *context())
    bench.map(TABLES, IOVA, DATA)
    bench.stream(entry(STAGE1, cd_max=bits + 2, fmt=fmt))
    assert bench.access(IOVA, substream=substream) == [(DATA, 4)]
    assert bench.event(IOVA, substream=substream + 1) is EventId.C_BAD_CD
    assert bench.event(IOVA, substream=1 << bits) is EventId.C_BAD_SUBSTREAMID
    assert bench.event(IOVA, substream=4 << bits) is EventId.C_BAD_SUBSTREAMID


def test_an_l1_context_pointer_beyond_the_bus_names_the_substream(bench):
    bench.put(CONTEXTS, 1 << 40 | 1)
    bench.stream(entry(STAGE1, cd_max=8, fmt=1, dss=SUBSTREAM0))
    report = bench.fault(IOVA)
    assert (report.event, report.substream) == (EventId.C_BAD_SUBSTREAMID, 0)
    report = bench.fault(IOVA, substream=2)
    assert (report.event, report.substream) == (EventId.C_BAD_SUBSTREAMID, 2)


def test_a_context_that_cannot_be_read(bench):
    bench.stream(entry(STAGE1, NOWHERE))
    report = bench.fault(IOVA)
    assert (report.event, report.fetch) == (EventId.F_CD_FETCH, NOWHERE)
    bench.cfgi(Opcode.CFGI_STE, stream=STREAM)
    bench.stream(entry(STAGE1, cd_max=8, fmt=1))
    bench.put(CONTEXTS + 8, NOWHERE | 1)
    report = bench.fault(IOVA, substream=66)
    assert (report.event, report.fetch, report.substream) == (EventId.F_CD_FETCH, NOWHERE + 128, 66)
    bench.stream(entry(STAGE1, NOWHERE, cd_max=8, fmt=1))
    bench.cfgi(Opcode.CFGI_STE, stream=STREAM)
    report = bench.fault(IOVA, substream=66)
    assert (report.event, report.fetch) == (EventId.F_CD_FETCH, NOWHERE + 8)


def test_a_bad_entry_and_a_bad_context(bench):
    bench.stream([0] * 8)
    assert bench.event(IOVA) is EventId.C_BAD_STE
    bench.stage1(flip=1 << 31)
    assert bench.event(IOVA) is EventId.C_BAD_CD
    bench.put(CONTEXTS, *context(flip=1 << 44))
    bench.stream(entry(STAGE1, flip1=1 << 27))
    bench.cfgi(Opcode.CFGI_STE, stream=STREAM)
    assert bench.event(IOVA) is EventId.C_BAD_CD, "it may stall, but its STE forbids that"


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        ({"opcode": Opcode.CFGI_CD, "stream": STREAM, "substream": 1}, {1}),
        ({"opcode": Opcode.CFGI_CD, "stream": STREAM, "substream": 0}, {0, None}),
        ({"opcode": Opcode.CFGI_CD, "stream": STREAM, "substream": 2}, set()),
        ({"opcode": Opcode.CFGI_CD, "stream": 6, "substream": 1}, set()),
        ({"opcode": Opcode.CFGI_CD_ALL, "stream": STREAM}, {0, 1, None}),
        ({"opcode": Opcode.CFGI_CD_ALL, "stream": 6}, set()),
        ({"opcode": Opcode.CFGI_STE, "stream": STREAM}, {0, 1, None}),
        ({"opcode": Opcode.CFGI_STE_RANGE, "stream": 0, "range_log2": 31}, {0, 1, None}),
    ],
    ids=str,
)
@pytest.mark.parametrize("default", [TERMINATE, SUBSTREAM0])
def test_which_contexts_a_command_drops(bench, fields, gone, default):
    """Substreams 0 (or none, which is the same context) and 1 are cached and then made invalid."""
    bench.stream(entry(STAGE1, cd_max=2, dss=default))
    users = (1, None if default == SUBSTREAM0 else 0)
    for index in (0, 1):
        bench.put(CONTEXTS + 64 * index, *context(asid=index))
    bench.map(TABLES, IOVA, DATA)
    for substream in users:
        bench.access(IOVA, substream=substream)
    bench.put(CONTEXTS, *[0] * 16)
    bench.cfgi(**fields)
    for substream in users:
        if substream in gone:
            assert bench.event(IOVA, substream=substream) is EventId.C_BAD_CD
        else:
            assert bench.access(IOVA, substream=substream) == [(DATA, 4)]


def test_a_first_level_context_descriptor_is_cached_apart_from_its_contexts(bench):
    second = RAM + 0x4_0000
    bench.put(CONTEXTS, second | 1)
    bench.put(second, *context(asid=0))
    bench.put(second + 64, *context(asid=1))
    bench.map(TABLES, IOVA, DATA)
    bench.stream(entry(STAGE1, cd_max=8, fmt=1))
    bench.access(IOVA, substream=0)
    bench.put(CONTEXTS, 0)
    assert bench.access(IOVA, substream=1) == [(DATA, 4)]
    bench.cfgi(Opcode.CFGI_CD, stream=STREAM, substream=1, leaf=True)
    assert bench.access(IOVA, substream=1) == [(DATA, 4)]
    bench.cfgi(Opcode.CFGI_CD, stream=STREAM, substream=1, leaf=False)
    assert bench.event(IOVA, substream=1) is EventId.C_BAD_SUBSTREAMID
    assert bench.access(IOVA, substream=0) == [(DATA, 4)]


def test_all_contexts_go_with_their_first_level(bench):
    second = RAM + 0x4_0000
    bench.put(CONTEXTS, second | 1)
    bench.put(second, *context())
    bench.map(TABLES, IOVA, DATA)
    bench.stream(entry(STAGE1, cd_max=8, fmt=1))
    bench.access(IOVA, substream=0)
    bench.put(CONTEXTS, 0)
    bench.cfgi(Opcode.CFGI_CD_ALL, stream=STREAM)
    assert bench.event(IOVA, substream=0) is EventId.C_BAD_SUBSTREAMID


def test_only_configuration_commands_are_taken(bench):
    with pytest.raises(ValueError, match="command 0x46 is no CMD_CFGI"):
        bench.cfgi(Opcode.SYNC)


# --- contexts through stage 2 -----------------------------------------------

SHIFT = 0x4000_0000
"""The guest sees its memory this much higher than it is."""


def nested(bench: TranslationBench, attributes: int = S2_PAGE, flip2: int = 0) -> int:
    """STREAM is nested; returns where the stage-2 descriptor of the context's page lies."""
    at = bench.map(S2_TABLES, CONTEXTS + SHIFT, CONTEXTS, attributes)
    bench.stream(entry(NESTED, CONTEXTS + SHIFT, S2_TABLES, flip2=flip2))
    bench.put(CONTEXTS, *context(TABLES + SHIFT))
    return at


def test_a_context_is_fetched_through_stage_2(bench):
    nested(bench)
    bench.map(S2_TABLES, RAM + SHIFT + 0x20_0000, RAM + 0x20_0000, S2_PAGE, level=2)
    for page in range(TABLES, TABLES + 0x2_0000, 0x1000):
        bench.map(S2_TABLES, page + SHIFT, page, S2_PAGE)
    bench.map(TABLES, IOVA, DATA + SHIFT, shift=SHIFT)
    assert bench.access(IOVA) == [(DATA, 4)]


@pytest.mark.parametrize(
    ("attributes", "event"),
    [
        (0, EventId.F_TRANSLATION),
        (S2_PAGE & ~AF, EventId.F_ACCESS),
        (S2_PAGE & ~S2_READ, EventId.F_PERMISSION),
        (S2_PAGE | 1 << 41, EventId.F_ADDR_SIZE),
    ],
    ids=["unmapped", "access flag", "not readable", "address size"],
)
@pytest.mark.parametrize(
    ("flip2", "record", "stall"), [(0, True, False), (S2_STALL, True, True), (S2_RECORD, False, False)]
)
def test_stage_2_refuses_a_context(bench, attributes, event, flip2, record, stall):
    nested(bench, attributes, flip2)
    refusal = bench.refusal(IOVA, write=True)
    report = refusal.report
    assert (report.event, report.stage2, report.kind) == (event, True, FaultClass.CD)
    assert (report.ipa & ~0xFFF, report.iova, report.write) == (CONTEXTS + SHIFT, IOVA, True)
    assert (refusal.record, refusal.stall) == (record, stall)


def test_a_context_whose_access_flag_nobody_checks(bench):
    nested(bench, S2_PAGE & ~AF, S2_AFFD)
    assert bench.fault(IOVA).kind is FaultClass.TTD, "the context was read; the tables are not mapped"


def test_the_stage_2_tables_of_a_context_cannot_be_read(bench):
    nested(bench)
    bench.put(S2_TABLES + 8 * (CONTEXTS + SHIFT >> 30), NOWHERE | 3)
    report = bench.fault(IOVA)
    assert (report.event, report.stage2, report.kind) == (EventId.F_WALK_EABT, True, FaultClass.CD)
    assert report.fetch == NOWHERE + 8 * (CONTEXTS + SHIFT >> 21 & 511)


def test_stage_2_sends_a_context_where_no_memory_is(bench):
    bench.put(nested(bench), NOWHERE | S2_PAGE)
    report = bench.fault(IOVA)
    assert (report.event, report.fetch) == (EventId.F_CD_FETCH, NOWHERE + (CONTEXTS & 0xFFF))


# --- a debugger -------------------------------------------------------------


def test_a_debugger_caches_and_counts_nothing(bench):
    bench.stage1()
    descriptor = bench.map(TABLES, IOVA, DATA)
    assert bench.peek(IOVA, 8) == [(DATA, 8)]
    assert bench.master.traffic.total() == (0, 0)
    bench.put(descriptor, 0)
    bench.put(CONTEXTS, 0)
    assert bench.peek(IOVA) is None
    assert bench.event(IOVA) is EventId.C_BAD_CD, "nothing of what it read was kept"


def test_a_debugger_sees_what_the_device_would(bench):
    bench.stage1()
    descriptor = bench.map(TABLES, IOVA, DATA)
    bench.map(TABLES, IOVA + 0x1000, DATA + 0x5000)
    bench.access(IOVA)
    bench.put(CONTEXTS, *context(flip=EPD1))
    bench.put(descriptor, 0)
    assert bench.peek(IOVA, 0x2000) == [(DATA, 0x1000), (DATA + 0x5000, 0x1000)]
    assert bench.peek(IOVA, 0x3000) is None
    assert bench.peek(IOVA, substream=1) is None
    bench.stream(entry(BYPASS), 5)
    bench.cfgi(Opcode.CFGI_STE, stream=STREAM)
    assert bench.peek(IOVA) == [(IOVA, 4)]


# --- protected walks ---------------------------------------------------------

S2_PTW = 1 << 54
DEVICE_MEMORY = S2_PAGE & ~(0xF << 2) | 1 << 2


@pytest.mark.parametrize("fmt", [0, 1])
@pytest.mark.parametrize("attributes", [S2_PAGE, DEVICE_MEMORY])
@pytest.mark.parametrize("flip", [0, S2_PTW])
def test_contexts_in_device_memory_with_protected_walks(bench, flip, attributes, fmt):
    """A linear table, and one of two levels whose first level is what stage 2 calls device memory."""
    bench.put(CONTEXTS, CONTEXTS + 0x1000 | 1)
    bench.put(CONTEXTS + 0x1000 * fmt, *context())
    bench.map(TABLES, IOVA, DATA)
    bench.stream(entry(NESTED, s2ttb=S2_TABLES, cd_max=1 if fmt else 0, fmt=fmt, dss=2, flip2=flip))
    bench.map(S2_TABLES, CONTEXTS, CONTEXTS, attributes)
    for page in (CONTEXTS + 0x1000, DATA, *range(TABLES, TABLES + 0x2_0000, 0x1000)):
        bench.map(S2_TABLES, page, page, S2_PAGE)
    if flip and attributes == DEVICE_MEMORY:
        report = bench.fault(IOVA)
        assert (report.event, report.stage2, report.kind) == (EventId.F_PERMISSION, True, FaultClass.CD)
        assert (report.ipa, report.table_read) == (CONTEXTS, False)
        assert bench.peek(IOVA) is None
    else:
        assert bench.access(IOVA) == [(DATA, 4)]
