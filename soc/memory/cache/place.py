"""Where a span lies in the books of the cache: worked out once for spans that are moved again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soc.memory.cache.lines import Masks, touched
from soc.memory.dram import Dram
from soc.memory.rows import Rows
from soc.memory.span import Frames, PageSpan


@dataclass(eq=False)
class Place:
    """`where` picks the span's pages out of an array of all pages, `lines` are those it touches.

    `cacheable` says whether the CPU may have a line of any of its pages. `overtaken` is
    the epoch of the cache in which a device made all of them stale.
    """

    where: slice | Frames
    lines: Masks
    cacheable: bool
    overtaken: int = -1

    @classmethod
    def of(cls, dram: Dram, cacheable: NDArray[np.bool_], span: PageSpan, rows: Rows | None) -> Place:
        """KeyError unless all of `span` is in `dram`."""
        index = dram.index(span.frames)
        where: slice | Frames = index
        if len(index) and int(index[-1]) - int(index[0]) == len(index) - 1 and (np.diff(index) == 1).all():
            where = slice(int(index[0]), int(index[-1]) + 1)
        return cls(where, touched(span, rows), bool(cacheable[index].any()))
