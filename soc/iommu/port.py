"""The DMA port: how a device that is not the CPU reaches memory.

Device -> port (stream id) -> IOMMU -> bus. Without an IOMMU the addresses of a
device go to the system bus, moved by the `dma-ranges` of the buses between. One
call moves one range, however many pages it spans; a transfer that cannot be made
at all moves nothing and raises `DmaAbort`, or `DmaStalled` while the IOMMU waits
for software.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from soc.address import PAGE_SIZE, Iova
from soc.bus import BusError, Master
from soc.errors import SocError
from soc.iommu.route import DmaRoute
from soc.memory.rows import Rows
from soc.memory.span import Bytes, PageSpan

DIRECT = DmaRoute(())
"""Addresses of the device are those of the system bus."""

_NOWHERE = PageSpan(np.empty(0, dtype=np.int64), 0, 0, contiguous=True)
"""Where a discarded transfer went."""


class DmaAbort(SocError):
    """The transfer was terminated: by the IOMMU or because no memory answers."""

    def __init__(self, master: str, iova: Iova, access: str, reason: str) -> None:
        self.master = master
        self.iova = iova
        self.access = access
        self.reason = reason
        super().__init__(f"{master}: {access} at iova {iova:#x} aborted: {reason}")


class DmaDiscarded(DmaAbort):
    """The IOMMU ended the transfer as if it had succeeded: a read gives zeros, a write is lost (RAZ/WI)."""


class DmaStalled(DmaAbort):
    """The IOMMU holds the transfer until software answers the fault (IHI 0070, 3.12.2).

    Nothing has moved. Engines that cannot wait treat it as the `DmaAbort` it is:
    then the IOMMU's answer finds nobody waiting, and the transfer counts as aborted.
    `discarded` is true once software had it end as a `DmaDiscarded`.
    """

    def __init__(self, master: str, iova: Iova, access: str, reason: str) -> None:
        super().__init__(master, iova, access, reason)
        self.discarded = False
        self._retry: bool | None = None
        self._callback: Callable[[bool], None] | None = None

    def wait(self, callback: Callable[[bool], None]) -> None:
        """Have `callback` called once: True to issue the transfer again, False when it is aborted.

        ValueError when somebody waits already.
        """
        if self._callback is not None:
            raise ValueError(f"{self.master}: somebody waits for this transfer already")
        self._callback = callback
        if self._retry is not None:
            callback(self._retry)

    @property
    def awaited(self) -> bool:
        """Whether somebody waits."""
        return self._callback is not None

    def abandon(self) -> None:
        """The engine that waits does so no more; its callback is not called."""
        self._callback = None

    def answer(self, retry: bool, discarded: bool = False) -> None:
        """The IOMMU's side: what software decided. ValueError when it has decided already."""
        if self._retry is not None:
            raise ValueError(f"{self.master}: the stalled transfer is answered already")
        self._retry = retry
        self.discarded = discarded
        if self._callback is not None:
            self._callback(retry)


class Translator(Protocol):
    """An IOMMU as a port sees it. `substream` is None for a transfer without one."""

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
        """Physical span of the range. Raises `DmaAbort` or `DmaStalled` after reporting the fault.

        With `rows` only their bytes are accessed, at least one in each page of the range.
        """
        ...

    def peek(self, stream: int, iova: Iova, size: int, substream: int | None = None) -> PageSpan | None:
        """Like translate for a debugger: reports and caches nothing; None on a fault."""
        ...


