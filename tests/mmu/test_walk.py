"""The vector walker against the one-address-at-a-time reading of the architecture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from soc.address import PhysAddr
from soc.bus import BusError
from soc.mmu.vmsa import Regime
from soc.mmu.walk import FaultKind, Walker
from tests.mmu import reference

BASE = 0x8000_0000
TABLES = 6
INDEXES = (0, 1, 2, 255, 511)
FAULTS = {
    "": FaultKind.NONE,
    "translation": FaultKind.TRANSLATION,
    "address size": FaultKind.ADDRESS_SIZE,
    "access flag": FaultKind.ACCESS_FLAG,
    "external abort": FaultKind.EXTERNAL_ABORT,
}


class Memory:
    """A few tables in the middle of nothing."""

    def __init__(self) -> None:
        self.words = np.zeros(TABLES * 512, dtype=np.uint64)

    def put(self, table: int, index: int, descriptor: int) -> None:
        self.words[table * 512 + index] = descriptor

    def table(self, address: PhysAddr, count: int) -> np.ndarray:
        first = (address - BASE) // 8
        if address % 8 or first < 0 or first + count > len(self.words):
            raise BusError(address, 8 * count, "read", "test")
        return self.words[first : first + count]

    def word(self, address: int) -> int | None:
        index = (address - BASE) // 8
        return int(self.words[index]) if 0 <= index < len(self.words) else None


def bits(*positions: int) -> st.SearchStrategy[int]:
    """Any of these bits, each set in half of the draws."""
    return st.lists(st.sampled_from(positions), unique=True).map(lambda some: sum(1 << at for at in some))


usual = st.sampled_from([1 << 6 | 1 << 10] * 3 + [1 << 6 | 1 << 7 | 1 << 10, 0])
attributes = st.builds(lambda low, rest: low ^ rest, usual, bits(7, 8, 9, 11, 53, 54))
inner_attributes = st.sampled_from([0] * 4 + [1 << 61, 1 << 62, 3 << 61, 1 << 60])
outputs = st.sampled_from(
    [0x1000, 0x4000_0000, 0x8000_5000, 0xF_FFFF_F000, 0x1234_5678_9000, 0xFFFF_FFFF_F000]
)
anything = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.builds(lambda word: word & ~1, st.integers(0, (1 << 64) - 1)),
    st.builds(lambda table, rest: BASE + 0x1000 * table | 3 | rest, st.integers(0, TABLES), inner_attributes),
)


@st.composite
def machines(draw):
    """Tables that lead to a range of pages, with leaves at a random level and rubbish beside the way."""
    memory = Memory()
    t0sz = draw(st.integers(16, 39))
    first = reference.first_level(t0sz)
    page = sum(draw(st.sampled_from(INDEXES)) << shift for shift in (27, 18, 9, 0))
    page &= (1 << (52 - t0sz)) - 1
    stop = draw(st.integers(first, 3))
    for depth, level in enumerate(range(first, stop + 1)):
        at = page >> (reference.LOWEST_BIT[level] - 12)
        for step in range(4):
            leaf = draw(outputs) | draw(attributes) | (3 if level == 3 else 1)
            memory.put(depth, (at + step) % 512, draw(st.sampled_from([leaf] * 3 + [draw(anything)])))
        if level < stop:
            memory.put(depth, at % 512, BASE + 0x1000 * (depth + 1) | 3 | draw(inner_attributes))
    size = 8 << (64 - t0sz - reference.LOWEST_BIT[first])
    misaligned = draw(st.integers(0, size - 1)) & ~0xF
    root = draw(st.sampled_from([BASE] * 9 + [BASE + 0x1000 * TABLES]))
    output_bits = draw(st.sampled_from([32, 36, 40, 48]))
    start = max(0, page - draw(st.integers(0, 3)))
    regime = Regime(PhysAddr(root | misaligned), t0sz, output_bits, draw(st.booleans()))
    return memory, regime, start, draw(st.one_of(st.integers(1, 8), st.integers(1, 700)))


@settings(max_examples=250)
@given(machines())
def test_the_walk_equals_the_reference(machine):
    memory, regime, page, count = machine
    leaves = Walker(regime, memory.table, BusError).walk(page, count)
    aborts = []
    for at in range(count):
        expected = reference.walk(
            memory.word,
            regime.table,
            regime.t0sz,
            regime.output_bits,
            regime.access_flag_fault,
            (page + at) << 12,
        )
        assert leaves.faults[at] == FAULTS[expected.fault]
        if expected.fault == "external abort":
            aborts.append(expected.fetch)
        if expected.fault:
            continue
        got = (
            int(leaves.frames[at]),
            bool(leaves.readable[at]),
            bool(leaves.writable[at]),
            int(leaves.order[at]),
        )
        order = 9 * (3 - expected.level)
        assert got == (expected.address >> 12, expected.readable, expected.writable, order)
        event(f"translated at level {expected.level}")
    for kind in set(leaves.faults.tolist()):
        event(FaultKind(kind).name)
    assert leaves.abort == (aborts[0] if aborts else None)


@pytest.mark.parametrize("t0sz", range(16, 40))
def test_every_input_size_reaches_its_last_page_and_no_further(t0sz):
    """A chain of last entries down to one page, through as many levels as t0sz asks for."""
    memory = Memory()
    bits = 64 - t0sz
    level = reference.first_level(t0sz)
    root_index = (1 << (bits - reference.LOWEST_BIT[level])) - 1
    for depth, _ in enumerate(range(level, 3)):
        memory.put(depth, root_index if depth == 0 else 511, BASE + 0x1000 * (depth + 1) | 3)
    memory.put(3 - level, 511, 0x9_8765_4000 | 0x443)
    last = (1 << (bits - 12)) - 1
    regime = Regime(PhysAddr(BASE), t0sz, 40)
    assert (regime.start_level, regime.input_bits) == (level, bits)
    leaves = Walker(regime, memory.table, BusError).walk(last, 2)
    assert leaves.faults.tolist() == [FaultKind.NONE, FaultKind.TRANSLATION]
    assert int(leaves.frames[0]) == 0x987654


def test_a_range_costs_one_read_for_each_table():
    memory, reads = Memory(), []
    memory.put(0, 0, BASE + 0x1000 | 3)
    for index in range(3):
        memory.put(1, index, BASE + 0x1000 * (index + 2) | 3)

    def read(address: PhysAddr, count: int) -> np.ndarray:
        reads.append((address - BASE, count))
        return memory.table(address, count)

    Walker(Regime(PhysAddr(BASE), 25), read, BusError).walk(500, 1000)
    assert reads == [(0, 1), (0x1000, 3), (0x2000 + 8 * 500, 12), (0x3000, 512), (0x4000, 476)]
