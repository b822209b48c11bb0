"""What the task `draw` of /init shows, computed by other means."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

BARS = [
    (255, 255, 255),
    (255, 255, 0),
    (0, 255, 255),
    (0, 255, 0),
    (255, 0, 255),
    (255, 0, 0),
    (0, 0, 255),
    (0, 0, 0),
]
RAMP = 8
"""The ramp of greys is the last of so many parts."""
DIAGONAL = (128, 128, 128)


def pattern(width: int, height: int) -> NDArray[np.uint8]:
    """Shape (height, width, 3), red first."""
    columns, lines = np.arange(width), np.arange(height)
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[:] = np.array(BARS, dtype=np.uint8)[columns * len(BARS) // width]
    picture[height - height // RAMP :] = (columns * 256 // width)[:, np.newaxis]
    picture[lines, lines * width // height] = DIAGONAL
    return picture


def checksum(picture: NDArray[np.uint8]) -> str:
    """CRC-32 of the picture as XRGB8888 in memory, as /init prints it."""
    height, width, _ = picture.shape
    pixels = np.zeros((height, width, 4), dtype=np.uint8)
    pixels[..., :3] = picture[..., ::-1]
    return f"{zlib.crc32(pixels.tobytes()):08x}"
