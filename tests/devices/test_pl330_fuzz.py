"""Whatever software writes into the DMA-330 or its microcode, the model stays a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.pl330.assembler import END, KILL, LOAD, STORE, STORE_ZEROS, Program, go, sev
from devices.pl330.hardware import Pl330, Straps
from devices.pl330.hardware.thread import SETTLE
from devices.pl330.isa import Address, Condition, Instruction, Op, encode
from devices.pl330.regs import CHANNEL_FAULTS, CHANNELS, MFIFO_BYTES, TABLE, State
from soc.address import PAGE_SHIFT, PhysAddr
from soc.clock import Action, Clock, Event
from tests.conftest import CountFuzz
from tests.devices.engine_bench import BASE, DRAM
from tests.devices.pl330_bench import CODE, CYCLE, SOURCE, TARGET, Pl330Bench, control, setup
from tests.devices.pl330_iommu import PageMap

EXAMPLES = 150
LIMIT = 50_000
"""Nanoseconds that pass after an action."""
THREADS = 1 + CHANNELS
CHANNEL_FAULT_BITS = sum(field.mask for field in CHANNEL_FAULTS)


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
PLACES = st.one_of(ADDRESSES, st.integers(SOURCE, TARGET + 0x1_0000).map(lambda place: place & ~7))
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


@st.composite
def copies(draw: Any) -> bytes:
    """A loop that copies or clears, between places that are mostly mapped."""
    source, target = draw(PLACES), draw(PLACES)
    program = Program()
    program.add(*setup(source, target, draw(st.sampled_from([control(), control(8, 4), control(4, 3)]))))
    with program.loop(0, draw(st.integers(1, 256))):
        program.add(*draw(st.sampled_from([[LOAD, STORE], [LOAD, LOAD, STORE, STORE], [STORE_ZEROS]])))
    program.add(draw(st.sampled_from([END, sev(2), KILL])))
    return program.code


CODES = st.one_of(copies(), copies(), st.lists(sensible(), max_size=20).map(b"".join), st.binary(max_size=40))
PAGES = st.integers(0, 0x4F)
"""Those of SOURCE and TARGET, counted from the start of DRAM."""

PROGRAM = st.tuples(st.just("program"), st.integers(0, CHANNELS - 1), CODES)
ACTIONS = st.one_of(
    PROGRAM,
    PROGRAM,
    st.tuples(st.just("debug"), st.one_of(st.none(), NUMBERS), st.one_of(sensible(), st.binary(max_size=6))),
    st.tuples(
        st.just("write"), st.sampled_from([r.name for r in TABLE.registers]), st.integers(0, 0xFFFF_FFFF)
    ),
    st.tuples(st.just("request"), NUMBERS, st.booleans()),
    st.tuples(st.just("map"), PAGES, st.booleans()),
    st.tuples(st.just("protect"), PAGES, st.booleans()),
    st.tuples(st.just("answer"), st.booleans(), st.booleans()),
)


@st.composite
def page_maps(draw: Any) -> PageMap:
    """Identity, with some pages missing and some that a debugger alone can read or write."""
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.frames |= {page: page for page in (0, 0xFFFFF, BASE >> PAGE_SHIFT)}
    missing, iommu.read_only, iommu.unreadable = (
        {(DRAM >> PAGE_SHIFT) + page for page in draw(st.sets(PAGES, max_size=16))} for _ in range(3)
    )
    for page in missing:
        del iommu.frames[page]
    iommu.stall = draw(st.booleans())
    return iommu


def perform(bench: Pl330Bench, iommu: PageMap, action: tuple[str, Any, Any]) -> None:
    kind, first, second = action
    match kind:
        case "program":
            bench.debug(KILL)
            bench.debug(KILL, first)
            bench.run(SETTLE * CYCLE)
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
        case "protect":
            page = (DRAM >> PAGE_SHIFT) + first
            (iommu.read_only if second else iommu.unreadable).symmetric_difference_update({page})
        case "answer":
            if iommu.held:
                iommu.held.pop().answer(first, second and not first)


class Watched(Clock):
    """Counts the events it runs."""

    ran = 0

    def at(self, when: int, action: Action) -> Event:
        def counted() -> None:
            self.ran += 1
            action()

        return super().at(when, counted)


class WatchedBench(Pl330Bench):
    clock: Watched
    clock_type = Watched


@pytest.fixture
def done(count_fuzz: CountFuzz) -> Iterator[Counter[str]]:
    """What the fuzz did, added up over its examples."""
    counts: Counter[str] = Counter(runs=0)
    yield counts
    count_fuzz("DMA-330", **counts)


def test_no_program_and_no_register_write_gets_out_of_the_model(done: Counter[str]) -> None:
    @settings(max_examples=EXAMPLES)
    @given(st.lists(ACTIONS, min_size=8, max_size=25), page_maps(), st.booleans())
    def property_(actions: list[tuple[str, Any, Any]], iommu: PageMap, single_steps: bool) -> None:
        bench = WatchedBench(Mixed)
        bench.behind(iommu)
        for channel in bench.engine.channels:
            channel.whole_loops = not single_steps
        for action in actions:
            check_an_action(bench, iommu, action, done)
        check_the_way_out(bench)
        done.update(runs=1, actions=len(actions), refused=len(iommu.faults), stalled=iommu.stalls)
        done["bytes"] += sum(bench.moved)

    property_()
    assert done["runs"] >= EXAMPLES
    assert done["bytes"] > 1000 * EXAMPLES
    assert min(done["events"], done["faults"]) > 4 * EXAMPLES
    assert min(done["refused"], done["stalled"]) > EXAMPLES // 5


def check_an_action(
    bench: WatchedBench, iommu: PageMap, action: tuple[str, Any, Any], done: Counter[str]
) -> None:
    """Whatever it was, the registers agree with each other, and no thread runs without time passing."""
    before = bench.clock.ran
    perform(bench, iommu, action)
    bench.run(LIMIT)
    assert bench.clock.ran - before <= THREADS * (LIMIT // CYCLE + 1)
    done["events"] += bench.clock.ran - before
    for register in TABLE.registers:
        for index in range(register.count):
            place = PhysAddr(BASE + TABLE.offset(register.name, index))
            assert 0 <= bench.cpu.read(place, 4) <= 0xFFFF_FFFF
    faulting = [
        bench.state(channel) in (State.FAULTING, State.FAULTING_COMPLETING) for channel in range(CHANNELS)
    ]
    assert bench.read("FSRC") == sum(fault << channel for channel, fault in enumerate(faulting))
    for channel, fault in enumerate(faulting):
        assert not bench.fault(channel) & ~CHANNEL_FAULT_BITS
        assert bench.fault(channel) or not fault, "a channel that faults says why"
    assert bench.read("INTMIS") == bench.read("INT_EVENT_RIS") & bench.read("INTEN")
    assert sum(channel.data.held for channel in bench.engine.channels) <= MFIFO_BYTES
    done["faults"] += sum(faulting)


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