class DmaPort:
    """One device's way to memory: `stream` is its stream id at `iommu`.

    `substream` (PASID) and `privileged` go with every transfer. `route` is the way of
    an address up to the system bus where no IOMMU translates it.
    """

    def __init__(
        self,
        master: Master,
        stream: int = 0,
        iommu: Translator | None = None,
        substream: int | None = None,
        privileged: bool = False,
        route: DmaRoute = DIRECT,
    ) -> None:
        self.master = master
        self.route = route
        self.stream = stream
        self.iommu = iommu
        self.substream = substream
        self.privileged = privileged

    def span(self, iova: Iova, size: int, write: bool, rows: Rows | None = None) -> PageSpan:
        """Translate [iova, iova + size). DmaAbort or DmaStalled on a fault."""
        if self.iommu is None:
            span = self.route.span(iova, size)
            if span is None:
                access = "write" if write else "read"
                raise DmaAbort(self.master.name, iova, access, "no dma-ranges window leads there")
            return span
        return self.iommu.translate(self.stream, iova, size, write, self.substream, self.privileged, rows)

    def read(self, iova: Iova, size: int) -> tuple[PageSpan, Bytes]:
        """Where the bytes lie and the bytes as of now (copy to keep); nowhere and zeros if discarded."""
        try:
            span = self.span(iova, size, write=False)
        except DmaDiscarded:
            return _NOWHERE, np.zeros(size, dtype=np.uint8)
        try:
            return span, self.master.read_span(span)
        except BusError as error:
            raise DmaAbort(self.master.name, iova, "read", str(error)) from error

    def write(self, iova: Iova, data: Bytes) -> PageSpan:
        """Write `data` and say where it went: to no page at all if it was discarded."""
        try:
            span = self.span(iova, len(data), write=True)
        except DmaDiscarded:
            return _NOWHERE
        try:
            self.master.write_span(span, data)
        except BusError as error:
            raise DmaAbort(self.master.name, iova, "write", str(error)) from error
        return span

    def read_rows(self, iova: Iova, rows: Rows) -> tuple[list[PageSpan], Bytes]:
        """Where `rows` lie and their bytes as of now, shape (height, width)."""
        if not _in_one(rows):
            parts = [self.read(start, rows.width) for start in _row_starts(iova, rows)]
            return [span for span, _ in parts], np.stack([data for _, data in parts])
        try:
            span = self.span(iova, rows.extent, write=False, rows=rows)
        except DmaDiscarded:
            return [_NOWHERE], np.zeros((rows.height, rows.width), dtype=np.uint8)
        try:
            return [span], self.master.read_span(span, rows)
        except BusError as error:
            raise DmaAbort(self.master.name, iova, "read", str(error)) from error

    def write_rows(self, iova: Iova, data: Bytes, stride: int) -> list[PageSpan]:
        """Write `data`, shape (height, width), `stride` bytes apart. Padding is not touched."""
        height, width = data.shape
        rows = Rows(width, height, stride)
        if stride == width:
            return [self.write(iova, data.reshape(-1))]
        if not _in_one(rows):
            return [self.write(start, data[line]) for line, start in enumerate(_row_starts(iova, rows))]
        try:
            span = self.span(iova, rows.extent, write=True, rows=rows)
        except DmaDiscarded:
            return [_NOWHERE]
        try:
            self.master.write_span(span, data, rows)
        except BusError as error:
            raise DmaAbort(self.master.name, iova, "write", str(error)) from error
        return [span]

    def peek_span(self, iova: Iova, size: int) -> PageSpan | None:
        """Like `span` for a debugger: reports nothing; None where something is not mapped."""
        if self.iommu is None:
            return self.route.span(iova, size)
        return self.iommu.peek(self.stream, iova, size, self.substream)

    def peek(self, iova: Iova, size: int) -> Bytes | None:
        """A debugger's read: no fault, no traffic; None where nothing is mapped."""
        span = self.peek_span(iova, size)
        memory = self.master.memory
        if span is None or not memory.holds(span):
            return None
        data = memory.peek(span).view()
        data.flags.writeable = False
        return data


def _in_one(rows: Rows) -> bool:
    """Whether one translation does for all: rows in order, with no whole page between two of them."""
    return rows.height == 1 or 0 <= rows.stride - rows.width < PAGE_SIZE


def _row_starts(iova: Iova, rows: Rows) -> list[Iova]:
    return [Iova(iova + line * rows.stride) for line in range(rows.height)]
