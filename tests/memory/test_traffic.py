"""The traffic ledger against a dictionary of pages."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.address import PhysAddr
from soc.memory import traffic as traffic_module
from soc.memory.dram import Bank, Dram
from soc.memory.span import PageSpan
from soc.memory.traffic import Traffic

PAGE = 4096
LAYOUTS = {"one bank": [(0x10, 8)], "two banks": [(0x10, 4), (0x40, 4)]}


@st.composite
def spans(draw, layout):
    pages = [first + n for first, count in layout for n in range(count)]
    frames = draw(st.lists(st.sampled_from(pages), min_size=1, max_size=6))
    offset = draw(st.integers(0, PAGE - 1))
    last = draw(st.integers(1, PAGE))
    size = (len(frames) - 1) * PAGE + last - offset
    if size < 0:
        offset, size = 0, last
    return frames, offset, size


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_counts_equal_a_dictionary(layout):
    @given(st.lists(st.tuples(spans(layout), st.booleans(), st.integers(1, 3)), max_size=8))
    def check(steps):
        dram = Dram([Bank(PhysAddr(first * PAGE), count * PAGE) for first, count in layout])
        traffic, model = Traffic(dram), {False: Counter(), True: Counter()}
        for (frames, offset, size), write, times in steps:
            span = PageSpan.of(np.array(frames), offset, size)
            for _ in range(times):
                traffic.count(span, write)
            for at, frame in enumerate(frames):
                inside = min((at + 1) * PAGE, offset + size) - max(at * PAGE, offset)
                model[write][frame] += times * inside
        pages = [first + n for first, count in layout for n in range(count)]
        for write, counted in model.items():
            assert traffic.per_page(write).tolist() == [counted[page] for page in pages]
        assert traffic.total() == (model[False].total(), model[True].total())
        some = pages[1::2]
        assert traffic.total(np.array(some)) == tuple(sum(model[w][p] for p in some) for w in (False, True))
        for bank in dram.banks:
            bank.close()

    check()


def test_many_different_spans_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(traffic_module, "PENDING_LIMIT", 4)
    dram = Dram([Bank(PhysAddr(0), 4 * PAGE)])
    traffic = Traffic(dram)
    for _ in range(50):
        traffic.count(PageSpan.linear(PhysAddr(PAGE + 8), 16), write=True)
        assert len(traffic._pending) <= 4
    assert traffic.per_page(write=True).tolist() == [0, 800, 0, 0]
    dram.banks[0].close()


def test_bytes_counted_by_somebody_else_are_booked_by_page():
    dram = Dram([Bank(PhysAddr(0), 4 * PAGE)])
    traffic = Traffic(dram)
    traffic.count(PageSpan.linear(PhysAddr(PAGE), 10), write=False)
    traffic.book(np.array([1, 3]), np.array([5, 7], dtype=np.uint64), write=False)
    assert traffic.per_page(write=False).tolist() == [0, 15, 0, 7]
    dram.banks[0].close()
