"""SMMUv3: every configuration and translation fault, with the exact record in the queue."""

from __future__ import annotations

import pytest

from soc.address import Iova
from soc.iommu.port import DmaAbort
from tests.devices.smmuv3_bench import (
    CLASS_INPUT,
    CLASS_TABLE,
    CMDQEN,
    CR0,
    CR2,
    DATA,
    EVENTQEN,
    GBPA,
    NOWHERE,
    PAGE,
    RAM,
    READ,
    READ_ONLY,
    STREAM,
    STREAMS,
    STRTAB_BASE,
    TABLES,
    Bench,
    context_descriptor,
)

IOVA = 0x12_3456_7000
S = STREAM << 32


@pytest.fixture
def bench():
    bench = Bench()
    yield bench.start()
    bench.dram.banks[0].close()


# --- off and bypass ---------------------------------------------------------


def test_off_it_lets_everything_through_or_aborts_without_a_record(bench):
    bench.set(CR0, EVENTQEN | CMDQEN)
    assert bench.access(DATA + 8, 0x2000) == [(DATA + 8, 0x2000)]
    bench.set(GBPA, 1 << 20)
    assert bench.get(GBPA) == 0x1000, "without UPDATE a write changes nothing"
    bench.set(GBPA, 1 << 31 | 1 << 20)
    assert bench.get(GBPA) == 1 << 20, "UPDATE reads as done"
    with pytest.raises(DmaAbort) as caught:
        bench.access(DATA)
    assert str(caught.value) == (
        "stream 0x5: read at iova 0x80050000 aborted: the SMMU is off and GBPA.ABORT is set"
    )
    bench.set(GBPA, 1 << 31)
    assert bench.access(DATA, write=True) == [(DATA, 4)]
    assert bench.events() == []


def test_a_bypassed_stream_is_checked_against_the_output_size_only(bench):
    bench.stream(1 | 4 << 1)
    assert bench.access(0, 0) == [(0, 0)]
    assert bench.access((1 << 40) - 4) == [((1 << 40) - 4, 4)]
    record = (0x11 | S, READ | CLASS_INPUT, 1 << 40, 0)
    assert bench.fault(1 << 40) == [record]
    assert bench.fault((1 << 40) - 2) == [record]


@pytest.mark.parametrize("config", [0, 1, 2, 3])
def test_an_aborting_stream_is_silent(bench, config):
    bench.stream(1 | config << 1)
    assert bench.fault(IOVA) == []
    assert [report.record.event.name for report in bench.reports] == ["F_STREAM_DISABLED"]


# --- configuration faults ---------------------------------------------------


@pytest.mark.parametrize("stream", [16, 255, 256, 0xFFFF_FFFF])
def test_a_stream_beyond_the_table(bench, stream):
    assert bench.fault(IOVA, stream=stream) == [(0x02 | stream << 32, 0, 0, 0)]
    bench.reconfigure((CR2, 0))
    assert bench.fault(IOVA, stream=stream) == [], "CR2.RECINVSID is clear"


def test_the_stream_table_is_not_in_memory(bench):
    bench.reconfigure((STRTAB_BASE, NOWHERE), size=8)
    assert bench.fault(IOVA) == [(0x03 | S, 0, 0, NOWHERE + 64 * STREAM)]


def test_the_context_descriptor_is_not_in_memory(bench):
    bench.stream(1 | 5 << 1 | NOWHERE)
    assert bench.fault(IOVA, write=True) == [(0x09 | S, 0, 0, NOWHERE)]


def test_fields_of_a_disabled_table_are_ignored(bench):
    bench.stage1(context_descriptor(table=1 << 40, t0sz=63, flip=1 << 14 | 3 << 6 | 1 << 15))
    assert bench.fault(IOVA) == [(0x10 | S, READ | CLASS_INPUT, IOVA, 0)]


@pytest.mark.parametrize("code", [2, 5, 6, 7])
def test_output_sizes_above_the_implemented_one_act_as_it(bench, code):
    bench.stage1(context_descriptor(flip=(code ^ 2) << 32))
    bench.map(IOVA, (1 << 40) - 0x1000)
    bench.map(IOVA + 0x1000, 1 << 40)
    assert bench.access(IOVA) == [((1 << 40) - 0x1000, 4)]
    assert bench.fault(IOVA + 0x1000) == [(0x11 | S, READ | CLASS_INPUT, IOVA + 0x1000, 0)]


# --- translation ------------------------------------------------------------


def test_a_transfer_becomes_one_span_of_scattered_pages(bench):
    bench.stage1()
    for page, output in enumerate((DATA + 0x3000, DATA, DATA + 0x1000)):
        bench.map(IOVA + 0x1000 * page, output)
    assert bench.access(IOVA + 0x800, 0x2000, write=True) == [(DATA + 0x3800, 0x800), (DATA, 0x1800)]
    assert bench.access(IOVA + 4, 0) == [(DATA + 0x3004, 0)]


@pytest.mark.parametrize(("level", "size"), [(1, 1 << 30), (2, 1 << 21)])
def test_blocks(bench, level, size):
    bench.stage1()
    bench.map(3 * size, RAM & -size, PAGE & ~2, level)
    assert bench.access(3 * size + 0x12345, 0x2000) == [((RAM & -size) + 0x12345, 0x2000)]


