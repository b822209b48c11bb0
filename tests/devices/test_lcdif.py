"""What the LCDIF fetches and when, and the picture it makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from devices.lcdif.hardware import Lcdif
from devices.lcdif.regs import WORD_LENGTH_16, WORD_LENGTH_24
from soc.address import Iova
from soc.clock import SECOND
from tests.devices.engine_bench import END, EngineBench
from tests.devices.lcdif_bench import (
    ACTIVE,
    BAND,
    CLOCK,
    DONE,
    FIRST,
    HEIGHT,
    PERIOD,
    RESET_CTRL1,
    SECOND_BUFFER,
    SIZE,
    THIRD,
    WIDTH,
    LcdifBench,
)


def test_reset_values_are_the_manuals() -> None:
    bench = EngineBench(Lcdif)
    names = ("CTRL", "CTRL1", "CTRL2", "TRANSFER_COUNT", "CUR_BUF", "NEXT_BUF", "VERSION", "STAT")
    values = (0xC0000000, RESET_CTRL1, 0x00200000, 0x00010000, 0, 0, 0x04010000, 0x95000000)
    assert tuple(bench.read(name) for name in names) == values


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
