"""Software may write anything anywhere: an SMMU records events and raises errors, it never breaks.

Each property runs `EXAMPLES` times; the last lines of a run of the tests give the sums.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.smmuv3.identification import FEATURES
from devices.smmuv3.spec import Command, ContextDescriptor, EventRecord, StreamTableEntry
from tests.conftest import CountFuzz
from tests.devices.smmuv3_bench import (
    CONTEXTS,
    DATA,
    S2_PAGE,
    S2_TABLES,
    STREAM,
    STREAMS,
    TABLES,
    Bench,
    context_descriptor,
    stage2_entry,
)
from tests.devices.smmuv3_play import Counts, actions, command, play, transfer, words

EXAMPLES = 200


@pytest.fixture
def done(count_fuzz: CountFuzz) -> Iterator[Counts]:
    """What a test did, added up over its examples."""
    counts = dict.fromkeys(("runs", "actions", "commands", "transactions", "refused", "stalled"), 0)
    yield counts
    count_fuzz("SMMUv3", **counts)


@contextlib.contextmanager
def benches() -> Iterator[Bench]:
    bench = Bench()
    try:
        yield bench
    finally:
        bench.dram.banks[0].close()


def test_anything_from_reset(done):
    @settings(max_examples=EXAMPLES)
    @given(st.lists(actions, max_size=25))
    def property_(script):
        with benches() as bench:
            play(bench, script, done)

    property_()
    assert done["runs"] >= EXAMPLES


SHAPES = {
    "stage 1": lambda bench: bench.stage1(),
    "stage 1 that stalls": lambda bench: bench.stage1(context_descriptor(flip=1 << 44)),
    "stage 1 that discards": lambda bench: bench.stage1(context_descriptor(flip=1 << 46)),
    "hardware update": lambda bench: bench.stage1(context_descriptor(flip=3 << 42)),
    "stage 2": lambda bench: bench.stream(*stage2_entry()),
    "stage 2 that stalls": lambda bench: bench.stream(*stage2_entry(flip=1 << 57)),
    "nested": lambda bench: bench.nested(),
    "nested with hardware update": lambda bench: bench.nested(context_descriptor(flip=3 << 42), flip=3 << 55),
}
"""Configurations of one stream, from which the fuzz goes on."""


@pytest.mark.parametrize("shape", SHAPES)
def test_anything_while_it_translates(done, shape):
    @settings(max_examples=EXAMPLES // 2)
    @given(st.lists(actions, max_size=20))
    def property_(script):
        with benches() as bench:
            SHAPES[shape](bench.start())
            bench.map(DATA, DATA)
            bench.map(DATA, DATA, S2_PAGE, root=S2_TABLES)
            play(bench, script, done)

    property_()
    assert done["transactions"]


near = st.lists(st.integers(0, 63), max_size=3).map(lambda flips: sum(1 << at for at in set(flips)))


@pytest.mark.parametrize("shape", SHAPES)
def test_flipped_bits_in_every_structure(done, shape):
    """Almost valid structures reach further into the model than rubbish does."""

    @settings(max_examples=EXAMPLES // 2)
    @given(
        st.lists(near, min_size=4, max_size=4),
        st.lists(near, min_size=3, max_size=3),
        st.lists(st.tuples(st.sampled_from([TABLES, S2_TABLES]), st.integers(1, 3), near), max_size=4),
        st.tuples(st.integers(0, 0x3FFF), st.integers(0, 0x4000), st.booleans()),
        st.one_of(st.none(), st.integers(0, 3)),
    )
    def property_(entry, context, leaves, where, substream):
        done["runs"] += 1
        with benches() as bench:
            SHAPES[shape](bench.start())
            for page in range(4):
                bench.map(0x1000 * page, DATA + 0x1000 * page)
                bench.map(0x1000 * page, DATA + 0x1000 * page, S2_PAGE, root=S2_TABLES)
                bench.map(DATA + 0x1000 * page, DATA + 0x1000 * page, S2_PAGE, root=S2_TABLES)
            flip(bench, STREAMS + 64 * STREAM, entry)
            flip(bench, CONTEXTS + 64 * STREAM, context)
            for root, level, bits in leaves:
                at = root
                for _ in range(level - 1):
                    at = bench.word(at) & 0x1F_F000 | DATA & ~0x1F_FFFF
                flip(bench, at, [bits])
            iova, size, write = where
            for _ in range(2):
                transfer(bench, done, STREAM, iova, size, write, substream)
            records = bench.events()
            assert all(EventRecord.parse(record).stream == STREAM for record in records)

    property_()
    assert done["transactions"] >= EXAMPLES


def flip(bench: Bench, at: int, bits: list[int]) -> None:
    for index, word in enumerate(bits):
        bench.put(at + 8 * index, bench.word(at + 8 * index) ^ word)


def test_any_commands(done):
    @settings(max_examples=EXAMPLES)
    @given(st.lists(st.tuples(st.integers(0, 255), words, words), max_size=20))
    def property_(script):
        done["runs"] += 1
        with benches() as bench:
            bench.start().stage1()
            bench.map(0, DATA)
            for opcode, low, high in script:
                legal = not Command.parse([low & ~0xFF | opcode, high]).illegal(FEATURES)
                assert command(bench, opcode, low, high) == legal
                done["commands"] += legal
            transfer(bench, done, STREAM, 0, 8, True)

    property_()


@settings(max_examples=EXAMPLES)
@given(st.lists(words, min_size=8, max_size=8))
def test_any_words_parse(structure):
    entry = StreamTableEntry.parse(structure)
    if entry.problem(FEATURES) is None and entry.stage2:
        assert entry.stage2_regime(FEATURES).output_bits <= 40
    descriptor = ContextDescriptor.parse(structure)
    if descriptor.problem(FEATURES) is None:
        for high in (False, True):
            if not descriptor.disabled(high):
                assert descriptor.regime(FEATURES, high).output_bits <= 40
    with contextlib.suppress(ValueError):
        record = EventRecord.parse(structure[:4])
        assert EventRecord.parse(record.build()) == record
