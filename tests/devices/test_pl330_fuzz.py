"""Whatever software writes into the DMA-330 or its microcode, the model stays a model."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.pl330.assembler import KILL, go
from devices.pl330.hardware import Pl330, Straps
from devices.pl330.isa import Address, Condition, Instruction, Op, encode
from devices.pl330.regs import CHANNELS, TABLE, State
from soc.address import PAGE_SHIFT, PhysAddr
from tests.devices.engine_bench import BASE, DRAM
from tests.devices.pl330_bench import CODE, SOURCE, TARGET, Pl330Bench, control
from tests.devices.pl330_iommu import PageMap

LIMIT = 50_000
"""Nanoseconds an action may take; every thread has to let them pass."""


class Mixed(Pl330):
    """A part of the events and peripherals is secure."""

    straps = Straps(events_non_secure=0x0FFF_FFFF, peripherals_non_secure=0x0FFF_FFFF)


ADDRESSES = st.sampled_from(
    [SOURCE, TARGET, DRAM + 0xF_FFF0, CODE, CODE + 3, 0, 0xFFFF_FFF8, BASE, BASE + 0xD04]
)
CONTROLS = st.one_of(
    st.sampled_from([control(), control(4, 1), control(8, 16, target_inc=False), control(1, 3, swap=2)]),
    st.integers(0, 0xFFFF_FFFF),
)
NUMBERS = st.integers(0, 3)


@st.composite
def sensible(draw: Any) -> bytes:
    """An instruction that is one, with operands that lead somewhere."""
    op = draw(st.sampled_from(list(Op)))
    number, value, condition, flag = draw(NUMBERS), 0, Condition.ALWAYS, False
    match op:
        case Op.MOV:
            number = draw(st.sampled_from(list(Address)))
            value = draw(CONTROLS if number is Address.CCR else ADDRESSES)
        case Op.ADDH | Op.ADNH:
            number, value = draw(st.sampled_from([Address.SAR, Address.DAR])), draw(st.integers(0, 0xFFFF))
        case Op.LP:
            number, value = draw(st.integers(0, 1)), draw(st.integers(1, 256))
        case Op.LPEND:
            number, value = draw(st.integers(0, 1)), draw(st.integers(0, 40))
            flag = number == 1 and draw(st.booleans())
        case Op.LDP | Op.STP:
            condition = draw(st.sampled_from([Condition.SINGLE, Condition.BURST]))
        case Op.LD | Op.ST:
            number, condition = (
                0,
                draw(st.sampled_from([Condition.ALWAYS, Condition.SINGLE, Condition.BURST])),
            )
        case Op.WFP:
            condition = draw(st.sampled_from([Condition.SINGLE, Condition.BURST, Condition.PERIPH]))
        case Op.WFE:
            flag = draw(st.booleans())
        case Op.GO:
            value, flag = CODE, draw(st.booleans())
        case Op.SEV | Op.FLUSHP:
            pass
        case _:
            number = 0
    return encode(Instruction(op, number, value, condition, flag))


CODES = st.one_of(st.lists(sensible(), max_size=20).map(b"".join), st.binary(max_size=40))

ACTIONS = st.one_of(
    st.tuples(st.just("program"), st.integers(0, CHANNELS - 1), CODES),
    st.tuples(st.just("debug"), st.one_of(st.none(), NUMBERS), st.one_of(sensible(), st.binary(max_size=6))),
    st.tuples(
        st.just("write"), st.sampled_from([r.name for r in TABLE.registers]), st.integers(0, 0xFFFF_FFFF)
    ),
    st.tuples(st.just("request"), NUMBERS, st.booleans()),
    st.tuples(st.just("map"), st.integers(0, 0xFF), st.booleans()),
    st.tuples(st.just("answer"), st.booleans(), st.booleans()),
)


def perform(bench: Pl330Bench, iommu: PageMap, action: tuple[str, Any, Any]) -> None:
    kind, first, second = action
    match kind:
        case "program":
            bench.fill(CODE + 0x1000 * first, second.ljust(64, b"\0"))
            bench.debug(go(first, CODE + 0x1000 * first, non_secure=True))
        case "debug":
            bench.debug(second, first)
        case "write":
            bench.write(first, second)
        case "request":
            bench.engine.request(first, second)
        case "map":
            page = (DRAM >> PAGE_SHIFT) + first
            if second:
                iommu.frames[page] = page
            else:
                iommu.frames.pop(page, None)
        case "answer":
            if iommu.held:
                iommu.held.pop().answer(first, second and not first)


@settings(max_examples=150)
@given(st.lists(ACTIONS, max_size=25), st.booleans(), st.booleans())
def test_no_program_and_no_register_write_gets_out_of_the_model(
    actions: list[tuple[str, Any, Any]], stall: bool, single_steps: bool
) -> None:
    bench = Pl330Bench(Mixed)
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.frames |= {page: page for page in (0, 0xFFFFF, BASE >> PAGE_SHIFT)}
    iommu.stall = stall
    bench.behind(iommu)
    for channel in bench.engine.channels:
        channel.whole_loops = not single_steps
    for action in actions:
        before = bench.clock.now
        perform(bench, iommu, action)
        bench.run(LIMIT)
        assert bench.clock.now == before + LIMIT
        for register in TABLE.registers:
            for index in range(register.count):
                place = PhysAddr(BASE + TABLE.offset(register.name, index))
                assert 0 <= bench.cpu.read(place, 4) <= 0xFFFF_FFFF
    check_the_way_out(bench)


def check_the_way_out(bench: Pl330Bench) -> None:
    """From wherever the channels are, DMAKILL brings them to rest, and nothing is left behind."""
    for channel in range(CHANNELS):
        bench.debug(KILL, channel)
    bench.debug(KILL)
    bench.run(LIMIT)
    assert [bench.state(channel) for channel in range(CHANNELS)] == [State.STOPPED] * CHANNELS
    assert bench.state(None) is State.STOPPED
    assert (bench.read("FSRC"), bench.read("FSRD"), bench.clock.next_event()) == (0, 0, None)
    assert sum(channel.data.held for channel in bench.engine.channels) == 0
