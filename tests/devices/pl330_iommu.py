"""A small IOMMU for the tests of the DMA-330: pages by number, some read-only, some missing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from soc.address import PAGE_MASK, PAGE_SHIFT, Iova
from soc.iommu.port import DmaAbort, DmaDiscarded, DmaStalled
from soc.memory.rows import Rows
from soc.memory.span import PageSpan


@dataclass
class PageMap:
    """`frames` by input page. `faults` in order: (address, write).

    A page in `read_only` cannot be written, one in `unreadable` not be read; a debugger sees both.
    With `stall` a faulting access is held, newest last in `held`; with `discard` it is
    ended as if it had succeeded. `translations` counts what was asked for, `stalls` what was
    ever held.
    """

    frames: dict[int, int]
    read_only: set[int] = field(default_factory=set)
    stall: bool = False
    discard: bool = False
    unreadable: set[int] = field(default_factory=set)
    faults: list[tuple[int, bool]] = field(default_factory=list)
    held: list[DmaStalled] = field(default_factory=list)
    translations: int = 0
    stalls: int = 0

    @classmethod
    def identity(cls, base: int, size: int) -> PageMap:
        pages = range(base >> PAGE_SHIFT, (base + size) >> PAGE_SHIFT)
        return cls({page: page for page in pages})

    def translate(
        self,
        stream: int,
        iova: Iova,
        size: int,
        write: bool,
        substream: int | None = None,
        privileged: bool = False,
        rows: Rows | None = None,
    ) -> PageSpan:
        self.translations += 1
        frames = []
        for page in self._pages(iova, size):
            if page not in self.frames or page in (self.read_only if write else self.unreadable):
                at = Iova(max(iova, page << PAGE_SHIFT))
                self.faults.append((at, write))
                raise self._answer(at, "write" if write else "read")
            frames.append(self.frames[page])
        return PageSpan.of(np.array(frames, dtype=np.int64), iova & PAGE_MASK, size)

    def peek(self, stream: int, iova: Iova, size: int, substream: int | None = None) -> PageSpan | None:
        pages = self._pages(iova, size)
        if not all(page in self.frames for page in pages):
            return None
        frames = np.array([self.frames[page] for page in pages], dtype=np.int64)
        return PageSpan.of(frames, iova & PAGE_MASK, size)

    def _answer(self, at: Iova, access: str) -> DmaAbort:
        if self.discard:
            return DmaDiscarded("stream 0", at, access, "test")
        if not self.stall:
            return DmaAbort("stream 0", at, access, "test")
        self.stalls += 1
        self.held.append(DmaStalled("stream 0", at, access, "test"))
        return self.held[-1]

    @staticmethod
    def _pages(iova: int, size: int) -> range:
        return range(iova >> PAGE_SHIFT, (iova + size - 1 >> PAGE_SHIFT) + 1)
