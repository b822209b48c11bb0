"""The traffic ledger: bytes each bus master read and wrote, page by page."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PAGE_SIZE
from soc.memory.dram import Dram, Frames, PageSpan


class Traffic:
    """Byte counters of one master over every page of DRAM.

    `reads` and `writes` have one uint64 per page of all banks in order.
    """

    def __init__(self, dram: Dram) -> None:
        pages = sum(len(bank.pages) for bank in dram.banks)
        self.reads: NDArray[np.uint64] = np.zeros(pages, dtype=np.uint64)
        self.writes: NDArray[np.uint64] = np.zeros(pages, dtype=np.uint64)
        self._dram = dram

    def count(self, span: PageSpan, write: bool) -> None:
        """Book one transfer of `span`, which must be DRAM."""
        counters = self.writes if write else self.reads
        index = self._index(span.frames)
        last = span.offset + span.size - ((len(span.frames) - 1) << PAGE_SHIFT)
        if span.contiguous:
            run = counters[int(index[0]) : int(index[0]) + len(index)]
            run += np.uint64(PAGE_SIZE)
        else:
            np.add.at(counters, index, np.uint64(PAGE_SIZE))
        counters[index[0]] -= np.uint64(span.offset)
        counters[index[-1]] -= np.uint64(PAGE_SIZE - last)

    def total(self, frames: Frames | None = None) -> tuple[int, int]:
        """(bytes read, bytes written) on `frames`, or everywhere."""
        if frames is None:
            return int(self.reads.sum()), int(self.writes.sum())
        index = self._index(frames)
        return int(self.reads[index].sum()), int(self.writes[index].sum())

    def _index(self, frames: Frames) -> Frames:
        if len(self._dram.banks) == 1:
            return frames - self._dram.banks[0].first_frame
        index = np.zeros(frames.shape, dtype=np.int64)
        start = 0
        for bank in self._dram.banks:
            mine = (frames >= bank.first_frame) & (frames < bank.first_frame + len(bank.pages))
            index[mine] = frames[mine] - bank.first_frame + start
            start += len(bank.pages)
        return index
