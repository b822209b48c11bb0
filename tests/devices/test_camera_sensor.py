"""The sensor's picture: patterns, the number, the marker, and their bytes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.camera.regs import (
    FORMAT_NV12,
    FORMAT_XRGB8888,
    PATTERN_BARS,
    PATTERN_CHECKER,
    PATTERN_GRADIENT,
)
from devices.camera.sensor import Sensor, draw_pattern, to_nv12, to_xrgb8888
from tests.devices.counter_reader import read_counter


def brightness(sensor: Sensor, width: int, height: int) -> np.ndarray:
    """The picture as (lines, pixels), whatever the format."""
    plane = sensor.planes[0]
    return plane if plane.shape[1] == width else plane.reshape(height, width, 4)[..., :3].sum(axis=-1)


def marker(sensor: Sensor, pattern: np.ndarray) -> list[int]:
    """Columns below the digits in which the picture is not the pattern."""
    height, width, _ = pattern.shape
    pixels = sensor.planes[0].reshape(height, width, 4)[..., 2::-1]
    different = (pixels != pattern).any(axis=-1)[height // 2 :]
    return [int(column) for column in np.flatnonzero(different.any(axis=0))]


@pytest.mark.parametrize("pattern", [PATTERN_BARS, PATTERN_GRADIENT, PATTERN_CHECKER, 9])
@pytest.mark.parametrize("code", [FORMAT_XRGB8888, FORMAT_NV12])
@pytest.mark.parametrize("size", [(64, 48), (320, 240), (1280, 720)])
def test_the_number_can_be_read_back(size: tuple[int, int], code: int, pattern: int) -> None:
    width, height = size
    sensor = Sensor(width, height, code, pattern)
    for number in (0, 10, 234567, 890123, 999_999, 1_000_000, 2**32 - 1):
        sensor.expose(number)
        assert read_counter(brightness(sensor, width, height)) == number % 1_000_000


@settings(max_examples=40)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=6), st.booleans())
def test_a_picture_depends_on_its_number_only(numbers: list[int], nv12: bool) -> None:
    code = FORMAT_NV12 if nv12 else FORMAT_XRGB8888
    used = Sensor(64, 48, code, PATTERN_BARS)
    for number in numbers:
        used.expose(number)
    fresh = Sensor(64, 48, code, PATTERN_BARS)
    fresh.expose(numbers[-1])
    assert all(np.array_equal(a, b) for a, b in zip(used.planes, fresh.planes, strict=True))


@pytest.mark.parametrize("size", [(12, 8), (30, 6), (40, 5), (8, 40), (38, 10), (200, 4)])
def test_a_small_picture_depends_on_its_number_only(size: tuple[int, int]) -> None:
    used = Sensor(*size, FORMAT_XRGB8888, PATTERN_BARS)
    for number in (0, 1, 2, 3, 4, 11):
        used.expose(number)
    fresh = Sensor(*size, FORMAT_XRGB8888, PATTERN_BARS)
    fresh.expose(11)
    assert np.array_equal(used.planes[0], fresh.planes[0])


def test_no_two_of_a_thousand_pictures_are_equal() -> None:
    sensor = Sensor(64, 48, FORMAT_XRGB8888, PATTERN_CHECKER)
    seen = set()
    for number in range(1000):
        sensor.expose(number)
        seen.add(sensor.planes[0].tobytes())
    assert len(seen) == 1000


def test_the_marker_moves_two_dots_a_frame_and_leaves_nothing_behind() -> None:
    pattern = draw_pattern(64, 48, PATTERN_BARS)
    sensor = Sensor(64, 48, FORMAT_XRGB8888, PATTERN_BARS)
    for number in range(31):
        sensor.expose(number)
        assert marker(sensor, pattern) == [2 * number, 2 * number + 1]
    sensor.expose(31)
    assert marker(sensor, pattern) == [0, 1]


def test_only_digits_and_marker_differ_from_the_pattern() -> None:
    pattern = draw_pattern(320, 240, PATTERN_GRADIENT)
    sensor = Sensor(320, 240, FORMAT_XRGB8888, PATTERN_GRADIENT)
    sensor.expose(7)
    pixels = sensor.planes[0].reshape(240, 320, 4)
    different = (pixels[..., 2::-1] != pattern).any(axis=-1)
    scale = 7
    different[2 * scale : 10 * scale, 2 * scale : 38 * scale] = False
    different[240 - 4 * scale : 240 - 2 * scale, 7 * 2 * scale : 8 * 2 * scale] = False
    assert not different.any()
    assert (pixels[..., 3] == 255).all()


@pytest.mark.parametrize("height", [2, 64, 66, 200])
@pytest.mark.parametrize("pattern", [PATTERN_GRADIENT, PATTERN_CHECKER])
def test_a_picture_made_in_slices_is_the_whole_picture(height: int, pattern: int) -> None:
    whole = draw_pattern(48, height, pattern)
    luma, chroma = Sensor(48, height, FORMAT_NV12, pattern).planes
    assert np.array_equal(luma, to_nv12(whole)[0])
    assert np.array_equal(chroma, to_nv12(whole)[1])
    assert np.array_equal(Sensor(48, height, FORMAT_XRGB8888, pattern).planes[0], to_xrgb8888(whole))


@pytest.mark.parametrize("code", [FORMAT_XRGB8888, FORMAT_NV12])
def test_a_large_picture_takes_little_more_memory_than_its_bytes(code: int) -> None:
    tracemalloc.start()
    sensor = Sensor(2048, 4096, code, PATTERN_CHECKER)
    sensor.expose(0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < sum(plane.nbytes for plane in sensor.planes) + 12_000_000


def test_patterns() -> None:
    gradient = draw_pattern(256, 256, PATTERN_GRADIENT)
    assert gradient[10, 200].tolist() == [200, 10, 128]
    checker = draw_pattern(96, 64, PATTERN_CHECKER)
    assert [checker[y, x].tolist() for y, x in ((0, 0), (0, 32), (32, 32), (40, 64))] == [
        [0, 0, 0],
        [255, 255, 255],
        [0, 0, 0],
        [255, 255, 255],
    ]
    assert not draw_pattern(8, 8, 7).any()
    assert draw_pattern(1, 1, PATTERN_GRADIENT).tolist() == [[[0, 0, 128]]]


def test_xrgb8888_is_blue_green_red_and_ones_in_memory() -> None:
    rgb = np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8)
    assert to_xrgb8888(rgb).tolist() == [[3, 2, 1, 255, 6, 5, 4, 255]]


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (82, 90, 240)),
        ((0, 255, 0), (145, 54, 34)),
        ((0, 0, 255), (41, 240, 110)),
    ],
)
def test_nv12_of_the_pure_colours_is_bt601(
    colour: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    """Values from the BT.601 equations in limited range, to one step."""
    luma, chroma = to_nv12(np.full((2, 2, 3), colour, dtype=np.uint8))
    assert luma.shape == (2, 2) and chroma.shape == (1, 2)
    got = (int(luma[1, 1]), int(chroma[0, 0]), int(chroma[0, 1]))
    assert all(abs(a - b) <= 1 for a, b in zip(got, expected, strict=True)), got
