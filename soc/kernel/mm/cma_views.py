"""A CMA area in debugfs and sysfs; writing `alloc` and `free` there tries it out.

Source: mm/cma_debug.c, mm/cma_sysfs.c (6.12).
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EACCES, ENOMEM

import numpy as np

from soc.kernel.errors import KernelError
from soc.kernel.fs.pseudofs import Views, parse_unsigned
from soc.kernel.mm.cma import CmaArea

ORDER_PER_BIT = 0


class CmaDebug:
    """What `alloc` of one area's debugfs directory has allocated, to be given back by `free`."""

    def __init__(self, area: CmaArea) -> None:
        self._area = area
        self._runs: list[tuple[int, int]] = []

    def alloc(self, text: str) -> None:
        """Allocate so many pages. -EINVAL for no number, -ENOMEM when there is no room for them."""
        count = parse_unsigned(text)
        try:
            frame = self._area.alloc(count)
        except KernelError as error:
            raise KernelError(ENOMEM, error.why) from error
        self._runs.append((frame, count))

    def free(self, text: str) -> None:
        """Release so many of the pages, those allocated last first; no more than there are."""
        left = parse_unsigned(text)
        while left and self._runs:
            frame, count = self._runs.pop()
            part = min(left, count)
            self._area.release(frame, part)
            if part < count:
                self._runs.append((frame + part, count - part))
            left -= part


def add_cma_views(views: Views, area: CmaArea) -> None:
    """Register /sys/kernel/debug/cma/<name>/ and /sys/kernel/mm/cma/<name>/."""
    debug, folder = CmaDebug(area), f"/sys/kernel/debug/cma/{area.name}"
    views.add(f"{folder}/alloc", _write_only, debug.alloc)
    views.add(f"{folder}/free", _write_only, debug.free)
    numbers: dict[str, Callable[[], int]] = {
        f"{folder}/base_pfn": lambda: area.base_frame,
        f"{folder}/count": lambda: area.count,
        f"{folder}/order_per_bit": lambda: ORDER_PER_BIT,
        f"{folder}/used": lambda: area.used,
        f"{folder}/maxchunk": lambda: maxchunk(area),
        f"/sys/kernel/mm/cma/{area.name}/alloc_pages_success": lambda: area.alloc_success,
        f"/sys/kernel/mm/cma/{area.name}/alloc_pages_fail": lambda: area.alloc_fail,
        f"/sys/kernel/mm/cma/{area.name}/release_pages_success": lambda: area.release_success,
    }
    for path, number in numbers.items():
        views.add(path, _line(number))
    views.add(f"{folder}/bitmap", lambda: bitmap(area))


def maxchunk(area: CmaArea) -> int:
    """Pages of the longest run that nobody allocated."""
    firsts, ends = area.free_runs()
    return int((ends - firsts).max(initial=0))


def bitmap(area: CmaArea) -> str:
    """The bitmap as 32-bit words, the first page lowest, decimal."""
    words = np.packbits(area.bitmap, bitorder="little").view("<u4")
    return " ".join(map(str, words.tolist())) + "\n"


def _line(number: Callable[[], int]) -> Callable[[], str]:
    return lambda: f"{number()}\n"


def _write_only() -> str:
    raise KernelError(EACCES, "the file can only be written")
