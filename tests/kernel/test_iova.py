"""The IOVA allocator against its rules."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from soc.address import Iova
from soc.kernel.errors import KernelError
from soc.kernel.iommu.gaps import Gaps
from soc.kernel.iommu.iova import IovaSpace

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


@pytest.mark.parametrize("size", [64 * PAGE, 65 * PAGE, 1 << 32, 1 << 40, 1 << 63])
def test_more_than_there_is(size):
    with pytest.raises(KernelError) as caught:
        IovaSpace(LIMIT).allocate(size)
    assert str(caught.value) == f"-ENOMEM: no IOVA space left for {size} bytes"


@pytest.mark.parametrize("limit", [0, 1, PAGE])
def test_a_space_of_page_zero_only_has_none_to_give(limit):
    with pytest.raises(KernelError, match="ENOMEM"):
        IovaSpace(limit).allocate(1)


def test_page_zero_is_never_given_out():
    space = IovaSpace(4 * PAGE)
    assert [space.allocate(PAGE) for _ in range(3)] == [3 * PAGE, 2 * PAGE, PAGE]
    with pytest.raises(KernelError, match="ENOMEM"):
        space.allocate(PAGE)


def test_32_bit_addresses_first_then_the_whole_range():
    space = IovaSpace(1 << 34)
    assert space.allocate(PAGE, 1 << 40) == (1 << 34) - PAGE, "only who asks gets low addresses first"
    assert space.allocate(2 << 30, 1 << 40, low_first=True) == 2 << 30
    assert space.allocate(2 << 30, 1 << 40, low_first=True) == 0x3_0000_0000, "none is left below 4 GiB"
    assert space.allocate(PAGE, low_first=True) == 0x7FFF_F000
    assert space.allocate(PAGE, 1 << 32, low_first=True) == 0x7FFF_E000


@pytest.mark.parametrize("granule", [0x4000, 0x10000])
def test_a_larger_granule_rounds_sizes_and_limits(granule):
    space = IovaSpace(16 * granule + PAGE, granule)
    assert space.allocate(PAGE) == 15 * granule
    assert space.allocate(granule + 1) == 12 * granule
    assert space.allocate(PAGE, 12 * granule + PAGE) == 11 * granule
    with pytest.raises(ValueError, match="not the start"):
        space.free(Iova(15 * granule + PAGE))
    space.free(Iova(15 * granule))
    assert space.allocate(granule) == 15 * granule


@pytest.mark.parametrize("size", [0, -PAGE])
def test_a_size_is_positive(size):
    with pytest.raises(ValueError, match="size must be 1 or more") as caught:
        IovaSpace().allocate(size)
    assert str(caught.value) == f"size must be 1 or more, not {size}"


def test_reserved_addresses_are_never_given_out():
    space = IovaSpace(16 * PAGE)
    space.reserve(Iova(13 * PAGE), 2 * PAGE)
    space.reserve(Iova(12 * PAGE + 1), 2 * PAGE)  # touches pages 12..14, which may overlap
    space.reserve(Iova(0), PAGE)
    space.reserve(Iova(100 * PAGE), PAGE)
    assert [space.allocate(PAGE) for _ in range(12)] == [at * PAGE for at in (15, *range(11, 0, -1))]
    with pytest.raises(KernelError, match="ENOMEM"):
        space.allocate(PAGE)
    with pytest.raises(ValueError, match="in use") as caught:
        space.reserve(Iova(10 * PAGE), 2 * PAGE)
    assert str(caught.value) == "0xa000..0xbfff is in use at 0xb000"


class Filing(RuleBasedStateMachine):
    """The gap index against a set of free units: every answer is the highest aligned fit."""

    UNITS = 96

    def __init__(self) -> None:
        super().__init__()
        self.gaps = Gaps(8)
        self.gaps.add(3, self.UNITS)
        self.free = set(range(3, self.UNITS))
        self.taken: list[tuple[int, int]] = []

    @rule(size=st.integers(1, 33), limit=st.integers(1, 2 * UNITS))
    def take(self, size, limit):
        align = 1 << (size - 1).bit_length()
        fits = [
            at
            for at in range(0, self.UNITS, align)
            if at + size <= limit and self.free.issuperset(range(at, at + size))
        ]
        found = self.gaps.highest(size, limit)
        assert (found[1] if found else None) == max(fits, default=None)
        if found is None:
            return
        gap, start = found
        assert self.free.issuperset(range(*gap))
        assert not self.free & {gap[0] - 1, gap[1]}, "a gap is all that is free there"
        self.gaps.take(gap, start, start + size)
        self.free -= set(range(start, start + size))
        self.taken.append((start, start + size))

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def give(self, data):
        start, end = self.taken.pop(data.draw(st.integers(0, len(self.taken) - 1)))
        self.gaps.add(start, end)
        self.free |= set(range(start, end))

    @invariant()
    def every_free_unit_is_in_one_gap(self):
        gaps = sorted(self.gaps.overlapping(0, 1000))
        assert [unit for gap in gaps for unit in range(*gap)] == sorted(self.free)


TestFiling = Filing.TestCase
TestFiling.settings = settings(max_examples=60, stateful_step_count=30)


def test_the_work_does_not_grow_with_the_number_of_ranges():
    """Of 10,000 live ranges of many sizes, an allocation looks at a few gaps."""
    looked: list[int] = []

    class Counting(dict):
        def __getitem__(self, key):
            looked[-1] += 1
            return super().__getitem__(key)

    space = IovaSpace(1 << 36)
    live = [space.allocate(PAGE * (1 + number * 7 % 61)) for number in range(10_000)]
    for start in live[::3]:
        space.free(start)
    space._gaps._end = Counting(space._gaps._end)
    for number in range(500):
        looked.append(0)
        space.allocate(PAGE * (1 + number * 13 % 61))
    assert len(space._gaps._end) > 1000
    assert sorted(looked)[450] < 40, "nine in ten need one look per order of size"
