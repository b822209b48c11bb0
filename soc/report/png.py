"""Pictures as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from soc.report.files import whole_file


def write_png(rgb: NDArray[np.uint8], path: Path) -> None:
    """Write `rgb`, shape (height, width, 3), red first, losslessly.

    Raises ValueError if the array is not such a picture, OSError if the file cannot be written.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f"picture must be uint8 of shape (height, width, 3), not {rgb.dtype} {rgb.shape}")
    with whole_file(path) as partial:
        Image.fromarray(np.ascontiguousarray(rgb)).save(partial, format="PNG")
