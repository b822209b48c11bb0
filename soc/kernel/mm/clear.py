"""Zeroing memory: always by the CPU, through its cache and in its books.

Source: clear_page (arch/arm64/lib/clear_page.S), memset of the DMA allocators.
"""

from __future__ import annotations

import numpy as np

from soc.address import PAGE_SHIFT
from soc.bus import Master
from soc.memory.span import PageSpan

PIECE = 256
"""Pages that are written at once."""

ZEROS = np.zeros(PIECE << PAGE_SHIFT, dtype=np.uint8)
ZEROS.flags.writeable = False


def clear(master: Master, span: PageSpan) -> None:
    """`master`, the CPU, writes zeros over the whole pages of `span`. BusError outside DRAM."""
    for first in range(0, len(span.frames), PIECE):
        frames = span.frames[first : first + PIECE]
        size = len(frames) << PAGE_SHIFT
        master.write_span(PageSpan.of(frames, 0, size), ZEROS[:size])
