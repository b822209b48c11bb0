"""The picture the camera's sensor sees: a test pattern with a number burnt in.

The pattern is drawn once; each frame only redraws the digits and a small
marker that moves, so a frame costs next to nothing before it is transferred.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from devices.camera.regs import FORMAT_NV12, PATTERN_BARS, PATTERN_CHECKER, PATTERN_GRADIENT
from soc.memory.dram import Bytes

Rgb = NDArray[np.uint8]

BARS = ((235, 235, 235), (235, 235, 16), (16, 235, 235), (16, 235, 16), (235, 16, 235), (235, 16, 16), (16, 16, 235))
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
GLYPH_ROWS, GLYPH_COLUMNS = 7, 5
DIGITS = 6


def _glyph(digit: int) -> NDArray[np.bool_]:
    """The 5x7 shape of a digit, shape (7, 6) with a blank column."""
    rows = bytes.fromhex(GLYPHS[digit])
    bits = [[bool(row >> (GLYPH_COLUMNS - 1 - column) & 1) for column in range(GLYPH_COLUMNS)] for row in rows]
    return np.array([[*row, False] for row in bits])


def number_mask(number: int, scale: int) -> NDArray[np.bool_]:
    """The last six digits of `number`, each pixel `scale` pixels wide and high."""
    digits = f"{number % 10**DIGITS:0{DIGITS}d}"
    mask = np.hstack([_glyph(int(digit)) for digit in digits])
    return mask.repeat(scale, axis=0).repeat(scale, axis=1)


def draw_pattern(width: int, height: int, pattern: int) -> Rgb:
    """The still picture, shape (height, width, 3). An unknown pattern is black."""
    x = np.arange(width)
    y = np.arange(height)[:, None]
    out = np.zeros((height, width, 3), dtype=np.uint8)
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
    """Frames of one geometry. `planes` are the bytes to transfer, shape (lines, bytes) each."""

    def __init__(self, width: int, height: int, code: int, pattern: int) -> None:
        self._code = code
        self._picture = draw_pattern(width, height, pattern)
        self.planes: tuple[Bytes, ...] = self._convert(self._picture)
        self._still = tuple(plane.copy() for plane in self.planes)
        self._scale = max(1, min(width // (GLYPH_COLUMNS * DIGITS * 4), height // (GLYPH_ROWS * 4), 8))
        self._dirty: list[tuple[slice, slice]] = []

    def expose(self, number: int) -> None:
        """Make `planes` show frame `number`."""
        for where in self._dirty:
            self._restore(where)
        self._dirty.clear()
        mask = number_mask(number, self._scale)
        self._stamp(2 * self._scale, 2 * self._scale, mask)
        height, width, _ = self._picture.shape
        side = 2 * self._scale
        travel = max(width - side, 1)
        self._stamp(height - 2 * side, (number * side) % travel, np.ones((side, side), dtype=np.bool_))

    def _stamp(self, top: int, left: int, mask: NDArray[np.bool_]) -> None:
        """White where `mask` is set, black around it, snapped to even pixels."""
        height, width, _ = self._picture.shape
        top, left = max(top, 0) & ~1, max(left, 0) & ~1
        bottom, right = min(top + mask.shape[0] + 1, height) & ~1, min(left + mask.shape[1] + 1, width) & ~1
        if bottom <= top or right <= left:
            return
        box = np.zeros((bottom - top, right - left, 3), dtype=np.uint8)
        cut = mask[: bottom - top, : right - left]
        box[: cut.shape[0], : cut.shape[1]][cut] = 255
        where = (slice(top, bottom), slice(left, right))
        for plane, patch, area in zip(self.planes, self._convert(box), self._areas(where), strict=True):
            plane[area] = patch
        self._dirty.append(where)

    def _restore(self, where: tuple[slice, slice]) -> None:
        for plane, still, area in zip(self.planes, self._still, self._areas(where), strict=True):
            plane[area] = still[area]

    def _areas(self, where: tuple[slice, slice]) -> list[tuple[slice, slice]]:
        """The pixel area as byte areas of each plane."""
        rows, columns = where
        if self._code == FORMAT_NV12:
            return [where, (slice(rows.start // 2, rows.stop // 2), columns)]
        return [(rows, slice(4 * columns.start, 4 * columns.stop))]

    def _convert(self, rgb: Rgb) -> tuple[Bytes, ...]:
        return to_nv12(rgb) if self._code == FORMAT_NV12 else (to_xrgb8888(rgb),)
