"""Leftovers: bytes in memory that was promised to be zero, and whose they were.

Looks at what the CPU sees and at what DRAM has, as a debugger does: nothing is
booked and no line moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from soc.address import PAGE_SHIFT
from soc.memory.span import Bytes, Frames, PageSpan

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel

PIECE = 256
"""Pages that are looked at together."""


def report_leftovers(kernel: Kernel, frames: Frames, buffer: str, behind: bool) -> None:
    """WARN if memory for `buffer` is not all zero to the CPU or, `behind`, in DRAM behind its cache."""
    for first in range(0, len(frames), PIECE):
        piece = frames[first : first + PIECE]
        span = PageSpan.of(piece, 0, len(piece) << PAGE_SHIFT)
        for where, view in _views(kernel, span, behind):
            if view.max():
                found = _described(kernel, frames, first << PAGE_SHIFT, view.reshape(-1))
                kernel.log.warn(f"{buffer} contains bytes of {found}{where}")
                return


def _views(kernel: Kernel, span: PageSpan, behind: bool) -> Iterator[tuple[str, Bytes]]:
    """What there is to look at. Where no line is dirty or stale, DRAM has what the CPU sees."""
    dram = kernel.memory.dram
    yield "", dram.read(span) if span.contiguous else dram.pages_of(span.frames)
    if behind and kernel.cache is not None:
        dirty, stale = kernel.cache.state(span.frames)
        if (dirty | stale).any():
            yield ", in DRAM behind the CPU's cache", kernel.cache.peek_behind(span)


def _described(kernel: Kernel, frames: Frames, start: int, view: Bytes) -> str:
    """Whose the first byte was, and where it is."""
    offset = start + int(np.flatnonzero(view)[0])
    owner = kernel.memory.owners.last_owner(int(frames[offset >> PAGE_SHIFT]))
    return f"its previous owner {owner or '(no buffer)'}, from offset {offset:#x} on"
