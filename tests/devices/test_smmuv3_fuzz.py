"""Software may write anything anywhere: an SMMU aborts transactions, it never breaks.

Each property runs the number of examples named in `EXAMPLES`.
"""

from __future__ import annotations

import contextlib

from hypothesis import event, given, settings
from hypothesis import strategies as st

from devices.smmuv3.regs import TABLE
from devices.smmuv3.spec import ContextDescriptor, EventRecord, StreamTableEntry
from soc.address import Iova
from soc.iommu.port import DmaAbort
from tests.devices.smmuv3_bench import (
    CMDQ_PROD,
    COMMANDS,
    CONTEXTS,
    CR0,
    DATA,
    EVENTS,
    GBPA,
    NOWHERE,
    RAM,
    RAM_SIZE,
    REGISTERS,
    STREAM,
    STREAMS,
    TABLES,
    Bench,
    context_descriptor,
)

EXAMPLES = 300
SPAN = 0x20000

words = st.one_of(st.integers(0, (1 << 64) - 1), st.sampled_from([0, 1, (1 << 64) - 1, 1 << 31]))
addresses = st.builds(
    lambda area, offset, low: area + offset | low,
    st.sampled_from(
        [STREAMS, CONTEXTS, COMMANDS, EVENTS, TABLES, DATA, NOWHERE, RAM + RAM_SIZE - 0x1000, 1 << 51]
    ),
    st.sampled_from([0, 8, 64, 0x1000, 0xFC0]),
    st.integers(0, 31),
)
values = st.one_of(words, addresses, st.integers(0, 31))
offsets = st.one_of(
    st.sampled_from([register.offset for register in TABLE.registers]),
    st.sampled_from([CR0, CMDQ_PROD, GBPA]),
    st.integers(0, SPAN - 1),
)
writes = st.tuples(st.just("register"), offsets, st.sampled_from([1, 2, 4, 4, 4, 8]), values)
reads = st.tuples(st.just("read"), offsets, st.sampled_from([1, 2, 4, 8]))
stores = st.tuples(
    st.just("memory"), st.sampled_from([STREAMS, CONTEXTS, COMMANDS, TABLES]), st.integers(0, 127), values
)
transfers = st.tuples(
    st.just("transfer"),
    st.one_of(st.integers(0, 20), st.integers(0, (1 << 32) - 1)),
    st.one_of(words, addresses),
    st.one_of(st.integers(0, 0x3000), st.sampled_from([0, 1 << 21, 5 << 20])),
    st.booleans(),
)


def transfer(bench: Bench, stream: int, iova: int, size: int, write: bool) -> None:
    peeked = bench.smmu.peek(stream, Iova(iova), size)
    try:
        span = bench.smmu.translate(stream, Iova(iova), size, write)
    except DmaAbort as abort:
        assert iova <= abort.iova < max(iova + size, iova + 1)
        event("aborted")
        return
    event("translated")
    assert span.size == size
    assert peeked is not None
    assert peeked.segments() == span.segments()


def play(bench: Bench, actions: list[tuple[object, ...]]) -> None:
    for kind, *what in actions:
        match kind, what:
            case "register", (offset, size, value):
                bench.cpu.write(REGISTERS + min(offset, SPAN - size), size, value & ((1 << 8 * size) - 1))
            case "read", (offset, size):
                assert 0 <= bench.cpu.read(REGISTERS + min(offset, SPAN - size), size) < 1 << 8 * size
            case "memory", (area, index, value):
                bench.put(area + 8 * index, value)
            case "transfer", (stream, iova, size, write):
                transfer(bench, stream, iova, size, write)


@contextlib.contextmanager
def benches():
    bench = Bench()
    try:
        yield bench
    finally:
        bench.dram.banks[0].close()


@settings(max_examples=EXAMPLES)
@given(st.lists(st.one_of(writes, writes, reads, stores, transfers), max_size=25))
def test_any_registers_and_memory_from_reset(actions):
    with benches() as bench:
        play(bench, actions)


@settings(max_examples=EXAMPLES)
@given(st.lists(st.one_of(writes, stores, transfers, transfers), max_size=25))
def test_any_registers_and_memory_while_it_translates(actions):
    with benches() as bench:
        bench.start().stage1()
        bench.map(DATA, DATA)
        play(bench, actions)


near = st.lists(st.integers(0, 63), max_size=3).map(lambda flips: sum(1 << at for at in set(flips)))


@settings(max_examples=EXAMPLES)
@given(near, near, near, near, st.lists(st.tuples(st.integers(0, 3), near), max_size=4), transfers)
def test_flipped_bits_in_every_structure(entry, context, second, table, leaves, action):
    """Almost valid structures reach further into the model than rubbish does."""
    with benches() as bench:
        bench.start().stage1()
        for page in range(4):
            bench.map(0x1000 * page, DATA + 0x1000 * page)
        level2 = bench.word(TABLES) & ~0xFFF
        level3 = bench.word(level2) & ~0xFFF
        bench.put(STREAMS + 64 * STREAM, bench.word(STREAMS + 64 * STREAM) ^ entry)
        bench.put(CONTEXTS + 64 * STREAM, context_descriptor()[0] ^ context, TABLES ^ second)
        bench.put(level2, bench.word(level2) ^ table)
        for page, flip in leaves:
            bench.put(level3 + 8 * page, bench.word(level3 + 8 * page) ^ flip)
        _, _, iova, size, write = action
        transfer(bench, STREAM, iova & 0x3FFF, min(size, 0x4000 - (iova & 0x3FFF)), write)
        transfer(bench, STREAM, iova, min(size, 0x4000), write)


@settings(max_examples=EXAMPLES)
@given(st.lists(st.tuples(st.integers(0, 255), words, words), max_size=20))
def test_any_commands(commands):
    with benches() as bench:
        bench.start().stage1()
        bench.map(0, DATA)
        for opcode, low, high in commands:
            bench.queue(low & ~0xFF | opcode, high)
            bench.set(0x64, bench.get(0x60))
        transfer(bench, STREAM, 0, 8, True)


@settings(max_examples=EXAMPLES)
@given(st.lists(words, min_size=8, max_size=8))
def test_any_words_parse(structure):
    StreamTableEntry.parse(structure)
    descriptor = ContextDescriptor.parse(structure)
    if descriptor.usable(40) and not descriptor.ttb0_disabled:
        assert descriptor.regime(40).output_bits <= 40
    with contextlib.suppress(ValueError):
        record = EventRecord.parse(structure[:4])
        assert EventRecord.parse(record.build()) == record
