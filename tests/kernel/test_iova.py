"""The IOVA allocator against its rules, and the memory of who owned what."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from soc.address import Iova
from soc.kernel.errors import KernelError
from soc.kernel.iommu.iova import IovaHistory, IovaSpace

PAGE = 4096
LIMIT = 64 * PAGE


def pages_of(size: int) -> int:
    return -(-size // PAGE)


def power_of_two(size: int) -> int:
    """`size` rounded up to a power of two of pages."""
    align = PAGE
    while align < pages_of(size) * PAGE:
        align *= 2
    return align


class Allocation(RuleBasedStateMachine):
    """`used` maps a start to the bytes taken there."""

    def __init__(self) -> None:
        super().__init__()
        self.space = IovaSpace(LIMIT)
        self.used: dict[int, int] = {}

    def fits(self, start: int, size: int) -> bool:
        return start >= PAGE and all(
            start + size <= other or other + length <= start for other, length in self.used.items()
        )

    @rule(size=st.integers(1, 20 * PAGE), limit=st.sampled_from([None, None, 16 * PAGE, 50 * PAGE, 1 << 40]))
    def allocate(self, size, limit):
        rounded, align = pages_of(size) * PAGE, power_of_two(size)
        top = min(LIMIT, limit or LIMIT)
        best = max((at for at in range(0, top - rounded + 1, align) if self.fits(at, rounded)), default=None)
        if best is None:
            with pytest.raises(KernelError) as caught:
                self.space.allocate(size, limit)
            assert caught.value.errno == 12
            assert str(caught.value) == f"-ENOMEM: no IOVA space left for {rounded} bytes"
            return
        assert self.space.allocate(size, limit) == best
        self.used[best] = rounded

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def free(self, data):
        start = data.draw(st.sampled_from(sorted(self.used)))
        self.space.free(Iova(start))
        del self.used[start]

    @rule(at=st.integers(0, LIMIT))
    def free_of_something_else(self, at):
        if at in self.used:
            return
        with pytest.raises(ValueError, match="range") as caught:
            self.space.free(Iova(at))
        assert str(caught.value) == f"{at:#x} is not the start of an allocated IOVA range"

    @invariant()
    def ranges_are_aligned_inside_and_apart(self):
        ranges = [*sorted(self.used.items()), (LIMIT, 0)]
        for (start, size), (after, _) in pairwise(ranges):
            assert start % power_of_two(size) == 0
            assert start >= PAGE
            assert start + size <= after


TestAllocation = Allocation.TestCase
TestAllocation.settings = settings(max_examples=60, stateful_step_count=20)


def test_addresses_come_from_the_top_of_4_gib():
    space = IovaSpace()
    assert [space.allocate(size) for size in (PAGE, PAGE, 3 * PAGE, PAGE, 1)] == [
        0xFFFF_F000,
        0xFFFF_E000,
        0xFFFF_8000,
        0xFFFF_D000,
        0xFFFF_C000,
    ]


def test_page_zero_is_never_given_out():
    space = IovaSpace(4 * PAGE)
    assert [space.allocate(PAGE) for _ in range(3)] == [3 * PAGE, 2 * PAGE, PAGE]
    with pytest.raises(KernelError, match="ENOMEM"):
        space.allocate(PAGE)


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


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 6)), max_size=12), st.integers(0, 40))
def test_the_last_owner_is_the_newest_that_covers(mappings, at):
    history = IovaHistory()
    for number, (start, size) in enumerate(mappings):
        history.mapped(Iova(start), size, "d", f"b{number}", 0)
    covering = [n for n, (start, size) in enumerate(mappings) if start <= at < start + size]
    answer = history.last_owner(at)
    if covering:
        start, size = mappings[covering[-1]]
        assert answer == f"d's mapping of b{covering[-1]} at {start:#x}..{start + size - 1:#x}"
    else:
        assert answer.startswith("never mapped")
        ends = [start + size for start, size in mappings if start + size <= at]
        assert ("past the end" in answer) == bool(ends)
        if ends:
            past = at - max(ends)
            where = f"{past:,} bytes past" if past else "it is the first byte past"
            assert answer.startswith(f"never mapped; {where} the end of d's mapping of b")
