"""How entries become segments: the vectorised layout against a plain loop over entries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.kernel.dma.segments import layout, segments
from soc.kernel.scatterlist import SgTable

PAGE = 4096
BASE = 0x8000_0000


@dataclass
class Plain:
    """The range of one table, entry by entry: (start in the range, spare, mapped bytes)."""

    entries: list[tuple[int, int, int]]
    frames: list[int]


def plain_layout(table: list[tuple[int, int]], granule: int, boundary: int) -> Plain:
    """iommu_dma_map_sg, one entry after the other."""
    mapped: list[list[int]] = []
    total = 0
    for start, length in table:
        spare = start % PAGE
        size = -(-(spare + length) // granule) * granule
        room = -total % (boundary + 1)
        if room and room < size - 1:
            mapped[-1][2] += room
            total += room
        mapped.append([total, spare, size, start])
        total += size
    frames = []
    for _, spare, size, start in mapped:
        first = (start - spare) // PAGE
        frames += range(first, first + size // PAGE)
    return Plain([(at, spare, size) for at, spare, size, _ in mapped], frames)


def plain_segments(
    iova: int, plain: Plain, table: list[tuple[int, int]], longest: int, boundary: int
) -> list[tuple[int, int]]:
    """__finalise_sg, one entry after the other."""
    out: list[list[int]] = []
    open_segment = False
    for (at, spare, size), (_, length) in zip(plain.entries, table, strict=True):
        address = iova + at
        joins = open_segment and not spare and address & boundary and longest - out[-1][1] >= length
        if joins:
            out[-1][1] += length
        else:
            out.append([address + spare, length])
        open_segment = spare + length == size
    return [(address, length) for address, length in out]


def aligned_iova(total: int) -> int:
    """As the allocator gives it: a multiple of its size rounded up to a power of two, below 4 GiB."""
    unit = 1 << max(12, (total - 1).bit_length())
    return (1 << 32) - unit


runs = st.lists(st.integers(1, 20), min_size=1, max_size=40)
limits = st.sampled_from([PAGE, 2 * PAGE, 3 * PAGE + 1, 16 * PAGE, 0xFFFF_FFFF])
boundaries = st.sampled_from([0xFFF, 0x3FFF, 0xFFFF, 0xF_FFFF, 0xFFFF_FFFF, (1 << 63) - 1])


def check(table: list[tuple[int, int]], granule: int, longest: int, boundary: int) -> None:
    sgt = SgTable.of(table)
    plain = plain_layout(table, granule, boundary)
    place = layout(sgt, granule, boundary)
    got = zip(place.offsets.tolist(), place.spare.tolist(), place.sizes.tolist(), strict=True)
    assert list(got) == plain.entries
    assert place.frames.tolist() == plain.frames
    iova = aligned_iova(len(plain.frames) * PAGE)
    addresses, lengths = segments(iova, place, sgt.lengths, longest, boundary)
    expected = plain_segments(iova, plain, table, longest, boundary)
    assert list(zip(addresses.tolist(), lengths.tolist(), strict=True)) == expected


@given(runs, limits, boundaries)
def test_whole_pages(pages, longest, boundary):
    check([(BASE + at * 0x10_0000, n * PAGE) for at, n in enumerate(pages)], PAGE, longest, boundary)


@given(
    st.lists(st.tuples(st.integers(0, PAGE - 1), st.integers(1, 3 * PAGE)), min_size=1, max_size=30),
    limits,
    boundaries,
    st.sampled_from([PAGE, 4 * PAGE]),
)
def test_entries_that_begin_and_end_anywhere(entries, longest, boundary, granule):
    table = [(BASE + at * 0x10_0000 + offset, size) for at, (offset, size) in enumerate(entries)]
    boundary = max(boundary, granule - 1)
    lengths = [size for _, size in entries]
    if max(lengths) > longest:
        longest = max(lengths)
    check(table, granule, longest, boundary)


@given(runs, limits, boundaries)
def test_what_a_device_is_given_keeps_its_limits(pages, longest, boundary):
    """Unless a single entry breaks them alone: entries are never split."""
    sgt = SgTable.of([(BASE + at * 0x10_0000, n * PAGE) for at, n in enumerate(pages)])
    place = layout(sgt, PAGE, boundary)
    iova = aligned_iova(len(place.frames) * PAGE)
    addresses, lengths = segments(iova, place, sgt.lengths, longest, boundary)
    whole = {n * PAGE for n in pages}
    for address, length in zip(addresses.tolist(), lengths.tolist(), strict=True):
        assert length <= longest or length in whole
        assert address & ~boundary == (address + length - 1) & ~boundary or length > boundary + 1
    assert int(lengths.sum()) == sgt.size


def test_room_before_a_boundary_maps_what_follows_the_entry_before():
    sgt = SgTable.of([(BASE, 3 * PAGE), (BASE + 0x10_0000, 2 * PAGE)])
    place = layout(sgt, PAGE, 4 * PAGE - 1)
    assert place.offsets.tolist() == [0, 4 * PAGE]
    assert (place.frames - (BASE >> 12)).tolist() == [0, 1, 2, 3, 256, 257]


@pytest.mark.parametrize(
    ("longest", "segment_count"),
    [(64 << 10, 128), (4096, 2048), (0xFFFF_FFFF, 1)],
)
def test_8_mib_of_single_pages(longest, segment_count):
    frames = np.random.default_rng(7).permutation(4096)[:2048] + (BASE >> 12)
    sgt = SgTable(frames << 12, np.full(2048, PAGE, dtype=np.int64))
    place = layout(sgt, PAGE, 0xFFFF_FFFF)
    assert place.frames.tolist() == frames.tolist()
    addresses, lengths = segments(0x8000_0000, place, sgt.lengths, longest, 0xFFFF_FFFF)
    assert len(addresses) == segment_count
    assert set(lengths.tolist()) == {8 << 20 >> (segment_count.bit_length() - 1)}
