"""Loops of the DMA-330 that are executed as a whole have the outcome of single steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.pl330 import assembler as asm
from devices.pl330.assembler import Program
from devices.pl330.isa import Address, Condition, Instruction, Op, encode
from devices.pl330.regs import State
from soc.address import PAGE_SHIFT
from soc.memory.span import PageSpan
from tests.devices.engine_bench import DRAM, FILL
from tests.devices.pl330_bench import CODE, MILLISECOND, SOURCE, TARGET, Pl330Bench, control, copy_loop, setup
from tests.devices.pl330_iommu import PageMap

CODE_PAGE = CODE >> PAGE_SHIFT
FIRST_FRAME = DRAM >> PAGE_SHIFT
WRITE, READ = 1 << 17, 1 << 18


@dataclass(frozen=True)
class Outcome:
    """All that a program leaves, and when it was over."""

    memory: bytes
    state: State
    fault: int
    place: tuple[int, ...]
    held: bytes
    faults: tuple[tuple[int, bool], ...]
    ended: int


def run(code: bytes, whole: bool, iommu: PageMap | None = None, seed: int = 1) -> Outcome:
    """The program on a fresh machine, by whole loops or step by step; its own code page is always mapped."""
    bench = Pl330Bench()
    bench.randomise(DRAM, 0xF_0000, seed)
    if iommu is not None:
        frames = iommu.frames | {CODE_PAGE: CODE_PAGE}
        iommu = PageMap(frames, iommu.read_only, unreadable=iommu.unreadable)
        bench.behind(iommu)
    channel = bench.engine.channels[0]
    channel.whole_loops = whole
    bench.start(code)
    ended = 0
    while (due := bench.clock.next_event()) is not None and due < 100 * MILLISECOND:
        bench.clock.advance(due)
        bench.clock.run_due()
        ended = due
    names = ("CPC0", "SAR0", "DAR0", "CCR0", "LC0_0", "LC1_0", "CSR0")
    return Outcome(
        bench.memory(DRAM, 0x10_0000).tobytes(),
        bench.state(),
        bench.fault(),
        tuple(bench.read(name) for name in names),
        channel.data._mfifo.head(0, channel.data.held),
        tuple(iommu.faults) if iommu else (),
        ended,
    )


# --- random programs -------------------------------------------------------------

PAGES = 48
"""Input pages the programs move about in, from address 0."""

STEPS = st.sampled_from([asm.LOAD, asm.STORE, asm.STORE_ZEROS, asm.NOP, asm.READ_BARRIER, asm.WRITE_BARRIER])
PAIRS = st.sampled_from([[asm.LOAD, asm.STORE], [asm.LOAD, asm.READ_BARRIER, asm.STORE, asm.WRITE_BARRIER]])
COPIES = st.one_of(
    st.lists(PAIRS, min_size=1, max_size=3).map(lambda pairs: [step for pair in pairs for step in pair]),
    st.integers(1, 4).map(lambda n: [asm.LOAD] * n + [asm.STORE] * n),
    st.just([asm.STORE_ZEROS, asm.NOP]),
)
BODIES = st.one_of(COPIES, COPIES, COPIES, st.lists(STEPS, max_size=5))
ADDRESSES = st.one_of(
    st.integers(0, PAGES - 1).map(lambda page: page << PAGE_SHIFT),
    st.integers(0, (PAGES << PAGE_SHIFT) - 1),
    st.sampled_from([0x1000 - 8, 0x7FC0, 0x2001]),
)
SHAPES = st.one_of(
    st.sampled_from(
        [control(), control(8, 4), control(4, 16), control(8, 16, swap=8), control(8, 16, to_beats=8)]
    ),
    st.builds(
        control,
        st.sampled_from([1, 2, 4, 8]),
        st.integers(1, 16),
        source_inc=st.sampled_from([True, True, True, False]),
        target_inc=st.sampled_from([True, True, True, False]),
        to_size=st.sampled_from([0, 1, 4, 8]),
        to_beats=st.sampled_from([0, 0, 8, 16]),
        swap=st.sampled_from([1, 1, 2, 8, 16]),
    ),
)


@st.composite
def programs(draw: Any) -> bytes:
    program = Program()
    for _ in range(draw(st.integers(1, 2))):
        program.add(*setup(draw(ADDRESSES), draw(ADDRESSES), draw(SHAPES)))
        for _ in range(draw(st.integers(0, 2))):
            program.add(draw(st.sampled_from([asm.LOAD, asm.STORE_ZEROS, asm.NOP])))
        outer = draw(st.integers(0, 5))
        if outer:
            with program.loop(0, outer):
                if draw(st.booleans()):
                    program.add(*draw(BODIES))
                with program.loop(1, draw(st.integers(1, 24))):
                    program.add(*draw(BODIES))
                if draw(st.booleans()):
                    register = draw(st.sampled_from([Address.SAR, Address.DAR]))
                    program.add(asm.add_halfword(register, draw(st.integers(-5000, 5000))))
        else:
            with program.loop(1, draw(st.integers(1, 100))):
                program.add(*draw(BODIES))
    program.add(*draw(st.sampled_from([[asm.END], [asm.wfe(0)], [asm.STORE, asm.END]])))
    return program.code


@st.composite
def page_maps(draw: Any) -> PageMap:
    """Most pages lie one after the other, some elsewhere, some twice, some nowhere.

    Some cannot be written, some cannot be read.
    """
    frames = {page: FIRST_FRAME + page for page in range(PAGES)}
    for page in draw(st.lists(st.integers(0, PAGES - 1), max_size=12)):
        frames[page] = FIRST_FRAME + draw(st.integers(0, 0xEF))
    for page in draw(st.lists(st.integers(0, PAGES - 1), max_size=4)):
        frames.pop(page, None)
    read_only = draw(st.sets(st.integers(0, PAGES - 1), max_size=16))
    return PageMap(frames, read_only, unreadable=draw(st.sets(st.integers(0, PAGES - 1), max_size=4)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(programs(), page_maps())
def test_whole_loops_have_the_outcome_of_single_steps(code: bytes, iommu: PageMap) -> None:
    whole, single = run(code, True, iommu), run(code, False, iommu)
    assert replace(whole, faults=()) == replace(single, faults=())
    ahead = whole.faults[: len(whole.faults) - len(single.faults)]
    assert whole.faults == ahead + single.faults
    if ahead:
        assert (len(ahead), ahead[0][1]) == (1, False), "one read may be asked for ahead of time"
        assert [write for _, write in single.faults] == [True], "when a write before it is refused"


# --- one by one ------------------------------------------------------------------


def copying(bursts: int, source: int = SOURCE, target: int = TARGET) -> bytes:
    program = Program()
    program.add(*setup(source, target, control()))
    return program.code + copy_loop(bursts) + encode(asm.END)


def bench_behind(iommu: PageMap) -> tuple[Pl330Bench, np.ndarray]:
    bench = Pl330Bench()
    data = bench.randomise()
    bench.behind(iommu)
    return bench, data


def test_a_long_copy_is_a_few_transfers() -> None:
    """2048 bursts: were each one on its own there would be as many translations, twice."""
    iommu = PageMap.identity(DRAM, 0x10_0000)
    bench, data = bench_behind(iommu)
    bench.start(copying(2048))
    bench.settle()
    bench.settle()
    assert np.array_equal(bench.memory(TARGET, 0x4_0000), data)
    assert bench.moved == (0x4_0000 + 32, 0x4_0000)
    assert iommu.translations < 40


def test_step_by_step_is_the_negative_control() -> None:
    iommu = PageMap.identity(DRAM, 0x10_0000)
    bench, data = bench_behind(iommu)
    bench.engine.channels[0].whole_loops = False
    bench.start(copying(2048))
    bench.settle()
    bench.settle()
    assert np.array_equal(bench.memory(TARGET, 0x4_0000), data)
    assert iommu.translations >= 4096


@pytest.mark.parametrize("distance", [-4096, -128, -8, 8, 64, 128, 200, 4096])
def test_source_and_target_that_overlap(distance: int) -> None:
    code = copying(64, SOURCE + 0x8000, SOURCE + 0x8000 + distance)
    assert run(code, True) == run(code, False)


def test_overlap_is_judged_by_physical_pages() -> None:
    """Two input ranges on the same frames: each burst reads what the one before has written."""
    frames = {page: FIRST_FRAME + page for page in range(16)} | {
        page + 16: FIRST_FRAME + page for page in range(16)
    }
    code = copying(256, 0, 0x1_0000 + 128)
    outcome = run(code, True, PageMap(frames))
    assert outcome == run(code, False, PageMap(frames))
    assert outcome.memory[128:256] == outcome.memory[0x3F80:0x4000] == outcome.memory[:128]


def test_a_read_only_page_stops_a_run_at_the_right_burst() -> None:
    page = (TARGET >> PAGE_SHIFT) + 2
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.read_only.add(page)
    bench, data = bench_behind(iommu)
    bench.start(copying(512, SOURCE, TARGET + 64))
    bench.settle()
    assert (bench.state(), bench.fault(), iommu.faults) == (
        State.FAULTING,
        WRITE,
        [(page << PAGE_SHIFT, True)],
    )
    # the burst that fails begins 64 bytes before the page; those are written
    assert bench.registers() == (SOURCE + 0x2000, (page << PAGE_SHIFT) - 64)
    assert np.array_equal(bench.memory(TARGET + 64, 0x1FC0), data[:0x1FC0])
    assert not np.array_equal(bench.memory(page << PAGE_SHIFT, 64), data[0x1FC0:0x2000])


@pytest.mark.parametrize("start", [0, 64])
def test_a_page_that_only_a_debugger_can_read_stops_a_run_at_the_right_load(start: int) -> None:
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.unreadable.add(FIRST_FRAME + 3)
    bench, data = bench_behind(iommu)
    bench.start(copying(256, SOURCE + start))
    bench.settle()
    done = 0x3000 - (128 if start else 0)
    assert (bench.state(), bench.fault()) == (State.FAULTING, READ)
    assert iommu.faults == [(SOURCE + 0x3000, False)]
    assert bench.registers() == (SOURCE + start + done, TARGET + done)
    assert np.array_equal(bench.memory(TARGET, done), data[start : start + done])
    assert (bench.memory(TARGET + done, 0x1000) == FILL).all()


@pytest.mark.parametrize("first", ["read", "write"])
def test_a_read_and_a_write_that_are_refused_stop_a_run_one_after_the_other(first: str) -> None:
    """Stalled, mended and retried each on its own, in whichever order they come."""
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.stall = True
    source, target = (2, 5) if first == "read" else (5, 2)
    iommu.unreadable.add(FIRST_FRAME + source)
    iommu.read_only.add((TARGET >> PAGE_SHIFT) + target)
    bench, data = bench_behind(iommu)
    bench.start(copying(256))
    bench.settle()
    places = {"read": (SOURCE + 0x2000, TARGET + 0x2000), "write": (SOURCE + 0x2080, TARGET + 0x2000)}
    assert bench.registers() == places[first]
    iommu.unreadable.clear()
    iommu.read_only.clear()
    for held in iommu.held:
        held.answer(retry=True)
    bench.settle()
    assert (bench.state(), bench.fault()) == (State.STOPPED, 0)
    assert np.array_equal(bench.memory(TARGET, 0x8000), data[:0x8000])


def test_discarded_reads_of_a_page_that_only_a_debugger_can_read() -> None:
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.discard = True
    iommu.unreadable.add(FIRST_FRAME + 1)
    bench, data = bench_behind(iommu)
    data[0x1000:0x2000] = 0
    bench.start(copying(128))
    bench.settle()
    assert bench.state() is State.STOPPED
    assert np.array_equal(bench.memory(TARGET, 0x4000), data[:0x4000])


class Moving(PageMap):
    """A debugger sees one page in DRAM, and a transaction ends up where no memory is."""

    def translate(self, *args: Any, **kwargs: Any) -> PageSpan:
        span = super().translate(*args, **kwargs)
        away = np.where(span.frames == FIRST_FRAME + 3, 0x10, span.frames)
        return PageSpan.of(away, span.offset, span.size)


def test_what_a_debugger_sees_is_not_taken_for_where_a_transaction_goes() -> None:
    bench, data = bench_behind(Moving.identity(DRAM, 0x10_0000))
    bench.start(copying(256))
    bench.settle()
    assert (bench.state(), bench.fault()) == (State.FAULTING, READ)
    assert bench.registers() == (SOURCE + 0x3000, TARGET + 0x3000)
    assert np.array_equal(bench.memory(TARGET, 0x3000), data[:0x3000])


def test_a_missing_page_stops_a_run_at_the_right_load() -> None:
    iommu = PageMap.identity(DRAM, 0x10_0000)
    del iommu.frames[FIRST_FRAME + 5]
    bench, data = bench_behind(iommu)
    bench.start(copying(512, SOURCE + 64, TARGET))
    bench.settle()
    assert (bench.fault(), iommu.faults) == (READ, [(SOURCE + 0x5000, False)])
    assert bench.registers() == (SOURCE + 0x5000 - 64, TARGET + 0x4F80)
    assert np.array_equal(bench.memory(TARGET, 0x4F80), data[64 : 64 + 0x4F80])


@pytest.mark.parametrize("write", [False, True])
def test_a_stalled_access_goes_on_when_software_has_mended_it(write: bool) -> None:
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.stall = True
    bench, data = bench_behind(iommu)
    page = (TARGET if write else SOURCE) + 0x3000 >> PAGE_SHIFT
    frame = iommu.frames.pop(page)
    bench.start(copying(512))
    bench.settle()
    assert (bench.state(), iommu.faults) == (State.EXECUTING, [(page << PAGE_SHIFT, write)])
    assert bench.registers() == (SOURCE + 0x3000 + 128 * write, TARGET + 0x3000)
    iommu.frames[page] = frame
    iommu.held[0].answer(retry=True)
    bench.settle()
    assert (bench.state(), bench.fault()) == (State.STOPPED, 0)
    assert np.array_equal(bench.memory(TARGET, 0x1_0000), data[:0x1_0000])


@pytest.mark.parametrize("read_only", [False, True])
def test_a_stalled_write_that_is_aborted(read_only: bool) -> None:
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.stall = True
    bench, _ = bench_behind(iommu)
    page = (TARGET >> PAGE_SHIFT) + 3
    if read_only:
        iommu.read_only.add(page)
    else:
        del iommu.frames[page]
    bench.start(copying(512))
    bench.settle()
    assert (bench.state(), len(iommu.held)) == (State.EXECUTING, 1)
    iommu.held[0].answer(retry=False)
    bench.settle()
    assert (bench.state(), bench.fault()) == (State.FAULTING, WRITE)
    assert bench.registers() == (SOURCE + 0x3080, TARGET + 0x3000)


def test_a_stalled_access_of_a_channel_that_was_killed() -> None:
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.stall = True
    del iommu.frames[FIRST_FRAME]
    bench, _ = bench_behind(iommu)
    bench.start(copying(4))
    bench.settle()
    bench.kill(0)
    bench.settle()
    bench.start(asm.wfe(0), asm.END)
    bench.settle()
    iommu.held[0].answer(retry=False)
    bench.settle()
    assert (bench.state(), bench.fault()) == (State.WAITING_FOR_EVENT, 0)


def test_a_stalled_fetch() -> None:
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.stall = True
    bench, _ = bench_behind(iommu)
    del iommu.frames[CODE_PAGE]
    bench.start(copying(4))
    bench.settle()
    assert iommu.faults == [(CODE, False)]
    iommu.held[0].answer(retry=False)
    bench.settle()
    assert (bench.fault(), bench.state()) == (1 << 16, State.FAULTING)


def test_discarded_accesses_read_zeros_and_write_nothing() -> None:
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.discard = True
    bench, data = bench_behind(iommu)
    del iommu.frames[FIRST_FRAME + 1], iommu.frames[(TARGET >> PAGE_SHIFT) + 3]
    before = bench.memory(TARGET + 0x3000, 0x1000).copy()
    bench.start(copying(128))
    bench.settle()
    assert (bench.state(), bench.registers()) == (State.STOPPED, (SOURCE + 0x4000, TARGET + 0x4000))
    expected = np.concatenate((data[:0x1000], np.zeros(0x1000, dtype=np.uint8), data[0x2000:0x3000], before))
    assert np.array_equal(bench.memory(TARGET, 0x4000), expected)


def test_a_stalled_access_that_is_discarded_by_software() -> None:
    iommu = PageMap.identity(DRAM, 0x10_0000)
    iommu.stall = True
    bench, data = bench_behind(iommu)
    del iommu.frames[(TARGET >> PAGE_SHIFT) + 1]
    before = bench.memory(TARGET + 0x1000, 128).copy()
    bench.start(copying(33))
    bench.settle()
    iommu.held[0].answer(retry=False, discarded=True)
    bench.settle()
    assert (bench.state(), bench.fault(), len(iommu.held)) == (State.STOPPED, 0, 1)
    assert np.array_equal(bench.memory(TARGET + 0x1000, 128), before)
    assert np.array_equal(bench.memory(TARGET, 0x1000), data[:0x1000])


def test_a_run_waits_for_space_in_the_mfifo_like_a_step() -> None:
    """A body that needs the whole MFIFO, and another channel that takes a part of it meanwhile."""
    bench = Pl330Bench()
    bench.randomise()
    program = Program()
    program.add(*setup(SOURCE, TARGET, control()))
    with program.loop(0, 256):
        program.add(*[asm.LOAD] * 8, *[asm.STORE] * 8)
    program.add(asm.END)
    bench.start(program.code)
    bench.start(
        *setup(SOURCE, DRAM + 0xE_0000, control()), asm.LOAD, asm.wfe(1), asm.STORE, asm.END, channel=1
    )
    bench.run(2_000)
    assert bench.engine.channels[1].data.held == 128
    bench.run(10 * MILLISECOND)
    stuck = bench.registers()
    assert (bench.state(0), stuck[0] - SOURCE - (stuck[1] - TARGET)) == (State.EXECUTING, 7 * 128)
    bench.debug(asm.sev(1))
    bench.run(10 * MILLISECOND)
    assert (bench.state(0), bench.registers()) == (State.STOPPED, (SOURCE + 0x4_0000, TARGET + 0x4_0000))


def test_what_is_no_loop_to_run_as_a_whole() -> None:
    """Bodies that load and store, but not as one range: they come out the same."""
    bodies: list[list[Instruction]] = [
        [asm.LOAD, asm.STORE, asm.add_halfword(Address.SAR, 8)],
        [asm.LOAD, asm.STORE, asm.mov(Address.DAR, TARGET)],
        [asm.LOAD, asm.STORE, asm.sev(3)],
        [asm.LOAD, asm.STORE, asm.STORE_ZEROS],
        [asm.mov(Address.CCR, control(8, 4)), asm.LOAD, asm.STORE],
        [Instruction(Op.LD, condition=Condition.SINGLE), Instruction(Op.ST, condition=Condition.SINGLE)],
        [asm.flush_peripheral(1), asm.LOAD, asm.STORE],
    ]
    for body in bodies:
        program = Program()
        program.add(*setup(SOURCE, TARGET, control()))
        with program.loop(0, 40):
            program.add(*body)
        program.add(asm.END)
        outcome = run(program.code, True)
        assert outcome == run(program.code, False)
        assert (outcome.state, outcome.fault) == (State.STOPPED, 0)
