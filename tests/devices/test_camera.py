"""The camera's pictures in memory, and when they get there."""

from __future__ import annotations

import numpy as np
import pytest

from devices.camera.hardware import Camera
from devices.camera.regs import FORMAT_NV12, FORMAT_XRGB8888, PATTERN_GRADIENT
from tests.devices.camera_bench import (
    BAND,
    DONE,
    ENABLE,
    HEIGHT,
    PERIOD,
    READOUT,
    WIDTH,
    CameraBench,
    rgb,
)
from tests.devices.counter_reader import read_counter
from tests.devices.engine_bench import DRAM, FILL, EngineBench

LUMA = np.array([66, 129, 25]) / 256


def test_reset_values() -> None:
    bench = EngineBench(Camera)
    names = ("ID", "CTRL", "STATUS", "IRQ_STATUS", "IRQ_ENABLE", "SIZE", "FRAME_PERIOD", "FRAME_COUNT")
    assert [bench.read(name) for name in names] == [0x43414D31, 0, 0, 0, 0, 0, PERIOD, 0]


def test_xrgb_frames_carry_their_number() -> None:
    bench = CameraBench()
    size = 4 * WIDTH * HEIGHT
    for index in range(3):
        bench.queue(DRAM + index * size)
    bench.write("CTRL", ENABLE)
    bench.run(3 * PERIOD)
    for index in range(3):
        memory = bench.memory(DRAM + index * size, size)
        assert read_counter(rgb(memory).sum(axis=-1)) == index
        assert (memory.reshape(-1, 4)[:, 3] == 255).all()
    assert (bench.memory(DRAM + 3 * size, size) == FILL).all()
    assert bench.moved == (0, 3 * size)
    assert (bench.read("FRAME_COUNT"), bench.read("DONE_ADDR")) == (3, DRAM + 2 * size)


def test_bars_have_the_colours_of_the_pattern() -> None:
    bench = CameraBench()
    bench.queue(DRAM)
    bench.write("CTRL", ENABLE)
    bench.run(PERIOD)
    line = rgb(bench.memory(DRAM, 4 * WIDTH * HEIGHT))[30]
    colours = [tuple(int(v) for v in line[x]) for x in (0, 10, 19, 28, 37, 46, 63)]
    white, yellow, cyan, green = (235, 235, 235), (235, 235, 16), (16, 235, 235), (16, 235, 16)
    magenta, red, blue = (235, 16, 235), (235, 16, 16), (16, 16, 235)
    assert colours == [white, yellow, cyan, green, magenta, red, blue]


def test_padding_between_xrgb_lines_is_not_touched() -> None:
    plain, padded = CameraBench(), CameraBench(stride=4 * WIDTH + 20)
    for bench in (plain, padded):
        bench.queue(DRAM + 8)
        bench.write("CTRL", ENABLE)
        bench.run(PERIOD)
    lines = padded.memory(DRAM + 8, (4 * WIDTH + 20) * HEIGHT).reshape(HEIGHT, -1)
    assert np.array_equal(lines[:, : 4 * WIDTH].reshape(-1), plain.memory(DRAM + 8, 4 * WIDTH * HEIGHT))
    assert (lines[:, 4 * WIDTH :] == FILL).all()
    assert (padded.memory(DRAM, 8) == FILL).all()
    assert padded.moved == plain.moved == (0, 4 * WIDTH * HEIGHT)
    assert padded.engine.frames.records[0].digest == plain.engine.frames.records[0].digest


