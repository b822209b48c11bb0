"""The DMA port: how a device that is not the CPU reaches memory.

Device -> port (stream id) -> IOMMU -> bus. A port without an IOMMU issues its
addresses to the bus unchanged. One call moves one range, however many pages it
spans; a transfer that cannot be made at all moves nothing and raises `DmaAbort`.
"""

from __future__ import annotations

from typing import Protocol

from soc.address import Iova, PhysAddr
from soc.bus import BusError, Master
from soc.errors import SocError
from soc.memory.dram import Bytes, PageSpan


class DmaAbort(SocError):
    """The transfer was terminated: by the IOMMU or because no memory answers."""

    def __init__(self, master: str, iova: Iova, access: str, reason: str) -> None:
        self.master = master
        self.iova = iova
        self.access = access
        self.reason = reason
        super().__init__(f"{master}: {access} at iova {iova:#x} aborted: {reason}")


class Translator(Protocol):
    """An IOMMU as a port sees it."""

    def translate(self, stream: int, iova: Iova, size: int, write: bool) -> PageSpan:
        """Physical span of the range. Raises `DmaAbort` after reporting the fault."""
        ...

    def peek(self, stream: int, iova: Iova, size: int) -> PageSpan | None:
        """Like translate for a debugger: reports and caches nothing; None on a fault."""
        ...


class DmaPort:
    """One device's way to memory: `stream` is its stream id at `iommu`."""

    def __init__(self, master: Master, stream: int = 0, iommu: Translator | None = None) -> None:
        self.master = master
        self.stream = stream
        self.iommu = iommu

    def span(self, iova: Iova, size: int, write: bool) -> PageSpan:
        """Translate [iova, iova + size). DmaAbort on a fault."""
        if self.iommu is None:
            return PageSpan.linear(PhysAddr(iova), size)
        return self.iommu.translate(self.stream, iova, size, write)

    def read(self, iova: Iova, size: int) -> tuple[PageSpan, Bytes]:
        """Where the bytes lie and the bytes as of now (copy to keep)."""
        span = self.span(iova, size, write=False)
        try:
            return span, self.master.read_span(span)
        except BusError as error:
            raise DmaAbort(self.master.name, iova, "read", str(error)) from error

    def write(self, iova: Iova, data: Bytes) -> PageSpan:
        """Write `data` and say where it went."""
        span = self.span(iova, len(data), write=True)
        try:
            self.master.write_span(span, data)
        except BusError as error:
            raise DmaAbort(self.master.name, iova, "write", str(error)) from error
        return span

    def write_rows(self, iova: Iova, rows: Bytes, stride: int) -> list[PageSpan]:
        """Write `rows`, shape (height, bytes), `stride` bytes apart. Padding is not touched."""
        height, width = rows.shape
        if stride == width:
            return [self.write(iova, rows.reshape(-1))]
        return [self.write(Iova(iova + line * stride), rows[line]) for line in range(height)]

    def peek_span(self, iova: Iova, size: int) -> PageSpan | None:
        """Like `span` for a debugger: reports nothing; None where something is not mapped."""
        if self.iommu is None:
            return PageSpan.linear(PhysAddr(iova), size)
        return self.iommu.peek(self.stream, iova, size)

    def peek(self, iova: Iova, size: int) -> Bytes | None:
        """A debugger's read: no fault, no traffic; None where nothing is mapped."""
        span = self.peek_span(iova, size)
        dram = self.master.bus.dram
        if span is None or not dram.holds(span):
            return None
        data = dram.read(span)
        data.flags.writeable = False
        return data