def test_a_walk_that_leaves_memory_names_the_descriptor_and_the_page(bench):
    bench.stage1()
    bench.map(0, DATA)
    bench.put(TABLES + 8, NOWHERE | 3)
    at = (1 << 30) + 0x20_0000 * 7 + 0x123
    assert bench.fault(at) == [(0x0B | S, READ | CLASS_TABLE, at, NOWHERE + 8 * 7)]
    assert bench.fault(at, write=True) == [(0x0B | S, CLASS_TABLE, at, NOWHERE + 8 * 7)]
    bench.stage1(context_descriptor(table=NOWHERE), stream=6)
    assert bench.fault(0x4000_0000, stream=6) == [
        (0x0B | 6 << 32, READ | CLASS_TABLE, 0x4000_0000, NOWHERE + 8)
    ]


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(
    ("event", "output", "attributes"),
    [
        (0x10, DATA, PAGE & ~1),
        (0x10, DATA, PAGE & ~2),
        (0x11, 1 << 40, PAGE),
        (0x12, DATA, PAGE & ~(1 << 10)),
        (0x13, DATA, PAGE & ~(1 << 6)),
        (0x11, 1 << 40, PAGE & ~(1 << 10)),
        (0x12, DATA, PAGE & ~(1 << 10 | 1 << 6)),
    ],
    ids=["not valid", "reserved", "address size", "AF", "EL0", "size before AF", "AF before permission"],
)
def test_translation_faults_at_the_first_bad_page(bench, event, output, attributes, write):
    bench.stage1()
    bench.map(IOVA, DATA)
    bench.map(IOVA + 0x1000, output, attributes)
    bench.map(IOVA + 0x2000, 0)
    access = 0 if write else READ
    assert bench.fault(IOVA + 0x1234, 8, write) == [(event | S, access | CLASS_INPUT, IOVA + 0x1234, 0)]
    assert bench.fault(IOVA + 0x678, 0x2000, write) == [(event | S, access | CLASS_INPUT, IOVA + 0x1000, 0)]


def test_permission_is_about_writes_on_a_read_only_page(bench):
    bench.stage1()
    bench.map(IOVA, DATA, PAGE | READ_ONLY)
    assert bench.access(IOVA) == [(DATA, 4)]
    assert bench.fault(IOVA + 8, write=True) == [(0x13 | S, CLASS_INPUT, IOVA + 8, 0)]


@pytest.mark.parametrize(("bit", "readable"), [(61, False), (62, True)])
def test_table_descriptors_take_permissions_away(bench, bit, readable):
    bench.stage1()
    bench.map(IOVA, DATA)
    root = TABLES + 8 * (IOVA >> 30)
    bench.put(root, bench.word(root) | 1 << bit)
    if readable:
        assert bench.access(IOVA) == [(DATA, 4)]
    else:
        assert bench.fault(IOVA) == [(0x13 | S, READ | CLASS_INPUT, IOVA, 0)]
    assert bench.fault(IOVA, write=True) == [(0x13 | S, CLASS_INPUT, IOVA, 0)]


def test_access_flag_faults_can_be_turned_off(bench):
    bench.stage1(context_descriptor(flip=1 << 35))
    bench.map(IOVA, DATA, PAGE & ~(1 << 10))
    assert bench.access(IOVA) == [(DATA, 4)]


@pytest.mark.parametrize("iova", [1 << 39, 1 << 40, (1 << 64) - 0x1000])
def test_an_address_beyond_the_input_size(bench, iova):
    bench.stage1()
    bench.map(0, DATA)
    assert bench.fault(iova) == [(0x10 | S, READ | CLASS_INPUT, iova, 0)]


def test_a_context_may_keep_translation_faults_to_itself_but_no_others(bench):
    bench.stage1(context_descriptor(flip=1 << 45))
    bench.put(TABLES + 8, NOWHERE | 3)
    assert bench.fault(0) == []
    assert bench.fault(0x4000_0000) == [(0x0B | S, READ | CLASS_TABLE, 0x4000_0000, NOWHERE)]


# --- what a debugger sees ---------------------------------------------------


def test_peek_reports_and_caches_nothing(bench):
    bench.stage1()
    descriptor = bench.map(IOVA, DATA)
    assert bench.smmu.peek(STREAM, Iova(IOVA), 4).segments() == [(DATA, 4)]
    bench.put(descriptor, 0)
    for stream in (STREAM, 3, 77):
        assert bench.smmu.peek(stream, Iova(IOVA), 4) is None
    assert (bench.events(), bench.reports) == ([], [])
    bench.set(CR0, 0)
    assert bench.smmu.peek(STREAM, Iova(DATA), 4).segments() == [(DATA, 4)]


def test_peek_sees_what_the_iotlb_still_holds(bench):
    bench.stage1()
    descriptor = bench.map(IOVA, DATA)
    bench.access(IOVA)
    bench.put(descriptor, 0)
    assert bench.smmu.peek(STREAM, Iova(IOVA), 4).segments() == [(DATA, 4)]


def test_listeners_hear_of_every_fault(bench):
    heard = []
    bench.smmu.fault_listeners.append(heard.append)
    bench.stage1()
    bench.fault(IOVA, write=True)
    (report,) = heard
    assert (report.time, report.record.event.name, report.record.stream) == (0, "F_TRANSLATION", STREAM)
    assert (report.record.iova, report.record.write) == (IOVA, True)


# --- the table --------------------------------------------------------------


def test_the_stream_table_is_aligned_to_its_size(bench):
    bench.reconfigure((STRTAB_BASE, STREAMS + 0x3C0), size=8)
    bench.stream(1 | 4 << 1)
    assert bench.access(DATA) == [(DATA, 4)]