def test_nv12_is_luma_then_chroma_of_half_the_lines() -> None:
    bench = CameraBench(FORMAT_NV12)
    bench.write("PATTERN", PATTERN_GRADIENT)
    bench.queue(DRAM, DRAM + 0x4000)
    bench.write("CTRL", ENABLE)
    bench.run(PERIOD)
    luma = bench.memory(DRAM, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
    chroma = bench.memory(DRAM + 0x4000, WIDTH * HEIGHT // 2).reshape(HEIGHT // 2, WIDTH // 2, 2)
    assert read_counter(luma) == 0
    for x, y in ((20, 20), (40, 30), (62, 38)):
        red, green, blue = x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), 128
        assert abs(luma[y, x] - (16 + LUMA @ (red, green, blue))) <= 1
        assert abs(chroma[y // 2, x // 2, 0] - (128 + (-38 * red - 74 * green + 112 * blue) / 256)) <= 1
        assert abs(chroma[y // 2, x // 2, 1] - (128 + (112 * red - 94 * green - 18 * blue) / 256)) <= 1
    assert (bench.memory(DRAM + WIDTH * HEIGHT, 0x4000 - WIDTH * HEIGHT) == FILL).all()
    assert bench.moved == (0, WIDTH * HEIGHT * 3 // 2)


def test_padding_of_both_nv12_planes_is_not_touched() -> None:
    bench = CameraBench(FORMAT_NV12, stride=WIDTH + 32)
    bench.queue(DRAM, DRAM + 0x4000)
    bench.write("CTRL", ENABLE)
    bench.run(2 * PERIOD)
    for address, lines in ((DRAM, HEIGHT), (DRAM + 0x4000, HEIGHT // 2)):
        rows = bench.memory(address, (WIDTH + 32) * lines).reshape(lines, -1)
        assert (rows[:, WIDTH:] == FILL).all()
        assert (rows[:, :WIDTH] != FILL).any(axis=1).all()
    assert bench.moved == (0, WIDTH * HEIGHT * 3 // 2)


def test_frames_start_a_period_apart_and_end_after_15_16ths() -> None:
    bench = CameraBench()
    for _ in range(3):
        bench.queue(DRAM)
    bench.run(1000)
    bench.write("CTRL", ENABLE)
    bench.run(3 * PERIOD)
    times = [(record.started, record.ended) for record in bench.engine.frames.records]
    assert times == [(1000 + n * PERIOD, 1000 + n * PERIOD + READOUT) for n in range(3)]


def test_a_period_is_never_shorter_than_100_microseconds() -> None:
    bench = CameraBench()
    bench.write("FRAME_PERIOD", 1)
    bench.queue(DRAM)
    bench.queue(DRAM)
    bench.write("CTRL", ENABLE)
    bench.run(200_000)
    assert [record.started for record in bench.engine.frames.records] == [0, 100_000]


def test_bands_reach_memory_while_the_sensor_reads_out() -> None:
    bench = CameraBench()
    bench.queue(DRAM)
    bench.write("CTRL", ENABLE)
    bench.run(BAND - 1)
    assert (bench.read("STATUS"), bench.moved) == (1, (0, 0))
    bench.run(1)
    band = 4 * WIDTH * HEIGHT // 8
    assert bench.moved == (0, band)
    bench.run(2 * BAND)
    assert bench.moved == (0, 3 * band)
    assert (bench.memory(DRAM + 3 * band, band) == FILL).all()
    assert bench.read("IRQ_STATUS") == 0
    bench.run(5 * BAND)
    assert (bench.read("STATUS"), bench.read("IRQ_STATUS")) == (0, DONE)


def test_settings_written_in_mid_frame_count_from_the_next_frame() -> None:
    bench = CameraBench()
    bench.queue(DRAM)
    bench.queue(DRAM + 0x8000)
    bench.write("CTRL", ENABLE)
    bench.run(BAND)
    bench.write("SIZE", 8 << 16 | 8)
    bench.write("STRIDE", 32)
    bench.write("FRAME_PERIOD", PERIOD // 2)
    bench.run(2 * PERIOD)
    first, second = bench.engine.frames.records
    assert (first.size, first.ended) == (4 * WIDTH * HEIGHT, READOUT)
    assert (second.size, second.started) == (4 * 8 * 8, PERIOD)
    assert second.ended == PERIOD + PERIOD // 2 * 15 // 16 // 8 * 8
    assert read_counter(rgb(bench.memory(DRAM, 4 * WIDTH * HEIGHT)).sum(axis=-1)) == 0


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (16, 16), (40, 9), (2, 64)])
@pytest.mark.parametrize("code", [FORMAT_XRGB8888, FORMAT_NV12])
def test_pictures_too_small_for_the_number_are_made_all_the_same(size: tuple[int, int], code: int) -> None:
    width, height = size if code == FORMAT_XRGB8888 else tuple(side + side % 2 for side in size)
    bench = CameraBench(code, stride=4 * width)
    bench.write("SIZE", height << 16 | width)
    for _ in range(3):
        bench.queue(DRAM, DRAM + 0x8000)
    bench.write("CTRL", ENABLE)
    bench.run(3 * PERIOD)
    whole = 4 * width * height if code == FORMAT_XRGB8888 else width * height * 3 // 2
    assert bench.moved == (0, 3 * whole)
