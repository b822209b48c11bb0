"""SMMUv3 stream table look-up: linear and two-level tables, what is cached of them."""

from __future__ import annotations

import pytest

from devices.smmuv3.hardware.translation import StreamTableConfig
from devices.smmuv3.spec import EventId, Opcode
from soc.address import PhysAddr
from tests.devices.translation_bench import (
    BYPASS,
    DATA,
    NOWHERE,
    STREAM,
    STREAMS,
    TranslationBench,
    entry,
)

IOVA = 0x12_3456_7000


@pytest.fixture
def bench():
    bench = TranslationBench()
    yield bench
    bench.close()


def use_two_levels(bench: TranslationBench, split: int, log2: int = 16) -> int:
    """Returns where the second-level array for STREAM's range lies."""
    bench.tables = StreamTableConfig(PhysAddr(STREAMS), log2, split, two_level=True)
    return STREAMS + 0x1_0000


# --- stream tables ----------------------------------------------------------


def test_a_stream_beyond_a_linear_table(bench):
    bench.stream(entry(BYPASS), 15)
    assert bench.access(DATA, stream=15) == [(DATA, 4)]
    assert bench.event(DATA, stream=16) is EventId.C_BAD_STREAMID
    assert bench.event(DATA, stream=0xFFFF_FFFF) is EventId.C_BAD_STREAMID


@pytest.mark.parametrize("split", [6, 8, 10])
def test_both_indices_of_a_two_level_table(bench, split):
    second = use_two_levels(bench, split)
    stream = (3 << split) + (1 << split) - 1
    bench.put(STREAMS + 8 * 3, second | split + 1)
    bench.put(second + 64 * ((1 << split) - 1), *entry(BYPASS))
    assert bench.access(DATA, stream=stream) == [(DATA, 4)]
    assert bench.event(DATA, stream=stream - 1) is EventId.C_BAD_STE
    assert bench.event(DATA, stream=stream + 1) is EventId.C_BAD_STREAMID


@pytest.mark.parametrize(
    ("span", "streams"),
    [(0, 0), (1, 1), (3, 4), (7, 64), (8, 0), (12, 0), (31, 0)],
    ids=lambda value: str(value),
)
def test_the_span_of_a_second_level(bench, span, streams):
    second = use_two_levels(bench, 6)
    bench.put(STREAMS, second | span)
    for index in range(64):
        bench.put(second + 64 * index, *entry(BYPASS))
    for index in {0, max(streams - 1, 0), streams, 63}:
        if index < streams:
            assert bench.access(DATA, stream=index) == [(DATA, 4)]
        elif index < 64:
            assert bench.event(DATA, stream=index) is EventId.C_BAD_STREAMID


def test_a_table_that_cannot_be_read(bench):
    bench.tables = StreamTableConfig(PhysAddr(NOWHERE), 4)
    report = bench.fault(IOVA)
    assert (report.event, report.fetch) == (EventId.F_STE_FETCH, NOWHERE + 64 * STREAM)
    bench.tables = StreamTableConfig(PhysAddr(NOWHERE), 16, 6, two_level=True)
    report = bench.fault(IOVA, stream=3 << 6)
    assert (report.event, report.fetch) == (EventId.F_STE_FETCH, NOWHERE + 8 * 3)
    use_two_levels(bench, 6)
    bench.put(STREAMS, NOWHERE | 7)
    report = bench.fault(IOVA)
    assert (report.event, report.fetch) == (EventId.F_STE_FETCH, NOWHERE + 64 * STREAM)


@pytest.mark.parametrize("config", range(4))
def test_an_aborting_stream_asks_for_no_record(bench, config):
    bench.stream(entry(config))
    refusal = bench.refusal(IOVA)
    assert (refusal.event, refusal.record, refusal.stall) == (EventId.F_STREAM_DISABLED, False, False)


def test_a_first_level_descriptor_is_cached_apart_from_its_entries(bench):
    second = use_two_levels(bench, 6)
    bench.put(STREAMS, second | 7)
    bench.put(second + 64 * STREAM, *entry(BYPASS))
    bench.access(DATA)
    bench.put(STREAMS, 0)
    bench.put(second + 64 * 6, *entry(BYPASS))
    assert bench.access(DATA, stream=6) == [(DATA, 4)], "a neighbour goes through the cached descriptor"
    bench.cfgi(Opcode.CFGI_STE, stream=STREAM, leaf=True)
    assert bench.access(DATA) == [(DATA, 4)]
    bench.cfgi(Opcode.CFGI_STE, stream=1 << 6, leaf=False)
    bench.cfgi(Opcode.CFGI_STE, stream=STREAM, leaf=True)
    assert bench.access(DATA) == [(DATA, 4)], "the first level of another range was invalidated"
    bench.cfgi(Opcode.CFGI_STE, stream=STREAM, leaf=False)
    assert bench.event(DATA) is EventId.C_BAD_STREAMID
    assert bench.access(DATA, stream=6) == [(DATA, 4)], "its own entry is still cached"


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        ({"opcode": Opcode.CFGI_STE, "stream": 5}, {5}),
        ({"opcode": Opcode.CFGI_STE_RANGE, "stream": 5, "range_log2": 0}, {4, 5}),
        ({"opcode": Opcode.CFGI_STE_RANGE, "stream": 5, "range_log2": 1}, {4, 5, 6, 7}),
        ({"opcode": Opcode.CFGI_STE_RANGE, "stream": 8, "range_log2": 2}, {8, 9, 10, 11, 12, 13, 14, 15}),
        ({"opcode": Opcode.CFGI_STE_RANGE, "stream": 5, "range_log2": 31}, set(range(16))),
        ({"opcode": Opcode.CFGI_CD, "stream": 5}, set()),
        ({"opcode": Opcode.CFGI_CD_ALL, "stream": 5}, set()),
    ],
    ids=str,
)
def test_which_entries_a_command_drops(bench, fields, gone):
    for stream in range(16):
        bench.stream(entry(BYPASS), stream)
        bench.access(DATA, stream=stream)
        bench.stream(entry(0), stream)
    bench.cfgi(**fields)
    for stream in range(16):
        if stream in gone:
            assert bench.event(DATA, stream=stream) is EventId.F_STREAM_DISABLED
        else:
            assert bench.access(DATA, stream=stream) == [(DATA, 4)]


def test_a_range_drops_first_level_descriptors(bench):
    second = use_two_levels(bench, 6)
    for index in (0, 1, 2):
        bench.put(STREAMS + 8 * index, second | 7)
    bench.put(second, *entry(BYPASS))
    for index in (0, 1, 2):
        bench.access(DATA, stream=index << 6)
        bench.put(STREAMS + 8 * index, 0)
    bench.cfgi(Opcode.CFGI_STE_RANGE, stream=1 << 6, range_log2=5)
    assert bench.event(DATA, stream=1 << 6) is EventId.C_BAD_STREAMID
    bench.cfgi(Opcode.CFGI_STE, stream=2 << 6, leaf=True)
    assert bench.access(DATA, stream=2 << 6) == [(DATA, 4)]
