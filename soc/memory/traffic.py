"""The traffic ledger: bytes each bus master read and wrote, page by page."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PAGE_SIZE
from soc.memory.dram import Dram, Frames, PageSpan

PENDING_LIMIT = 512


class Traffic:
    """Byte counters of one master over every page of DRAM.

    Transfers repeat the same spans frame after frame, so they are counted by
    span first and spread over the pages when somebody asks.
    """

    def __init__(self, dram: Dram) -> None:
        self._dram = dram
        self._pending: Counter[tuple[PageSpan, bool]] = Counter()
        pages = sum(len(bank.pages) for bank in dram.banks)
        self._reads: NDArray[np.uint64] = np.zeros(pages, dtype=np.uint64)
        self._writes: NDArray[np.uint64] = np.zeros(pages, dtype=np.uint64)

    def count(self, span: PageSpan, write: bool) -> None:
        """Book one transfer of `span`, which must be DRAM."""
        self._pending[span, write] += 1
        if len(self._pending) > PENDING_LIMIT:
            self._spread()

    def per_page(self, write: bool) -> NDArray[np.uint64]:
        """Bytes read or written, one counter per page of all banks in order."""
        self._spread()
        return self._writes if write else self._reads

    def book(self, frames: Frames, sizes: NDArray[np.uint64], write: bool) -> None:
        """Add `sizes[i]` bytes to page `frames[i]`; no page may be named twice."""
        counters = self._writes if write else self._reads
        counters[self.index(frames)] += sizes

    def total(self, frames: Frames | None = None) -> tuple[int, int]:
        """(bytes read, bytes written) on `frames`, or everywhere."""
        self._spread()
        if frames is None:
            return int(self._reads.sum()), int(self._writes.sum())
        index = self.index(frames)
        return int(self._reads[index].sum()), int(self._writes[index].sum())

    def _spread(self) -> None:
        """Book the pending spans on their pages; the first and last may be partial."""
        for (span, write), times in self._pending.items():
            counters = self._writes if write else self._reads
            index = self.index(span.frames)
            last = span.offset + span.size - ((len(span.frames) - 1) << PAGE_SHIFT)
            np.add.at(counters, index, np.uint64(times * PAGE_SIZE))
            counters[index[0]] -= np.uint64(times * span.offset)
            counters[index[-1]] -= np.uint64(times * (PAGE_SIZE - last))
        self._pending.clear()

    def index(self, frames: Frames) -> Frames:
        """Where the counters of `frames`, all DRAM, stand in what `per_page` returns."""
        if len(self._dram.banks) == 1:
            return frames - self._dram.banks[0].first_frame
        index = np.zeros(frames.shape, dtype=np.int64)
        start = 0
        for bank in self._dram.banks:
            mine = (frames >= bank.first_frame) & (frames < bank.first_frame + len(bank.pages))
            index[mine] = frames[mine] - bank.first_frame + start
            start += len(bank.pages)
        return index
