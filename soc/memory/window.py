"""Scattered pages of DRAM as one contiguous piece of this process's memory.

The same pages are mapped a second time, in the order of a span, so that moving
the span is one copy at full speed and reading it is no copy at all. Making a
window costs a system call a run of pages; it pays for spans that are used
again and again, such as the buffers of a stream. A window lives as long as its
array or a view of it.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from soc.memory.host_mmap import SideBySide

MOST_RUNS = 16_384
"""Mappings that all windows together may take; the host allows a process 65,530."""


class Windows:
    """The windows on one memfd, and how many mappings they may still take."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._runs = 0

    def open(self, runs: Sequence[tuple[int, int]]) -> NDArray[np.uint8] | None:
        """The runs [(offset in the memfd, bytes), ...], whole pages, one after the other.

        None when it would take more mappings than are left or the host refuses.
        """
        if self._runs + len(runs) > MOST_RUNS:
            return None
        try:
            window = SideBySide([(self._fd, offset, length) for offset, length in runs])
        except OSError:
            return None
        self._runs += len(runs)
        weakref.finalize(window.memory, self._closed, len(runs))
        return window.view()

    def _closed(self, runs: int) -> None:
        self._runs -= runs
