"""The LCDIF as software on the bus sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.lcdif.hardware import Lcdif
from devices.lcdif.regs import TABLE, WORD_LENGTH_16, WORD_LENGTH_24
from soc.address import Iova
from soc.clock import SECOND
from tests.devices.engine_bench import DRAM, END, EngineBench

RUN, CLKGATE, SFTRST = 1 << 0, 1 << 30, 1 << 31
VSYNC, DONE, UNDERFLOW, OVERFLOW = 1 << 8, 1 << 9, 1 << 10, 1 << 11
ENABLE_ALL = 0xF000
RESET_CTRL1 = 0x000F0000

WIDTH, HEIGHT = 64, 48
SIZE = 4 * WIDTH * HEIGHT
LINE_CLOCKS, FRAME_LINES = 100, 60
CLOCK = 10_000_000
PERIOD = FRAME_LINES * LINE_CLOCKS * SECOND // CLOCK
BAND = HEIGHT * LINE_CLOCKS * SECOND // CLOCK // 8
ACTIVE = 8 * BAND
"""Nanoseconds of a frame, of one of the eight bands of its active part, and of all of them."""

FIRST, SECOND_BUFFER, THIRD = DRAM, DRAM + 0x1_0000, DRAM + 0x2_0000


class LcdifBench(EngineBench):
    """A display of 64x48 XRGB8888 pixels out of reset, three different buffers in memory."""

    def __init__(self, irqs: int = 1, **properties: int) -> None:
        super().__init__(Lcdif, irqs, **({"assigned-clock-rates": CLOCK} | properties))
        for seed, address in enumerate((FIRST, SECOND_BUFFER, THIRD)):
            self.fill(address, np.random.default_rng(seed).bytes(SIZE))
        self.write("CTRL_CLR", SFTRST)
        self.write("CTRL_CLR", CLKGATE)
        self.write("CTRL_SET", WORD_LENGTH_24 << 8)
        self.write("TRANSFER_COUNT", HEIGHT << 16 | WIDTH)
        self.write("VDCTRL1", FRAME_LINES)
        self.write("VDCTRL2", LINE_CLOCKS)

    def start(self, current: int = FIRST, following: int = FIRST) -> LcdifBench:
        self.write("CUR_BUF", current)
        self.write("NEXT_BUF", following)
        self.write("CTRL_SET", RUN)
        return self

    @property
    def records(self) -> list[Any]:
        return list(self.engine.frames.records)

    @property
    def events(self) -> int:
        return self.read("CTRL1") & 0xF00

    def digest(self, address: int) -> str:
        return xxhash.xxh3_128(self.memory(address, SIZE).tobytes()).hexdigest()


def test_reset_values_are_the_manuals() -> None:
    bench = EngineBench(Lcdif)
    names = ("CTRL", "CTRL1", "CTRL2", "TRANSFER_COUNT", "CUR_BUF", "NEXT_BUF", "VERSION", "STAT")
    values = (0xC0000000, RESET_CTRL1, 0x00200000, 0x00010000, 0, 0, 0x04010000, 0x95000000)
    assert tuple(bench.read(name) for name in names) == values


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
    assert bench.log == []


def test_a_frame_is_fetched_in_eight_bands_over_its_active_part() -> None:
    bench = LcdifBench().start()
    bench.run(BAND - 1)
    assert bench.moved == (0, 0)
    for band in range(1, 9):
        bench.run(1)
        assert bench.moved == (band * SIZE // 8, 0)
        bench.run(BAND - 1)
    record = bench.records[0]
    assert (record.started, record.ended, record.size) == (0, ACTIVE, SIZE)
    assert (record.iova, record.digest) == (FIRST, bench.digest(FIRST))


def test_lines_that_do_not_divide_by_eight_are_all_fetched() -> None:
    bench = LcdifBench()
    bench.write("TRANSFER_COUNT", 45 << 16 | WIDTH)
    bench.start().run(PERIOD)
    assert bench.records[0].size == 4 * WIDTH * 45
    tiny = LcdifBench()
    tiny.write("TRANSFER_COUNT", 3 << 16 | 5)
    tiny.start().run(PERIOD - 1)
    assert (tiny.records[0].size, tiny.moved) == (60, (60, 0))


def test_what_is_written_behind_the_beam_is_not_shown() -> None:
    bench = LcdifBench().start()
    before = bench.digest(FIRST)
    bench.run(4 * BAND)
    bench.memory(FIRST, SIZE // 2)[:] = 0
    bench.run(4 * BAND)
    assert bench.records[0].digest == before != bench.digest(FIRST)


def test_the_frame_period_is_that_of_the_pixel_clock() -> None:
    bench = LcdifBench().start()
    bench.run(3 * PERIOD)
    assert [record.started for record in bench.records] == [0, PERIOD, 2 * PERIOD]
    fast = LcdifBench(**{"assigned-clock-rates": 4 * CLOCK}).start()
    fast.run(PERIOD)
    assert [record.started for record in fast.records] == [n * PERIOD // 4 for n in range(4)]


@pytest.mark.parametrize("properties", [{"assigned-clock-rates": 0}, {"assigned-clock-rates": 148_500_000}])
def test_without_a_rate_the_pixel_clock_is_that_of_1080p60(properties: dict[str, int]) -> None:
    bench = LcdifBench(**properties)
    bench.write("TRANSFER_COUNT", 1 << 16 | 1)
    bench.write("VDCTRL1", 1125)
    bench.write("VDCTRL2", 2200)
    bench.start().run(2 * SECOND // 60)
    assert [record.started for record in bench.records] == [0, SECOND // 60]


def test_a_frame_is_never_shorter_than_100_microseconds_or_than_its_lines() -> None:
    bench = LcdifBench()
    bench.write("VDCTRL2", 0)
    bench.start().run(250_000)
    assert [record.started for record in bench.records] == [0, 100_000, 200_000]
    odd = LcdifBench()
    odd.write("VDCTRL1", 1)
    odd.start().run(2 * ACTIVE)
    assert [record.started for record in odd.records] == [0, ACTIVE]


def test_next_buf_becomes_cur_buf_exactly_when_the_last_line_is_out() -> None:
    bench = LcdifBench().start(FIRST, SECOND_BUFFER)
    bench.run(ACTIVE - 1)
    assert bench.read("CUR_BUF") == FIRST
    bench.run(1)
    assert (bench.read("CUR_BUF"), bench.events & DONE) == (SECOND_BUFFER, DONE)
    bench.write("NEXT_BUF", THIRD)
    bench.run(PERIOD - 1)
    assert bench.read("CUR_BUF") == SECOND_BUFFER
    bench.run(1)
    assert bench.read("CUR_BUF") == THIRD
    bench.run(PERIOD)
    assert [record.iova for record in bench.records] == [FIRST, SECOND_BUFFER, THIRD]
    digests = [bench.digest(address) for address in (FIRST, SECOND_BUFFER, THIRD)]
    assert [record.digest for record in bench.records] == digests


def test_a_mode_written_in_mid_frame_counts_from_the_next_frame() -> None:
    bench = LcdifBench().start()
    bench.run(BAND)
    bench.write("TRANSFER_COUNT", 8 << 16 | 8)
    bench.run(2 * PERIOD)
    assert [record.size for record in bench.records[:2]] == [SIZE, 4 * 8 * 8]
    assert bench.records[1].started == PERIOD


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
    times = []
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


def test_clearing_run_stops_in_mid_frame() -> None:
    bench = LcdifBench().start()
    bench.run(3 * BAND)
    bench.write("CTRL_CLR", RUN)
    bench.run(3 * PERIOD)
    assert [(record.fault, record.size, record.ended) for record in bench.records] == [
        ("stopped", 3 * SIZE // 8, 3 * BAND)
    ]
    assert bench.events == VSYNC
    bench.write("CTRL_SET", RUN)
    bench.run(ACTIVE)
    assert (bench.records[1].started, bench.records[1].complete) == (3 * BAND + 3 * PERIOD, True)


def test_stopping_in_the_blanking_leaves_whole_frames_only() -> None:
    bench = LcdifBench().start()
    bench.run(ACTIVE + 1)
    bench.write("CTRL_CLR", RUN)
    bench.run(3 * PERIOD)
    assert [record.complete for record in bench.records] == [True]


def test_soft_reset_stops_the_frame_and_gates_the_clock() -> None:
    bench = LcdifBench().start()
    bench.run(BAND)
    bench.write("CTRL_SET", SFTRST)
    assert bench.read("CTRL") & (RUN | CLKGATE | SFTRST) == CLKGATE | SFTRST
    bench.run(PERIOD)
    assert [record.fault for record in bench.records] == ["stopped"]
    bench.write("CTRL_SET", RUN)
    bench.run(PERIOD)
    assert len(bench.records) == 1
    bench.write("CTRL_CLR", SFTRST)
    bench.run(PERIOD)
    assert len(bench.records) == 1
    bench.write("CTRL_CLR", CLKGATE)
    bench.write("CTRL_SET", RUN)
    bench.run(PERIOD)
    assert bench.records[1].complete


def test_setting_run_twice_does_not_scan_twice() -> None:
    bench = LcdifBench().start()
    bench.write("CTRL_SET", RUN)
    bench.run(PERIOD - 1)
    assert (bench.moved, len(bench.records)) == ((SIZE, 0), 1)


def test_a_display_without_an_interrupt_line_works() -> None:
    bench = LcdifBench(irqs=0)
    bench.write("CTRL1_SET", ENABLE_ALL)
    bench.start().run(ACTIVE)
    assert bench.events == VSYNC | DONE


@pytest.mark.parametrize(("length", "depth"), [(WORD_LENGTH_16, 2), (1, 0), (2, 0), (WORD_LENGTH_24, 4)])
def test_bytes_a_pixel_come_from_the_word_length(length: int, depth: int) -> None:
    bench = LcdifBench()
    bench.write("CTRL", length << 8)
    bench.start().run(PERIOD - 1)
    assert bench.moved == (WIDTH * HEIGHT * depth, 0)


def test_an_xrgb8888_picture() -> None:
    bench = LcdifBench()
    bench.write("TRANSFER_COUNT", 2 << 16 | 2)
    pixels = [0x00FF0000, 0xFF00FF00, 0x120000FF, 0x00123456]
    bench.fill(FIRST, np.array(pixels, dtype="<u4").tobytes())
    picture = bench.engine.picture(Iova(FIRST))
    assert picture.tolist() == [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0x12, 0x34, 0x56]]]
    assert picture.dtype == np.uint8
    bench.fill(FIRST, bytes(16))
    assert picture[0, 0].tolist() == [255, 0, 0]
    assert bench.moved == (0, 0)


def test_an_rgb565_picture() -> None:
    bench = LcdifBench()
    bench.write("CTRL", WORD_LENGTH_16 << 8)
    bench.write("TRANSFER_COUNT", 2 << 16 | 3)
    pixels = [0xF800, 0x07E0, 0x001F, 0xFFFF, 0x0000, 16 << 11 | 32 << 5 | 8]
    bench.fill(FIRST + 1, np.array(pixels, dtype="<u2").tobytes())
    assert bench.engine.picture(Iova(FIRST + 1)).tolist() == [
        [[255, 0, 0], [0, 255, 0], [0, 0, 255]],
        [[255, 255, 255], [0, 0, 0], [131, 129, 65]],
    ]


@pytest.mark.parametrize(("register", "value"), [("TRANSFER_COUNT", 0), ("CTRL", 1 << 8)])
def test_no_picture_without_a_mode(register: str, value: int) -> None:
    bench = LcdifBench()
    bench.write(register, value)
    assert bench.engine.picture(Iova(FIRST)) is None


def test_no_picture_where_there_is_no_memory() -> None:
    assert LcdifBench().engine.picture(Iova(END - SIZE + 1)) is None


WRITES = st.one_of(
    st.tuples(
        st.sampled_from(["CTRL", "CTRL_CLR", "CTRL_SET"]), st.sampled_from([0x301, 0x1, SFTRST, CLKGATE])
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
