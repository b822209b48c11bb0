"""The traffic ledger: bytes each bus master read and wrote, page by page."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PAGE_SIZE
from soc.memory.dram import Dram
from soc.memory.rows import Rows
from soc.memory.span import Frames, PageSpan

PENDING_LIMIT = 512


class Traffic:
    """Byte counters of one master over every page of DRAM.

    Transfers repeat the same spans frame after frame, so they are counted by
    span first and spread over the pages when somebody asks. Those within one
    page, such as reads of translation tables, are booked at once. `idle` until the first
    one is booked.
    """

    def __init__(self, dram: Dram) -> None:
        self.idle = True
        self._dram = dram
        self._pending: Counter[tuple[PageSpan, bool, Rows | None]] = Counter()
        pages = dram.page_count
        self._reads: NDArray[np.uint64] = np.zeros(pages, dtype=np.uint64)
        self._writes: NDArray[np.uint64] = np.zeros(pages, dtype=np.uint64)

    def count(self, span: PageSpan, write: bool, rows: Rows | None = None) -> None:
        """Book one transfer of `span`, which must be DRAM, or of its `rows`."""
        self.idle = False
        if len(span.frames) == 1:
            counters = self._writes if write else self._reads
            counters[self._dram.place(int(span.frames[0]))] += np.uint64(
                span.size if rows is None else rows.size
            )
            return
        self._pending[span, write, rows] += 1
        if len(self._pending) > PENDING_LIMIT:
            self._spread()

    def per_page(self, write: bool) -> NDArray[np.uint64]:
        """Bytes read or written, one counter per page of all banks in order."""
        self._spread()
        return self._writes if write else self._reads

    def books(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """`per_page` of reads and of writes."""
        self._spread()
        return self._reads, self._writes

    def book(self, frames: Frames, sizes: NDArray[np.uint64], write: bool) -> None:
        """Add `sizes[i]` bytes to page `frames[i]`; no page may be named twice."""
        self.idle = False
        counters = self._writes if write else self._reads
        counters[self._dram.index(frames)] += sizes

    def total(self, frames: Frames | None = None) -> tuple[int, int]:
        """(bytes read, bytes written) on `frames`, or everywhere."""
        self._spread()
        if frames is None:
            return int(self._reads.sum()), int(self._writes.sum())
        index = self._dram.index(frames)
        return int(self._reads[index].sum()), int(self._writes[index].sum())

    def _spread(self) -> None:
        """Book the pending spans on their pages; the first and last may be partial."""
        for (span, write, rows), times in self._pending.items():
            counters = self._writes if write else self._reads
            index = self._dram.index_of_held(span.frames)
            if rows is not None:
                moved = rows.bytes_per_page(span.offset, len(index))
                np.add.at(counters, index, np.uint64(times) * moved)
                continue
            last = span.offset + span.size - ((len(span.frames) - 1) << PAGE_SHIFT)
            np.add.at(counters, index, np.uint64(times * PAGE_SIZE))
            counters[index[0]] -= np.uint64(times * span.offset)
            counters[index[-1]] -= np.uint64(times * (PAGE_SIZE - last))
        self._pending.clear()
