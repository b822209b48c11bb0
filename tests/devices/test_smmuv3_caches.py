"""SMMUv3 caches: what software changes in memory counts only after the right command."""

from __future__ import annotations

import pytest

from tests.devices.smmuv3_bench import (
    CFGI_ALL,
    CFGI_CD,
    CFGI_CD_ALL,
    CFGI_STE,
    CLASS_INPUT,
    CONTEXTS,
    CR0,
    DATA,
    PAGE,
    RAM,
    READ,
    READ_ONLY,
    STREAM,
    TABLES,
    TLBI_NH_ALL,
    TLBI_NH_ASID,
    TLBI_NH_VA,
    TLBI_NH_VAA,
    TLBI_NSNH_ALL,
    Bench,
    context_descriptor,
)

IOVA = 0x4567_8000
OTHER = 6
OTHER_TABLES = TABLES + 0x8000
NEW = DATA + 0x1000


@pytest.fixture
def bench():
    """Streams 5 and 6 with ASIDs 1 and 2, each with its own table of the same page."""
    bench = Bench().start()
    bench.stage1(context_descriptor(asid=1))
    bench.stage1(context_descriptor(OTHER_TABLES, asid=2), OTHER)
    yield bench
    bench.dram.banks[0].close()


def stale(bench: Bench) -> tuple[int, int]:
    """Use a page through both streams, then take it away from both tables."""
    descriptors = (bench.map(IOVA, DATA), bench.map(IOVA, DATA, root=OTHER_TABLES))
    for stream in (STREAM, OTHER):
        assert bench.access(IOVA, stream=stream) == [(DATA, 4)]
    for descriptor in descriptors:
        bench.put(descriptor, 0)
    return descriptors


def usable(bench: Bench, stream: int, write: bool = False) -> bool:
    """Whether the stale translation still is; if not, the fault must be the right one."""
    if bench.smmu.peek(stream, IOVA, 4) is not None:
        assert bench.access(IOVA, 8, write, stream) == [(DATA, 8)]
        return True
    access = 0 if write else READ
    assert bench.fault(IOVA, 8, write, stream) == [(0x10 | stream << 32, access | CLASS_INPUT, IOVA, 0)]
    return False


@pytest.mark.parametrize(
    ("command", "gone"),
    [
        ({"opcode": TLBI_NH_ALL}, {STREAM, OTHER}),
        ({"opcode": TLBI_NSNH_ALL}, {STREAM, OTHER}),
        ({"opcode": TLBI_NH_ASID, "asid": 1}, {STREAM}),
        ({"opcode": TLBI_NH_ASID, "asid": 2}, {OTHER}),
        ({"opcode": TLBI_NH_ASID, "asid": 3}, set()),
        ({"opcode": TLBI_NH_VA, "asid": 1, "high": IOVA}, {STREAM}),
        ({"opcode": TLBI_NH_VA, "asid": 1, "high": IOVA | 1}, {STREAM}),
        ({"opcode": TLBI_NH_VA, "asid": 2, "high": IOVA | 1}, {OTHER}),
        ({"opcode": TLBI_NH_VA, "asid": 1, "high": IOVA + 0x1000}, set()),
        ({"opcode": TLBI_NH_VA, "asid": 0x101, "high": IOVA}, set()),
        ({"opcode": TLBI_NH_VAA, "high": IOVA | 1}, {STREAM, OTHER}),
        ({"opcode": TLBI_NH_VAA, "high": IOVA + 0x20_0000}, set()),
        ({"opcode": CFGI_ALL, "high": 31}, set()),
    ],
    ids=str,
)
def test_a_stale_translation_lives_until_a_command_covers_it(bench, command, gone):
    stale(bench)
    assert usable(bench, STREAM) and usable(bench, OTHER)
    bench.command(**command)
    assert usable(bench, STREAM) is (STREAM not in gone)
    assert usable(bench, OTHER) is (OTHER not in gone)


def test_permissions_are_cached_with_the_translation(bench):
    descriptor = bench.map(IOVA, DATA, PAGE | READ_ONLY)
    bench.access(IOVA)
    bench.put(descriptor, DATA | PAGE)
    assert bench.fault(IOVA, write=True) == [(0x13 | STREAM << 32, CLASS_INPUT, IOVA, 0)]
    bench.command(TLBI_NH_VA, IOVA, asid=1)
    assert bench.access(IOVA, write=True) == [(DATA, 4)]


