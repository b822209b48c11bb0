"""The LCDIF's control: aliases, interrupts, errors, and what no value may do to it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.lcdif.hardware import Lcdif
from devices.lcdif.regs import TABLE
from tests.devices.engine_bench import DRAM, END, EngineBench
from tests.devices.lcdif_bench import (
    ACTIVE,
    BAND,
    CLKGATE,
    CLOCK,
    DONE,
    DOTCLK_MODE,
    ENABLE_ALL,
    FIRST,
    MASTER,
    OVERFLOW,
    PERIOD,
    SCANNING,
    SECOND_BUFFER,
    SFTRST,
    SIZE,
    THIRD,
    UNDERFLOW,
    VSYNC,
    WIDTH,
    LcdifBench,
)


@pytest.mark.parametrize("name", ["CTRL", "CTRL1", "CTRL2", "VDCTRL0"])
def test_set_clear_and_toggle_change_only_the_bits_written_as_one(name: str) -> None:
    bench = EngineBench(Lcdif)
    bench.write(name, 0x00A0_0F30)
    bench.write(f"{name}_SET", 0x0000_F000)
    assert bench.read(name) == 0x00A0_FF30
    bench.write(f"{name}_CLR", 0x0080_0010)
    assert bench.read(name) == 0x0020_FF20
    bench.write(f"{name}_TOG", 0x0010_00F0)
    assert bench.read(name) == 0x0030_FFD0
    assert [bench.read(f"{name}_{alias}") for alias in ("SET", "CLR", "TOG")] == [0, 0, 0]


def test_what_a_driver_of_a_plain_picture_writes_is_not_remarked() -> None:
    bench = LcdifBench().start()
    bench.write("CTRL1_SET", ENABLE_ALL)
    bench.write("CTRL2", 4 << 21)
    bench.write("VDCTRL0", 0x1F30_0002)
    bench.write("VDCTRL3", 216 << 16 | 35)
    bench.write("VDCTRL4", 1 << 18 | WIDTH)
    bench.write("AS_CTRL", 0)
    assert bench.log == []
    assert [bench.read(name) for name in ("CTRL2", "VDCTRL3", "VDCTRL4")] == [4 << 21, 0xD8_0023, 0x4_0040]


def test_a_register_without_effect_is_remarked_when_it_is_touched() -> None:
    bench = LcdifBench()
    bench.write("THRES", 0)
    bench.read("AS_BUF")
    assert bench.log == [f"lcdif: {name} is known but not modelled" for name in ("THRES", "AS_BUF")]


@pytest.mark.parametrize(
    ("register", "value", "field"),
    [
        ("CTRL2", 1 << 12, "EVEN_LINE_PATTERN"),
        ("CTRL2_SET", 5 << 16, "ODD_LINE_PATTERN"),
        ("VDCTRL0", 1 << 19, "HALF_LINE"),
        ("VDCTRL0_TOG", 1 << 29, "VSYNC_OEB"),
        ("AS_CTRL", 1, "AS_ENABLE"),
        ("AS_CTRL", 1 << 23, "PS_DISABLE"),
        ("AS_CTRL", 1 << 31, "CSI_VSYNC_ENABLE"),
    ],
)
def test_a_field_that_would_change_the_picture_is_remarked_once_it_is_set(
    register: str, value: int, field: str
) -> None:
    bench = LcdifBench()
    name = register.partition("_TOG")[0].partition("_SET")[0]
    for bits in (0, value, 0, value):
        bench.write(register, bits)
    assert bench.log == [f"lcdif: {name}.{field} is known but not modelled"]


def test_events_are_raised_with_or_without_their_enables() -> None:
    bench = LcdifBench()
    assert bench.events == 0
    bench.start().run(0)
    assert bench.events == VSYNC
    bench.run(ACTIVE)
    assert (bench.events, bench.raised) == (VSYNC | DONE, [])
    bench.write("CTRL1_SET", DONE << 4)
    assert bench.raised == [True]
    bench.write("CTRL1_CLR", DONE)
    assert (bench.events, bench.raised) == (VSYNC, [True, False])
    bench.write("CTRL1_SET", VSYNC << 4)
    bench.write("CTRL1_TOG", VSYNC << 4)
    assert bench.raised == [True, False, True, False]
    bench.run(PERIOD)
    assert bench.raised == [True, False, True, False, True]


@pytest.mark.parametrize("enable", [VSYNC << 4, DONE << 4, UNDERFLOW << 4])
def test_the_line_follows_the_enabled_event_alone(enable: int) -> None:
    bench = LcdifBench()
    bench.write("CTRL1_SET", enable)
    bench.start(END - SIZE // 2, FIRST)
    times: list[int] = []
    for _ in range(20):
        bench.run(BAND // 2)
        if bench.raised == [True] and not times:
            times.append(bench.clock.now)
    first = {VSYNC << 4: BAND // 2, UNDERFLOW << 4: 5 * BAND, DONE << 4: ACTIVE}
    assert times == [first[enable]]


def test_an_aborted_fetch_starves_the_display_until_the_next_frame() -> None:
    bench = LcdifBench()
    bench.write("CTRL1_SET", UNDERFLOW << 4)
    bench.start(END - SIZE // 2, SECOND_BUFFER)
    bench.run(4 * BAND)
    assert (bench.events & UNDERFLOW, bench.raised) == (0, [])
    bench.run(BAND)
    assert (bench.events & UNDERFLOW, bench.raised) == (UNDERFLOW, [True])
    assert bench.read("BM_ERROR_STAT") == END
    bench.run(3 * BAND)
    record = bench.records[0]
    assert (record.digest, record.size, bench.moved) == (None, SIZE // 2, (SIZE // 2, 0))
    reason = f"engine: read of {SIZE // 8} bytes at {END:#x}: nothing answers there at iova {END:#x}"
    assert (record.fault, record.ended) == (reason, ACTIVE)
    assert (bench.events, bench.read("CUR_BUF")) == (VSYNC | DONE | UNDERFLOW, SECOND_BUFFER)
    bench.write("CTRL1_CLR", UNDERFLOW)
    bench.run(PERIOD)
    assert (bench.records[1].digest, bench.records[1].fault) == (bench.digest(SECOND_BUFFER), None)
    assert bench.events & UNDERFLOW == 0


def test_a_frame_that_faults_at_once_is_empty_and_ends_on_time() -> None:
    bench = LcdifBench().start(0x1000, FIRST)
    bench.run(PERIOD + ACTIVE)
    assert [(record.size, record.ended) for record in bench.records] == [(0, ACTIVE), (SIZE, PERIOD + ACTIVE)]
    assert (bench.read("BM_ERROR_STAT"), bench.records[1].complete) == (0x1000, True)


def test_an_address_written_in_mid_frame_does_not_tear_it() -> None:
    bench = LcdifBench().start()
    bench.run(4 * BAND)
    bench.write("CUR_BUF", THIRD)
    bench.run(4 * BAND)
    assert (bench.records[0].iova, bench.records[0].digest) == (FIRST, bench.digest(FIRST))


def test_a_display_without_an_interrupt_line_works() -> None:
    bench = LcdifBench(irqs=0)
    bench.write("CTRL1_SET", ENABLE_ALL)
    bench.start().run(ACTIVE)
    assert bench.events == VSYNC | DONE


CONTROLS = [0x300 | SCANNING, SCANNING, DOTCLK_MODE, MASTER, SFTRST, CLKGATE]
WRITES = st.one_of(
    st.tuples(
        st.sampled_from(["CTRL", "CTRL_CLR", "CTRL_SET"]),
        st.sampled_from(CONTROLS),
    ),
    st.tuples(
        st.just("TRANSFER_COUNT"), st.builds(lambda w, h: h << 16 | w, st.integers(0, 99), st.integers(0, 99))
    ),
    st.tuples(st.sampled_from(["CUR_BUF", "NEXT_BUF"]), st.integers(DRAM - 9, END)),
    st.tuples(st.just("VDCTRL2"), st.integers(0, 99)),
    st.tuples(st.sampled_from([r.name for r in TABLE.registers]), st.integers(0, 2**32 - 1)),
)


@settings(max_examples=150)
@given(st.lists(st.tuples(WRITES, st.integers(0, 40_000)), max_size=30))
def test_no_register_value_breaks_the_display(writes: list[tuple[tuple[str, int], int]]) -> None:
    bench = LcdifBench(**{"assigned-clock-rates": 100 * CLOCK}).start()
    for (name, value), pause in writes:
        bench.write(name, value)
        bench.run(pause)
        for register in TABLE.registers:
            assert 0 <= bench.read(register.name) < 1 << 32
        control = bench.read("CTRL1")
        level = bool(control & control >> 4 & (VSYNC | DONE | UNDERFLOW | OVERFLOW))
        assert (bench.raised[-1] if bench.raised else False) is level
    assert bench.moved[0] >= sum(record.size for record in bench.records)
    assert bench.moved[1] == 0
