"""Pixels as the LCDIF finds them in memory, as colours.

A colour of fewer than 8 bits is scaled, so that all ones are full brightness.

Not modelled: packed pixels of 24 bits, words of 8 and 18 bits, ARGB555, byte swizzling.
"""

from __future__ import annotations

import numpy as np

from soc.memory.span import Bytes


def rgb(data: Bytes, lines: int, pixels: int, depth: int) -> Bytes:
    """`data` as colours, shape (lines, pixels, 3), red first.

    `depth` is bytes of a pixel: 4 for XRGB8888, 2 for RGB565.
    """
    if depth == 4:
        return data.reshape(lines, pixels, 4)[..., 2::-1].copy()
    words = np.ascontiguousarray(data).view("<u2").reshape(lines, pixels)
    channels = [
        (words >> 11 & 31) * 255 // 31,
        (words >> 5 & 63) * 255 // 63,
        (words & 31) * 255 // 31,
    ]
    return np.stack(channels, axis=-1).astype(np.uint8)