def test_faults_are_not_cached(bench):
    bench.fault(IOVA)
    bench.map(IOVA, DATA)
    assert bench.access(IOVA) == [(DATA, 4)]


def test_a_changed_page_keeps_its_old_frame_until_invalidated(bench):
    descriptor = bench.map(IOVA, DATA)
    bench.map(IOVA + 0x1000, NEW + 0x1000)
    bench.access(IOVA)
    bench.put(descriptor, NEW | PAGE)
    assert bench.access(IOVA, 0x2000) == [(DATA, 0x1000), (NEW + 0x1000, 0x1000)]
    bench.command(TLBI_NH_VA, IOVA, asid=1)
    assert bench.access(IOVA, 0x2000) == [(NEW, 0x2000)]


@pytest.mark.parametrize(("level", "size"), [(1, 1 << 30), (2, 1 << 21)])
def test_any_address_in_a_block_invalidates_all_of_it(bench, level, size):
    block = 5 * size
    descriptor = bench.map(block, RAM & -size, PAGE & ~2, level)
    for offset in (0, size // 2, size - 0x1000):
        bench.access(block + offset)
    bench.put(descriptor, 0)
    bench.command(TLBI_NH_VA, block + size // 4, asid=1)
    for offset in (0, size // 2, size - 0x1000):
        assert len(bench.fault(block + offset)) == 1


def test_a_walk_abort_behind_a_cached_page_names_the_right_descriptor(bench):
    """The first page of the range is cached; the second is the first whose table is gone."""
    edge = 0x1FF000
    bench.map(edge, DATA)
    bench.access(edge)
    level1 = bench.word(TABLES) & ~0xFFF
    bench.put(level1, 0x1000_0003, 0x1000_1003)
    assert bench.fault(edge, 0x2000) == [
        (0x0B | STREAM << 32, READ | 1 << 40, 0x20_0000, 0x1000_1000),
    ]


# --- configuration ----------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        ({"opcode": CFGI_STE, "stream": STREAM, "high": 1}, True),
        ({"opcode": CFGI_CD, "stream": STREAM, "high": 1}, True),
        ({"opcode": CFGI_CD_ALL, "stream": STREAM}, True),
        ({"opcode": CFGI_ALL, "high": 31}, True),
        ({"opcode": CFGI_STE, "stream": OTHER, "high": 1}, False),
        ({"opcode": CFGI_CD, "stream": OTHER}, False),
        ({"opcode": TLBI_NH_ALL}, False),
        ({"opcode": TLBI_NSNH_ALL}, False),
    ],
    ids=str,
)
def test_a_context_descriptor_is_cached_until_a_cfgi_of_its_stream(bench, command, seen):
    bench.map(IOVA, DATA)
    bench.map(IOVA, NEW, root=OTHER_TABLES)
    bench.access(IOVA)
    bench.put(CONTEXTS + 64 * STREAM, *context_descriptor(OTHER_TABLES, asid=3))
    assert bench.access(IOVA) == [(DATA, 4)]
    bench.command(**command)
    assert bench.access(IOVA) == [(NEW if seen else DATA, 4)]


def test_a_stream_table_entry_is_cached_until_its_cfgi(bench):
    bench.map(IOVA, DATA)
    bench.access(IOVA)
    bench.stream(1 | 4 << 1)
    assert bench.access(IOVA) == [(DATA, 4)]
    bench.command(CFGI_STE, 1, stream=STREAM)
    assert bench.access(IOVA) == [(IOVA, 4)]
    bench.stream(0)
    assert bench.access(IOVA) == [(IOVA, 4)]
    bench.command(CFGI_STE, 1, stream=STREAM)
    assert bench.fault(IOVA) == [(0x04 | STREAM << 32, 0, 0, 0)]


def test_a_bad_configuration_is_not_cached(bench):
    bench.stream(0)
    assert bench.fault(IOVA) == [(0x04 | STREAM << 32, 0, 0, 0)]
    bench.stage1()
    bench.map(IOVA, DATA)
    assert bench.access(IOVA) == [(DATA, 4)]


def test_turning_it_off_and_on_loses_no_cached_translation(bench):
    stale(bench)
    enables = bench.get(CR0)
    bench.set(CR0, 0)
    assert bench.access(IOVA) == [(IOVA, 4)]
    bench.set(CR0, enables)
    assert usable(bench, STREAM)
