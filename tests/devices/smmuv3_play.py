"""What software and devices can do to an SMMUv3, as hypothesis strategies, and doing it."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import strategies as st

from devices.smmuv3.regs import TABLE
from devices.smmuv3.spec import Opcode
from soc.address import Iova
from soc.iommu.port import DmaAbort, DmaStalled
from tests.devices.smmuv3_bench import (
    CMDQ_CONS,
    CMDQ_ERR,
    CMDQ_PROD,
    COMMANDS,
    CONTEXTS,
    CR0,
    DATA,
    EVENTS,
    GBPA,
    GERROR,
    GERRORN,
    IRQ_CTRL,
    MESSAGES,
    NOWHERE,
    RAM,
    RAM_SIZE,
    REGISTERS,
    S2_TABLES,
    STREAM,
    STREAMS,
    STRTAB_BASE_CFG,
    TABLES,
    Bench,
)

Counts = dict[str, int]
"""How often what was done."""

SPAN = 0x20000
AREAS = [STREAMS, CONTEXTS, COMMANDS, EVENTS, TABLES, DATA, S2_TABLES, MESSAGES]

words = st.one_of(st.integers(0, (1 << 64) - 1), st.sampled_from([0, 1, (1 << 64) - 1, 1 << 31]))
addresses = st.builds(
    lambda area, offset, low: area + offset | low,
    st.sampled_from([*AREAS, NOWHERE, RAM + RAM_SIZE - 0x1000, 1 << 51, REGISTERS, REGISTERS + 0x1_0000]),
    st.sampled_from([0, 8, 64, 0x98, 0xA8, 0x1000, 0xFC0]),
    st.integers(0, 31),
)
values = st.one_of(words, addresses, st.integers(0, 31))
offsets = st.one_of(
    st.sampled_from([register.offset for register in TABLE.registers]),
    st.sampled_from([CR0, CMDQ_PROD, GBPA, IRQ_CTRL, STRTAB_BASE_CFG]),
    st.integers(0, SPAN - 1),
)
writes = st.tuples(st.just("register"), offsets, st.sampled_from([1, 2, 4, 4, 4, 8]), values)
reads = st.tuples(st.just("read"), offsets, st.sampled_from([1, 2, 4, 8]))
stores = st.tuples(
    st.just("memory"),
    st.sampled_from([STREAMS, CONTEXTS, COMMANDS, TABLES, S2_TABLES]),
    st.integers(0, 127),
    values,
)
opcodes = st.one_of(st.sampled_from(list(Opcode)), st.integers(0, 255))
commands = st.tuples(st.just("command"), opcodes, words, values)
transfers = st.tuples(
    st.just("transfer"),
    st.one_of(st.just(STREAM), st.integers(0, 20), st.integers(0, (1 << 32) - 1)),
    st.one_of(words, addresses),
    st.one_of(st.integers(0, 0x3000), st.sampled_from([0, 1 << 21, 5 << 20])),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 5), st.integers(0, (1 << 20) - 1)),
    st.booleans(),
)
actions = st.one_of(writes, writes, reads, stores, commands, transfers, transfers)


def transfer(
    bench: Bench,
    done: Counts,
    stream: int,
    iova: int,
    size: int,
    write: bool,
    substream: int | None = None,
    privileged: bool = False,
) -> None:
    """One transaction; where it gets through, a debugger must see the same pages."""
    done["transactions"] += 1
    peeked = bench.smmu.peek(stream, Iova(iova), size, substream)
    try:
        span = bench.smmu.translate(stream, Iova(iova), size, write, substream, privileged)
    except DmaStalled as stalled:
        done["stalled"] += 1
        stalled.wait(lambda retry: _again(bench, stream, iova, size) if retry else None)
    except DmaAbort as abort:
        assert iova <= abort.iova < max(iova + size, iova + 1)
        done["refused"] += 1
    else:
        assert span.size == size
        assert peeked is not None
        assert peeked.segments() == span.segments()


def _again(bench: Bench, stream: int, iova: int, size: int) -> None:
    """A retried transaction, which may be refused for another reason."""
    with suppress(DmaAbort):
        bench.smmu.translate(stream, Iova(iova), size, write=False)


def command(bench: Bench, opcode: int, low: int, high: int) -> bool:
    """A command at CMDQ_PROD, wherever that is. False if it was an error, which is then taken back."""
    at = COMMANDS + 16 * (bench.get(CMDQ_PROD) & 15)
    bench.put(at, low & ~0xFF | opcode, high)
    bench.set(CMDQ_PROD, bench.get(CMDQ_PROD) + 1)
    good = not (bench.get(GERROR) ^ bench.get(GERRORN)) & CMDQ_ERR
    if not good:
        bench.set(CMDQ_PROD, bench.get(CMDQ_CONS))
    bench.set(GERRORN, bench.get(GERROR))
    return good


def play(bench: Bench, script: list[tuple[object, ...]], done: Counts) -> None:
    """Carry out a list of `actions`."""
    done["runs"] += 1
    for kind, *what in script:
        match kind, what:
            case "register", (offset, size, value):
                bench.cpu.write(REGISTERS + min(offset, SPAN - size), size, value & ((1 << 8 * size) - 1))
            case "read", (offset, size):
                assert 0 <= bench.cpu.read(REGISTERS + min(offset, SPAN - size), size) < 1 << 8 * size
            case "memory", (area, index, value):
                bench.put(area + 8 * index, value)
            case "command", (opcode, low, high):
                done["commands"] += command(bench, opcode, low, high)
            case "transfer", arguments:
                transfer(bench, done, *arguments)
        done["actions"] += 1
