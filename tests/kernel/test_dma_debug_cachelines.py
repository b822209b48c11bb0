"""Mappings that share a cache line, and those that may; lines against plain sets of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.address import PhysAddr
from soc.kernel.dma.debug.cachelines import Cachelines
from soc.memory.dram import Bank, Dram
from tests.kernel.dma_debug_bench import BOTH, FROM, IOVA, OVERLAP, PAGE, TO, Bench


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ((0, PAGE), (0, PAGE), True),
        ((0, PAGE), (PAGE, PAGE), False),
        ((0, 64), (64, 64), False),
        ((0, 65), (64, 64), True),
        ((0, 32), (32, 32), True),
        ((0, PAGE), (100, 8), True),
        ((100, 8), (0, PAGE), True),
        ((PAGE - 64, 3 * PAGE), (2 * PAGE, 64), True),
        ((PAGE - 64, 2 * PAGE), (3 * PAGE - 64, 64), False),
        ((64, PAGE), (0, 64), False),
        ((64, PAGE), (PAGE + 63, 1), True),
    ],
)
def test_lines_that_two_mappings_share(bench, first, second, overlap):
    base = bench.pages(4)
    for number, (offset, size) in enumerate((first, second)):
        bench.debug.map_page(bench.camera, base + offset, size, FROM, IOVA + number * 0x10000)
    assert bench.said() == [OVERLAP] * overlap


@pytest.mark.parametrize(("one", "other"), [(TO, TO), (TO, FROM), (FROM, TO), (TO, BOTH)])
def test_a_reader_shares_with_anyone(bench, one, other):
    sgt = bench.scattered(4)
    bench.debug.map_sg(bench.camera, sgt, one)
    bench.debug.map_sg(bench.display, sgt, other)
    assert bench.said() == []


@pytest.mark.parametrize(("one", "other"), [(FROM, FROM), (BOTH, FROM), (BOTH, BOTH)])
def test_two_writers_do_not_share_unless_the_caller_keeps_the_caches(bench, one, other):
    sgt = bench.scattered(4)
    bench.debug.map_sg(bench.camera, sgt, one)
    bench.debug.map_sg(bench.display, sgt, other, skip_cpu_sync=True)
    assert bench.said() == []
    bench.debug.unmap_sg(bench.display, sgt, other)
    bench.debug.map_sg(bench.display, sgt, other)
    assert bench.log.warnings == [f"DMA-API: lcdif 32e00000.lcdif: {OVERLAP}"]


def test_a_list_that_has_a_page_twice(bench):
    sgt = bench.scattered(4)
    sgt.starts[3] = sgt.starts[0]
    bench.debug.map_sg(bench.camera, sgt, FROM)
    bench.debug.unmap_sg(bench.camera, sgt, FROM)
    assert bench.said() == [OVERLAP]
    sgt.starts[3] = bench.pages()
    bench.debug.map_sg(bench.camera, sgt, FROM)
    assert bench.said() == [OVERLAP]


def test_lines_are_free_again_after_unmap(bench):
    debug, base = bench.debug, bench.pages(4)
    for _ in range(3):
        debug.map_page(bench.camera, base + 100, 2 * PAGE, FROM, IOVA)
        debug.mapping_error(bench.camera, IOVA)
        debug.unmap_page(bench.camera, IOVA, 2 * PAGE, FROM)
    assert bench.said() == []


@pytest.mark.parametrize(("offset", "size"), [(0, PAGE), (128, 64)])
def test_more_mappings_of_a_line_than_are_counted(bench, offset, size):
    phys = bench.pages() + offset
    for number in range(8):
        bench.debug.map_page(bench.camera, phys, size, FROM, number * PAGE, skip_cpu_sync=True)
    assert bench.log.warnings == []
    for number in range(8, 11):
        bench.debug.map_page(bench.camera, phys, size, FROM, number * PAGE, skip_cpu_sync=True)
    assert bench.log.warnings == [f"DMA-API: exceeded 7 overlapping mappings of cacheline {phys >> 6:#018x}"]


def test_a_mapping_of_ones_own_coherent_memory(bench):
    phys = bench.pages()
    bench.debug.alloc_coherent(bench.camera, PAGE, IOVA, phys)
    bench.debug.map_page(bench.camera, phys, 64, FROM, 0x1000)
    assert bench.said() == [OVERLAP]


def test_every_bank_has_its_lines():
    banks = [Bank(PhysAddr(base), 1 << 20) for base in (0x8000_0000, 0x9000_0000)]
    lines = Cachelines(Dram(banks))
    starts = np.array([0x8000_0000, 0x9000_0000, 0x7000_0000]) + PAGE
    first = lines.hold(starts, np.full(3, PAGE))
    assert first.overlap == 0
    for start in starts[:2].tolist():
        again = lines.hold(np.array([start]), np.array([64]))
        assert (again.overlap, again.line) == (1, start >> 6)
        whole = lines.hold(np.array([start, start + PAGE]), np.full(2, PAGE))
        assert (whole.overlap, whole.line) == (2, start >> 6)
    assert lines.hold(starts[2:], np.array([64])).overlap == 0, "not DRAM"
    assert lines.hold(np.array([0x800F_F000]), np.array([0x2000])).overlap == 0, "beyond the bank"
    lines.release(first)
    assert lines.hold(starts[:1], np.array([PAGE])).overlap == 2
    for bank in banks:
        bank.close()


RANGES = st.lists(st.tuples(st.integers(-3, 260), st.integers(1, 200)), min_size=1, max_size=3)


@given(st.lists(st.tuples(RANGES, st.booleans()), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_overlap_is_what_sets_of_lines_say(held_and_released):
    """Against one set of line numbers per mapping; ranges in units of 32 bytes, pages of 64 KiB of DRAM."""
    bank = Bank(PhysAddr(0x8000_0000), 0x1_0000)
    lines = Cachelines(Dram([bank]))
    live: list[set[int]] = []
    for ranges, release in held_and_released:
        starts = np.array([0x8000_0000 + 32 * start for start, _ in ranges])
        lengths = np.array([32 * length for _, length in ranges])
        each = [
            {
                line
                for line in range(start >> 6, (start + length - 1 >> 6) + 1)
                if 0x8000_0000 <= line << 6 < 0x8001_0000
            }
            for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
        ]
        wanted = set().union(*each)
        shared = any(wanted & other for other in live) or len(wanted) < sum(map(len, each))
        held = lines.hold(starts, lengths)
        assert bool(held.overlap) == shared
        if release:
            lines.release(held)
        else:
            live.append(wanted)
    bank.close()
