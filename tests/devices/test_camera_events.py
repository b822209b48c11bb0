"""The camera's queue, interrupts and errors, and what no value may do to it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.camera.regs import FORMAT_NV12, FORMAT_XRGB8888, TABLE
from tests.devices.camera_bench import (
    BAND,
    DONE,
    ENABLE,
    ERROR,
    HEIGHT,
    OVERRUN,
    PERIOD,
    READOUT,
    RESET,
    WIDTH,
    CameraBench,
    rgb,
)
from tests.devices.counter_reader import read_counter
from tests.devices.engine_bench import DRAM, END, FILL


def test_the_queue_holds_four_and_ignores_the_fifth() -> None:
    bench = CameraBench()
    for index in range(5):
        bench.queue(DRAM + 0x4000 * index)
        assert bench.read("STATUS") == min(index + 1, 4) << 8
    bench.write("CTRL", ENABLE)
    bench.run(4 * PERIOD - 1)
    assert [record.iova for record in bench.engine.frames.records] == [DRAM + 0x4000 * n for n in range(4)]
    assert bench.clear() == DONE
    bench.run(1)
    assert (bench.read("FRAME_COUNT"), bench.clear()) == (4, OVERRUN)


def test_a_write_of_zero_pushes_nothing() -> None:
    bench = CameraBench()
    bench.write("QUEUE", 2)
    assert bench.read("STATUS") == 0


def test_a_frame_without_a_buffer_is_lost_and_the_next_is_on_time() -> None:
    bench = CameraBench()
    bench.write("CTRL", ENABLE)
    bench.run(PERIOD // 2)
    assert bench.clear() == OVERRUN
    bench.queue(DRAM)
    bench.run(PERIOD)
    assert (bench.read("STATUS"), bench.engine.frames.records) == (1, [])
    bench.run(PERIOD // 2)
    record = bench.engine.frames.records[0]
    assert (record.sequence, record.started, bench.read("FRAME_COUNT")) == (0, PERIOD, 1)


def test_a_fault_in_mid_frame_leaves_a_partial_frame_and_raises_dma_error() -> None:
    bench = CameraBench()
    band = 4 * WIDTH * HEIGHT // 8
    start = END - 3 * band
    bench.queue(start)
    bench.queue(DRAM)
    bench.write("CTRL", ENABLE)
    bench.run(4 * BAND)
    record = bench.engine.frames.records[0]
    assert (bench.read("IRQ_STATUS"), bench.raised, bench.read("STATUS")) == (ERROR, [True], 1 << 8)
    assert (record.digest, record.complete, record.size) == (None, False, 3 * band)
    assert record.fault == f"engine: write of {band} bytes at {END:#x}: nothing answers there"
    assert (record.started, record.ended) == (0, 4 * BAND)
    assert (bench.memory(start, 3 * band) != FILL).any()
    assert bench.moved == (0, 3 * band)
    bench.run(2 * PERIOD)
    after = bench.engine.frames.records[1]
    assert (after.started, after.complete) == (PERIOD, True)
    assert (bench.read("FRAME_COUNT"), bench.read("DONE_ADDR")) == (1, DRAM)
    assert read_counter(rgb(bench.memory(DRAM, 4 * WIDTH * HEIGHT)).sum(axis=-1)) == 0


def test_reset_in_mid_frame_drops_it_and_everything_else() -> None:
    bench = CameraBench()
    bench.queue(DRAM)
    bench.queue(DRAM)
    bench.write("CTRL", ENABLE)
    bench.run(PERIOD + BAND)
    bench.queue(DRAM)
    assert (bench.raised, bench.read("STATUS")) == ([True], 1 | 1 << 8)
    bench.write("CTRL", RESET | ENABLE)
    written = bench.moved
    names = [register.name for register in TABLE.registers if register.access != "wo"]
    assert [bench.read(name) for name in names] == [TABLE[name].reset for name in names]
    assert bench.raised == [True, False]
    assert [record.fault for record in bench.engine.frames.records] == [None, "reset"]
    bench.run(4 * PERIOD)
    assert (bench.moved, bench.read("IRQ_STATUS"), len(bench.engine.frames.records)) == (written, 0, 2)


def test_reset_between_frames_leaves_no_record() -> None:
    bench = CameraBench()
    bench.write("CTRL", RESET)
    assert bench.engine.frames.records == []


def test_disabling_stops_after_the_frame_in_flight() -> None:
    bench = CameraBench()
    bench.queue(DRAM)
    bench.queue(DRAM)
    bench.write("CTRL", ENABLE)
    bench.run(BAND)
    bench.write("CTRL", 0)
    bench.run(3 * PERIOD)
    assert [record.complete for record in bench.engine.frames.records] == [True]
    assert (bench.read("STATUS"), bench.read("FRAME_COUNT"), bench.read("CTRL")) == (1 << 8, 1, 0)
    bench.write("CTRL", ENABLE)
    bench.run(PERIOD)
    assert bench.read("FRAME_COUNT") == 2


def test_enabling_twice_does_not_start_two_frames() -> None:
    bench = CameraBench()
    bench.queue(DRAM)
    bench.queue(DRAM)
    for value in (ENABLE, ENABLE, 0, ENABLE):
        bench.write("CTRL", value)
    bench.run(2 * PERIOD)
    assert [record.started for record in bench.engine.frames.records] == [0, PERIOD]


@pytest.mark.parametrize(
    ("register", "value"),
    [
        ("SIZE", 0),
        ("SIZE", HEIGHT << 16),
        ("SIZE", WIDTH),
        ("SIZE", 8193 << 16 | WIDTH),
        ("SIZE", HEIGHT << 16 | 8193),
        ("FORMAT", 2),
        ("FORMAT", 15),
    ],
)
def test_a_size_or_format_that_is_not_valid_is_an_error_and_costs_the_buffer(
    register: str, value: int
) -> None:
    bench = CameraBench()
    bench.write(register, value)
    bench.queue(DRAM)
    bench.queue(DRAM)
    bench.write("CTRL", ENABLE)
    bench.run(1)
    record = bench.engine.frames.records[0]
    assert (bench.clear(), record.fault, record.size) == (ERROR, "SIZE or FORMAT is not valid", 0)
    bench.write("SIZE", HEIGHT << 16 | WIDTH)
    bench.write("FORMAT", FORMAT_XRGB8888)
    bench.run(2 * PERIOD - 2)
    assert bench.moved == (0, 4 * WIDTH * HEIGHT)
    assert (bench.engine.frames.records[1].started, bench.clear()) == (PERIOD, DONE)


@pytest.mark.parametrize("size", [(HEIGHT - 1) << 16 | WIDTH, HEIGHT << 16 | (WIDTH - 1)])
def test_nv12_needs_even_sides(size: int) -> None:
    bench = CameraBench(FORMAT_NV12)
    bench.write("SIZE", size)
    bench.queue(DRAM, DRAM + 0x4000)
    bench.write("CTRL", ENABLE)
    bench.run(PERIOD - 1)
    assert (bench.clear(), bench.moved) == (ERROR, (0, 0))


def test_the_line_is_the_level_of_enabled_events() -> None:
    bench = CameraBench()
    bench.write("IRQ_ENABLE", 0)
    bench.queue(DRAM)
    bench.write("CTRL", ENABLE)
    bench.run(PERIOD + 1)
    assert (bench.read("IRQ_STATUS"), bench.raised) == (DONE | OVERRUN, [])
    bench.write("IRQ_ENABLE", ERROR)
    assert bench.raised == []
    bench.write("IRQ_ENABLE", DONE | OVERRUN)
    assert bench.raised == [True]
    bench.write("IRQ_STATUS", DONE)
    assert (bench.read("IRQ_STATUS"), bench.raised) == (OVERRUN, [True])
    bench.write("IRQ_ENABLE", DONE)
    assert bench.raised == [True, False]
    bench.write("IRQ_ENABLE", OVERRUN)
    bench.write("IRQ_STATUS", OVERRUN)
    assert bench.raised == [True, False, True, False]


def test_writing_zeros_to_the_status_clears_nothing() -> None:
    bench = CameraBench()
    bench.write("CTRL", ENABLE)
    bench.run(1)
    bench.write("IRQ_STATUS", 0)
    assert (bench.read("IRQ_STATUS"), bench.raised) == (OVERRUN, [True])


def test_a_camera_without_an_interrupt_line_works() -> None:
    bench = CameraBench(irqs=0)
    bench.queue(DRAM)
    bench.write("CTRL", ENABLE)
    bench.run(READOUT)
    assert (bench.read("IRQ_STATUS"), bench.read("FRAME_COUNT")) == (DONE, 1)


SIDES = st.integers(0, 70) | st.integers(8193, 0xFFFF)
WRITES = st.one_of(
    st.tuples(st.just("SIZE"), st.builds(lambda w, h: h << 16 | w, SIDES, SIDES)),
    st.tuples(st.just("CTRL"), st.sampled_from([ENABLE, 0, RESET, 0xFFFF_FFFF])),
    st.tuples(
        st.sampled_from(["BUF_ADDR", "BUF_ADDR_UV"]), st.integers(DRAM - 9, END) | st.integers(0, 2**32 - 1)
    ),
    st.tuples(st.sampled_from(["STRIDE", "STRIDE_UV"]), st.integers(0, 400) | st.integers(0, 2**32 - 1)),
    st.tuples(st.sampled_from(["FORMAT", "PATTERN", "QUEUE"]), st.integers(0, 4)),
    st.tuples(
        st.sampled_from([r.name for r in TABLE.registers if r.name not in ("SIZE", "FRAME_PERIOD")]),
        st.integers(0, 2**32 - 1),
    ),
)


@settings(max_examples=150)
@given(st.lists(st.tuples(WRITES, st.integers(0, 40_000)), max_size=30))
def test_no_register_value_breaks_the_camera(writes: list[tuple[tuple[str, int], int]]) -> None:
    bench = CameraBench()
    bench.write("FRAME_PERIOD", 1)
    bench.write("CTRL", ENABLE)
    for (name, value), pause in writes:
        bench.write(name, value)
        bench.run(pause)
        for register in TABLE.registers:
            assert 0 <= bench.read(register.name) < 1 << 32
        level = bool(bench.read("IRQ_STATUS") & bench.read("IRQ_ENABLE"))
        assert (bench.raised[-1] if bench.raised else False) is level
        assert bench.read("STATUS") >> 8 <= 4
    complete = sum(record.size for record in bench.engine.frames.records if record.complete)
    assert bench.moved[1] >= complete
