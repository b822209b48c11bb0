"""Pictures as PNG."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from soc.report.files import whole_file


def png(rgb: NDArray[np.uint8]) -> bytes:
    """`rgb`, shape (height, width, 3), red first, losslessly. ValueError if it is not such a picture."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f"picture must be uint8 of shape (height, width, 3), not {rgb.dtype} {rgb.shape}")
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(file, format="PNG")
    return file.getvalue()


def write_png(rgb: NDArray[np.uint8], path: Path) -> None:
    """Write `png(rgb)`. OSError if the file cannot be written."""
    data = png(rgb)
    with whole_file(path) as partial:
        partial.write_bytes(data)
