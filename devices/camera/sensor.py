"""The picture the camera's sensor sees: a test pattern with a number burnt in.

The pattern is drawn once; each frame only redraws the digits and a small
marker that moves, so a frame costs next to nothing before it is transferred.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from devices.camera.regs import FORMAT_NV12, PATTERN_BARS, PATTERN_CHECKER, PATTERN_GRADIENT
from soc.memory.span import Bytes

Rgb = NDArray[np.uint8]

BARS = (
    (235, 235, 235),
    (235, 235, 16),
    (16, 235, 235),
    (16, 235, 16),
    (235, 16, 235),
    (235, 16, 16),
    (16, 16, 235),
)
GLYPHS = (
    "0e11131519110e",
    "040c040404040e",
    "0e11010204081f",
    "1f02040201110e",
    "02060a121f0202",
    "1f101e0101110e",
    "0608101e11110e",
    "1f010204080808",
    "0e11110e11110e",
    "0e11110f01020c",
)
CELL_ROWS, CELL_COLUMNS = 8, 6
DIGITS = 6
DIGITS_NEED = (2 + DIGITS * CELL_COLUMNS, 2 + CELL_ROWS)
"""Pixels, across and down, that the smallest digits take."""

NUMBER_BYTES = 3
"""A picture without room for digits carries its number in its first bytes."""
SLICE = 64
"""Lines drawn and converted at a time; the arithmetic takes many times the bytes of the result."""
MARKER_NEEDS = CELL_ROWS + 6
"""Lines of dots a picture must have for the marker to stay clear of the digits."""


def digit_mask(digit: int, scale: int) -> NDArray[np.bool_]:
    """A digit of 5x7 dots with a blank row and column, `scale` pixels a dot: shape (8 * scale, 6 * scale)."""
    rows = [*bytes.fromhex(GLYPHS[digit]), 0]
    dots = [
        [bool(row << 1 >> (CELL_COLUMNS - 1 - column) & 1) for column in range(CELL_COLUMNS)] for row in rows
    ]
    return np.array(dots).repeat(scale, axis=0).repeat(scale, axis=1)


def draw_pattern(width: int, height: int, pattern: int, lines: slice = slice(None)) -> Rgb:
    """These lines of the still picture, shape (lines, width, 3). An unknown pattern is black."""
    x = np.arange(width)
    y = np.arange(height)[lines, None]
    out = np.zeros((len(y), width, 3), dtype=np.uint8)
    if pattern == PATTERN_BARS:
        out[:] = np.array(BARS, dtype=np.uint8)[x * len(BARS) // max(width, 1)]
    elif pattern == PATTERN_GRADIENT:
        out[..., 0] = x * 255 // max(width - 1, 1)
        out[..., 1] = y * 255 // max(height - 1, 1)
        out[..., 2] = 128
    elif pattern == PATTERN_CHECKER:
        out[:] = (((x // 32 + y // 32) & 1) * 255)[..., None]
    return out


def to_xrgb8888(rgb: Rgb) -> Bytes:
    """Bytes B, G, R, 0xFF: shape (height, 4 * width)."""
    height, width, _ = rgb.shape
    out = np.full((height, width, 4), 255, dtype=np.uint8)
    out[..., :3] = rgb[..., ::-1]
    return out.reshape(height, 4 * width)


def to_nv12(rgb: Rgb) -> tuple[Bytes, Bytes]:
    """BT.601 limited range: Y of shape (height, width), CbCr of shape (height / 2, width)."""
    r, g, b = (rgb[..., channel].astype(np.int32) for channel in range(3))
    luma = ((66 * r + 129 * g + 25 * b + 128) >> 8) + 16
    small = [channel[0::2, 0::2] for channel in (r, g, b)]
    cb = ((-38 * small[0] - 74 * small[1] + 112 * small[2] + 128) >> 8) + 128
    cr = ((112 * small[0] - 94 * small[1] - 18 * small[2] + 128) >> 8) + 128
    chroma = np.stack([cb, cr], axis=-1).reshape(cb.shape[0], -1)
    return luma.astype(np.uint8), chroma.astype(np.uint8)


class Sensor:
    """Frames of one geometry. `planes` are the bytes to transfer, shape (lines, bytes) each.

    A picture is a function of its number alone; a small one shows only a part of it.
    """

    def __init__(self, width: int, height: int, code: int, pattern: int) -> None:
        self._code = code
        self._size = (width, height)
        self.planes = self._blank()
        for first in range(0, height, SLICE):
            lines = draw_pattern(width, height, pattern, slice(first, first + SLICE))
            self._put(self._convert(lines), first, 0)
        wanted = min(width // (CELL_COLUMNS * (DIGITS + 1)), height // (CELL_ROWS * 3), 8)
        self._scale = max(1, wanted)
        self._digits = [self._patch(digit_mask(digit, self._scale)) for digit in range(10)]
        self._marker = self._patch(np.ones((2 * self._scale, 2 * self._scale), dtype=np.bool_))
        self._shown = [-1] * DIGITS
        self._marker_top = height - 4 * self._scale
        self._marker_left = 0
        self._still = self._under_marker()

    def expose(self, number: int) -> None:
        """Make `planes` show frame `number`: its last six digits, and the marker in its place."""
        scale = self._scale
        for place, character in enumerate(f"{number % 10**DIGITS:0{DIGITS}d}"):
            if self._shown[place] != int(character):
                self._shown[place] = int(character)
                self._put(self._digits[int(character)], 2 * scale, 2 * scale + place * CELL_COLUMNS * scale)
        width, height = self._size
        if width < DIGITS_NEED[0] or height < DIGITS_NEED[1]:
            row = self.planes[0][0]
            count = min(NUMBER_BYTES, len(row))
            row[:count] = np.frombuffer(number.to_bytes(4, "little")[:count], dtype=np.uint8)
        if height < MARKER_NEEDS * scale:
            return
        self._put(self._still, self._marker_top, self._marker_left)
        self._marker_left = number * 2 * scale % max(width - 2 * scale, 1) & ~1
        self._still = self._under_marker()
        self._put(self._marker, self._marker_top, self._marker_left)

    def _patch(self, mask: NDArray[np.bool_]) -> tuple[Bytes, ...]:
        """White dots on black as pieces of the planes."""
        return self._convert((mask[..., None] * np.uint8(255)).repeat(3, axis=-1))

    def _put(self, patch: tuple[Bytes, ...], top: int, left: int) -> None:
        """Lay `patch` over the planes at even `top`, `left`; what lies outside is cut off."""
        for plane, piece, (row, column) in zip(self.planes, patch, self._origins(top, left), strict=True):
            area = plane[row : row + piece.shape[0], column : column + piece.shape[1]]
            area[:] = piece[: area.shape[0], : area.shape[1]]

    def _under_marker(self) -> tuple[Bytes, ...]:
        """A copy of the planes where the marker is about to be put."""
        origins = self._origins(self._marker_top, self._marker_left)
        return tuple(
            plane[row : row + piece.shape[0], column : column + piece.shape[1]].copy()
            for plane, piece, (row, column) in zip(self.planes, self._marker, origins, strict=True)
        )

    def _origins(self, top: int, left: int) -> list[tuple[int, int]]:
        """Row and byte column of an even pixel in each plane; a picture too small has all at 0."""
        top, left = max(top, 0) & ~1, max(left, 0)
        if self._code == FORMAT_NV12:
            return [(top, left), (top // 2, left)]
        return [(top, 4 * left)]

    def _blank(self) -> tuple[Bytes, ...]:
        width, height = self._size
        shapes = (
            [(height, width), (height // 2, width)] if self._code == FORMAT_NV12 else [(height, 4 * width)]
        )
        return tuple(np.empty(shape, dtype=np.uint8) for shape in shapes)

    def _convert(self, rgb: Rgb) -> tuple[Bytes, ...]:
        return to_nv12(rgb) if self._code == FORMAT_NV12 else (to_xrgb8888(rgb),)
