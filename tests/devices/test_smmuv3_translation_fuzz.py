"""Whatever software leaves in memory, translation answers with a span or a fault that can be recorded."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.smmuv3.hardware.fault import StreamFault
from devices.smmuv3.hardware.translation import StreamTableConfig
from devices.smmuv3.spec import EventRecord, Opcode
from soc.address import Iova, PhysAddr
from tests.devices.translation_bench import (
    CONTEXTS,
    DATA,
    NESTED,
    RAM,
    STAGE1,
    STREAM,
    STREAMS,
    TABLES,
    TranslationBench,
    context,
    entry,
)

S2_TABLES = TABLES + 0x8000

words = st.one_of(st.integers(0, (1 << 64) - 1), st.sampled_from([0, 1, 3, (1 << 64) - 1]))
flips = st.lists(st.integers(0, 511), max_size=3)
addresses = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.integers(0, 1 << 41),
    st.integers(0x4000, 0x7000),
    st.integers(DATA - 0x1000, DATA + 0x1000),
    st.sampled_from([0, 0x5000, (1 << 39) - 8, (1 << 40) - 8, (1 << 55) - 8, (1 << 64) - 8]),
)
accesses = st.tuples(
    addresses, st.integers(0, 0x3000), st.booleans(), st.sampled_from([None, None, 0, 1, 70]), st.booleans()
)
commands = st.tuples(
    st.sampled_from(
        [
            Opcode.TLBI_NH_ALL,
            Opcode.TLBI_NH_ASID,
            Opcode.TLBI_NH_VA,
            Opcode.TLBI_NH_VAA,
            Opcode.TLBI_S12_VMALL,
            Opcode.TLBI_S2_IPA,
            Opcode.TLBI_NSNH_ALL,
        ]
    ),
    st.fixed_dictionaries(
        {
            "vmid": st.sampled_from([0, 7]),
            "asid": st.sampled_from([0, 1]),
            "address": addresses.map(lambda address: address & ~0xFFF),
            "tg": st.integers(0, 3),
            "ttl": st.integers(0, 3),
            "num": st.integers(0, 31),
            "scale": st.integers(0, 31),
        }
    ),
)


def flipped(structure: list[int], bits: list[int]) -> list[int]:
    out = list(structure)
    for bit in bits:
        out[bit // 64] ^= 1 << bit % 64
    return out


def check(bench: TranslationBench, access: tuple[int, int, bool, int | None, bool]) -> None:
    """A span, which a debugger finds too, or a fault whose record is the one that was meant."""
    iova, size, write, substream, privileged = access
    seen = bench.translation.peek(bench.tables, STREAM, Iova(iova), size, substream)
    try:
        span = bench.translation.translate(
            bench.tables, STREAM, Iova(iova), size, write, substream, privileged
        )
    except StreamFault as fault:
        record = EventRecord.parse(fault.report.build())
        assert (record.event, record.stream) == (fault.event, STREAM)
        assert not record.has_address or iova <= fault.iova < iova + max(size, 1)
        return
    assert span.size == size
    assert seen is not None
    assert seen.segments() == span.segments()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([STAGE1, 6, NESTED]),
    flips,
    flips,
    st.lists(st.tuples(st.integers(0, 0x9FFF), words), max_size=20),
    st.lists(st.one_of(accesses, commands), min_size=1, max_size=8),
)
def test_any_structure_and_any_table(count_fuzz, config, ste_flips, cd_flips, descriptors, steps):
    bench = TranslationBench()
    bench.stream(flipped(entry(config, s2ttb=S2_TABLES, cd_max=1, dss=2), ste_flips))
    for index in (0, 1):
        bench.put(CONTEXTS + 64 * index, *flipped(context(TABLES, TABLES + 0x4000, asid=index), cd_flips))
    bench.map(S2_TABLES, RAM & -0x4000_0000, RAM & -0x4000_0000, 0x7FD, level=1)
    bench.map(TABLES, 0x5000, DATA)
    bench.map(TABLES, 0x6000, DATA + 0x1000, 0x4C3)
    for index, word in descriptors:
        bench.put(TABLES + 8 * index, word)
    try:
        for step in steps:
            if len(step) == 2:
                bench.tlbi(step[0], **step[1])
            else:
                check(bench, step)
    finally:
        bench.close()
    count_fuzz("SMMUv3 translation", steps=len(steps))


@settings(max_examples=100, deadline=None)
@given(st.lists(words, min_size=24, max_size=24), st.sampled_from([6, 8, 10]), accesses)
def test_any_stream_table(count_fuzz, table, split, access):
    bench = TranslationBench()
    bench.put(STREAMS, *table)
    bench.tables = StreamTableConfig(PhysAddr(STREAMS), 16, split, two_level=bool(table[0] & 2))
    try:
        check(bench, access)
    finally:
        bench.close()
    count_fuzz("SMMUv3 translation", steps=1)
