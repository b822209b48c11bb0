"""Who owned which IOVA last, in words, and what is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soc.address import Iova
from soc.kernel.iommu.history import IovaHistory

PAGE = 4096


def test_the_last_owner_in_words():
    history = IovaHistory()
    assert history.last_owner(0x1234) == "never mapped"
    first = history.mapped(Iova(0x10000), 0x4000, "cam", "frame-0", 5)
    assert history.last_owner(0x10000) == "cam's mapping of frame-0 at 0x10000..0x13fff"
    assert history.last_owner(0x13FFF) == "cam's mapping of frame-0 at 0x10000..0x13fff"
    assert history.last_owner(0xFFFF) == "never mapped"
    first.unmapped = 1_500_000
    gone = "cam's mapping of frame-0 at 0x10000..0x13fff, unmapped at 0.001500 s"
    assert history.last_owner(0x10000) == gone
    assert history.last_owner(0x14000) == f"never mapped; it is the first byte past the end of {gone}"
    history.mapped(Iova(0x12000), 0x2000, "lcdif", "frame-1", 9)
    assert history.last_owner(0x12000) == "lcdif's mapping of frame-1 at 0x12000..0x13fff"
    assert history.last_owner(0x11FFF) == gone
    assert history.last_owner(0x14010) == (
        "never mapped; 16 bytes past the end of lcdif's mapping of frame-1 at 0x12000..0x13fff"
    )


def test_a_stale_mapping_is_said_to_be_one():
    history = IovaHistory()
    owner = history.mapped(Iova(0x10000), PAGE, "cam", "frame-0", 5)
    owner.unmapped, owner.stale = 2_000_000, True
    assert history.last_owner(0x10000) == (
        "cam's mapping of frame-0 at 0x10000..0x10fff, unmapped at 0.002000 s, not invalidated yet (lazy): "
        "its translation may still be live"
    )


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 6)), max_size=12), st.integers(0, 40))
def test_the_last_owner_is_the_newest_that_covers(mappings, at):
    history = IovaHistory()
    for number, (start, size) in enumerate(mappings):
        history.mapped(Iova(start), size, "d", f"b{number}", 0)
    covering = [n for n, (start, size) in enumerate(mappings) if start <= at < start + size]
    answer, owner = history.last_owner(at), history.owner(at)
    if covering:
        start, size = mappings[covering[-1]]
        assert answer == f"d's mapping of b{covering[-1]} at {start:#x}..{start + size - 1:#x}"
        assert owner is not None and owner.what == f"b{covering[-1]}"
        return
    assert owner is None
    ends = [start + size for start, size in mappings if start + size <= at]
    if not ends:
        assert answer == "never mapped"
        return
    newest = max(n for n, (start, size) in enumerate(mappings) if start + size == max(ends))
    past = at - max(ends)
    where = f"{past:,} bytes past" if past else "it is the first byte past"
    assert answer.startswith(f"never mapped; {where} the end of d's mapping of b{newest} at ")


def test_addresses_that_are_used_again_cost_no_memory():
    history = IovaHistory(most=64)
    for number in range(10_000):
        history.mapped(
            Iova(PAGE * (1 + number % 8)), PAGE, "cam", f"frame-{number}", number
        ).unmapped = number
    assert len(history) == 8
    assert "frame-9999 " in history.last_owner(PAGE * 8)


def test_only_the_oldest_unmapped_are_forgotten():
    history = IovaHistory(most=64)
    pinned = history.mapped(Iova(PAGE), PAGE, "lcdif", "splash", 0)
    for number in range(1, 10_000):
        history.mapped(Iova(PAGE * (1 + number)), PAGE, "cam", f"frame-{number}", number).unmapped = number
        assert len(history) <= 64 + 2, "two are mapped at a time"
    assert history.owner(PAGE) is pinned, "what is mapped stays known"
    for number in range(10_000 - 30, 10_000):
        owner = history.owner(PAGE * (1 + number))
        assert owner is not None and owner.what == f"frame-{number}", "the recent past stays known"
    assert history.owner(PAGE * 100) is None


def test_live_mappings_may_exceed_the_limit():
    history = IovaHistory(most=16)
    for number in range(500):
        history.mapped(Iova(PAGE * (1 + number)), PAGE, "cam", f"frame-{number}", number)
    assert len(history) == 500
    owner = history.owner(PAGE * 77)
    assert owner is not None and owner.what == "frame-76"
