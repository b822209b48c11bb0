"""The slots of a bounce pool, against a plain list of booleans."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from soc.kernel.dma.swiotlb.slots import LONGEST, SEGMENT_SLOTS, SLOT_SIZE, Slots


def test_the_numbers():
    assert (SLOT_SIZE, SEGMENT_SLOTS, LONGEST) == (2048, 128, 256 << 10)


def test_no_run_crosses_a_segment():
    slots = Slots(256)
    assert [slots.take(100), slots.take(100), slots.take(100)] == [0, 128, None]
    assert [slots.take(28), slots.take(28), slots.take(1)] == [228, 100, None]
    assert (slots.used, slots.high_water) == (256, 256)


def test_129_slots_never_fit():
    slots = Slots(1024)
    assert (slots.take(129), slots.take(0), slots.take(128)) == (None, None, 0)


def test_the_search_goes_on_behind_the_last_one():
    slots = Slots(128)
    assert [slots.take(10), slots.take(10)] == [0, 10]
    slots.give(0, 10)
    assert slots.take(10) == 20
    assert [slots.take(98), slots.take(10), slots.take(1)] == [30, 0, None]


@pytest.mark.parametrize(("first", "number"), [(0, 1), (3, 3), (4, 2), (0, 0)])
def test_only_what_is_in_use_can_be_given_back(first, number):
    slots = Slots(128)
    assert slots.take(5) == 0
    slots.give(0, 3)
    with pytest.raises(ValueError, match="not all in use"):
        slots.give(first, number)
    assert slots.used == 2


@given(
    st.integers(1, 20), st.sampled_from([1, 2, 4, 8]), st.integers(0, 7), st.sampled_from([0, 32, 64]),
    st.integers(0, 63), st.lists(st.integers(0, 299), max_size=200),
)  # fmt: skip
def test_what_is_found_is_what_a_plain_search_finds(number, stride, phase, edge, shift, busy):
    slots = Slots(300)
    for slot in sorted(set(busy)):
        slots._busy[slot] = True
    for first in range(0, 300, 128):
        slots._measure(first)

    def fits(slot: int) -> bool:
        run = range(slot, slot + number)
        inside = run[-1] < 300 and slot // 128 == run[-1] // 128
        free = inside and not any(slots._busy[at] for at in run)
        crossing = edge and (slot + shift) // edge != (run[-1] + shift) // edge
        return free and not crossing and slot % stride == phase % stride

    expected = next((slot for slot in range(300) if fits(slot)), None)
    assert slots.take(number, stride, phase, edge, shift) == expected


class Machine(RuleBasedStateMachine):
    """Runs in use never overlap, never cross a segment, and the counters are true."""

    runs: Bundle[tuple[int, int]] = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.slots = Slots(400)
        self.taken: set[int] = set()
        self.most = 0

    @rule(target=runs, number=st.integers(1, 128), stride=st.sampled_from([1, 2, 4]))
    def take(self, number: int, stride: int) -> tuple[int, int]:
        first = self.slots.take(number, stride)
        if first is None:
            for at in range(0, 400 - number + 1, stride):
                run = set(range(at, at + number))
                assert run & self.taken or at // 128 != (at + number - 1) // 128
            return -1, 0
        run = set(range(first, first + number))
        assert not run & self.taken and first + number <= 400
        assert first // 128 == (first + number - 1) // 128 and first % stride == 0
        self.taken |= run
        self.most = max(self.most, len(self.taken))
        return first, number

    @rule(run=consumes(runs))
    def give(self, run: tuple[int, int]) -> None:
        first, number = run
        if number:
            self.slots.give(first, number)
            self.taken -= set(range(first, first + number))

    @invariant()
    def counters(self) -> None:
        assert (self.slots.used, self.slots.high_water) == (len(self.taken), self.most)


TestSlots = Machine.TestCase
TestSlots.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
