"""sg_table: pages and spans of its CPU side, against plain loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from soc.kernel.scatterlist import DmaDirection, SgTable

PAGE = 4096
entries = st.lists(st.tuples(st.integers(0, 1 << 24), st.integers(0, 5 * PAGE)), max_size=20)


@given(entries)
def test_frames_are_every_page_an_entry_touches(segments):
    sgt = SgTable.of(segments)
    expected = [
        frame
        for start, length in segments
        for frame in (range(start // PAGE, (start + length - 1) // PAGE + 1) if length else ())
    ]
    assert sgt.frames().tolist() == expected
    assert sgt.size == sum(length for _, length in segments)


@given(entries)
def test_spans_are_the_bytes_in_order(segments):
    aligned = [(start // PAGE * PAGE, length // PAGE * PAGE) for start, length in segments]
    for table in (segments, aligned):
        sgt = SgTable.of(table)
        whole = sum(length for _, length in table)
        assert sum(span.size for span in sgt.spans) == whole
        pieces = [piece for span in sgt.spans if span.size for piece in span.segments()]
        covered = [byte for start, size in pieces for byte in (start, start + size)]
        joined: list[int] = []
        for start, length in table:
            if length and joined and joined[-1] == start:
                joined[-1] = start + length
            elif length:
                joined += [start, start + length]
        flat: list[int] = []
        for start, end in zip(covered[::2], covered[1::2], strict=True):
            if flat and flat[-1] == start:
                flat[-1] = end
            else:
                flat += [start, end]
        assert flat == joined


@given(st.lists(st.integers(0, 40), min_size=1, max_size=40))
def test_a_table_of_pages_joins_neighbours(frames):
    sgt = SgTable.of_pages(np.array(frames, dtype=np.int64))
    assert sgt.frames().tolist() == frames
    neighbours = sum(after == before + 1 for before, after in zip(frames, frames[1:], strict=False))
    assert sgt.orig_nents == len(frames) - neighbours


def test_a_copy_has_the_memory_but_not_the_mapping():
    sgt = SgTable.of([(0x8000_0000, PAGE)])
    sgt.dma_address, sgt.dma_length = sgt.starts.copy(), sgt.lengths.copy()
    copy = sgt.copy()
    assert (copy.nents, copy.orig_nents, copy.bounce_copies) == (0, 1, 0)


def test_entries_that_go_on_where_the_last_ended_are_one_span():
    base = 0x8000_0000
    sgt = SgTable.of(
        [
            (base + 100, 200),
            (base + 300, 0),
            (base + 300, PAGE - 300),
            (base + 8 * PAGE, 2 * PAGE),
            (base + 5 * PAGE + 4, 60),
            (base + 5 * PAGE + 128, 10),
        ]
    )
    assert [(span.address, span.size) for span in sgt.spans] == [
        (base + 100, 3 * PAGE - 100),
        (base + 5 * PAGE + 4, 60),
        (base + 5 * PAGE + 128, 10),
    ]
    assert sgt.spans[0].frames.tolist() == [0x80000, 0x80008, 0x80009]
    assert SgTable.of([(base + 1, 0)]).spans == SgTable.of([]).spans == []


@given(st.lists(st.tuples(st.integers(0, 3 * PAGE), st.sampled_from([0, 1, 96, PAGE, 5000])), max_size=8))
def test_spans_name_every_byte_in_order(entries):
    sgt = SgTable.of([(0x8000_0000 + start // 96 * 96, length) for start, length in entries])
    named = [
        byte for span in sgt.spans for start, size in span.segments() for byte in range(start, start + size)
    ]
    pairs = zip(sgt.starts.tolist(), sgt.lengths.tolist(), strict=True)
    assert named == [byte for start, length in pairs for byte in range(start, start + length)]


def test_who_touches_the_memory():
    assert [(way.name, way.device_reads, way.device_writes) for way in DmaDirection] == [
        ("BIDIRECTIONAL", True, True),
        ("TO_DEVICE", True, False),
        ("FROM_DEVICE", False, True),
        ("NONE", False, False),
    ]
