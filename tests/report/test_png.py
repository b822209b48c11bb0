from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from soc.report.png import write_png


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def decoded(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (48, 64), (7, 333)])
def test_bytes_decode_back_equal(height: int, width: int, tmp_path: Path) -> None:
    picture = noise(height, width)
    write_png(picture, tmp_path / "first.png")
    np.testing.assert_array_equal(decoded(tmp_path / "first.png"), picture)


def test_a_strided_view_of_xrgb_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(8).integers(0, 256, (9, 11, 4), dtype=np.uint8)
    picture = pixels[::2, :, 2::-1]
    write_png(picture, tmp_path / "first.png")
    np.testing.assert_array_equal(decoded(tmp_path / "first.png"), picture)


def test_red_comes_first(tmp_path: Path) -> None:
    write_png(np.array([[[255, 0, 0]]], dtype=np.uint8), tmp_path / "red.png")
    with Image.open(tmp_path / "red.png") as image:
        assert image.getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("picture", "given"),
    [
        (np.zeros((4, 4), np.uint8), r"uint8 \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"uint8 \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"uint8 \(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.float64), r"float64 \(4, 4, 3\)"),
    ],
)
def test_what_is_no_picture(picture: NDArray[np.uint8], given: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=rf"^picture must be uint8 of shape \(height, width, 3\), not {given}$"
    ):
        write_png(picture, tmp_path / "first.png")
    assert not list(tmp_path.iterdir())
