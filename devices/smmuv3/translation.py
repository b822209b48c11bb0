"""Stream id and IOVA to physical pages: configuration lookup, IOTLB, walk.

Configuration (STE and CD) is cached until a CFGI command, translations until a
TLBI command. Faults are raised as `StreamFault`, which the device turns into
an event record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from devices.smmuv3.spec import (
    CD_WORDS,
    STE_WORDS,
    ContextDescriptor,
    EventId,
    SteConfig,
    StreamTableEntry,
)
from soc.address import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, Iova, PhysAddr
from soc.bus import BusError, Master
from soc.errors import SocError
from soc.iommu.iotlb import Iotlb
from soc.memory.dram import PageSpan
from soc.mmu.walk import FaultKind, Leaves, Walker

IMPLEMENTED_BITS = 40

MOST_SPANS = 4096
"""Ready-made answers kept; a guest that never asks twice shall not fill the host's memory."""

_EVENT_OF = {
    FaultKind.TRANSLATION: EventId.F_TRANSLATION,
    FaultKind.ADDRESS_SIZE: EventId.F_ADDR_SIZE,
    FaultKind.ACCESS_FLAG: EventId.F_ACCESS,
    FaultKind.PERMISSION: EventId.F_PERMISSION,
}


class StreamFault(SocError):
    """Translation failed: `event`, the first failing `iova`, whether to `record` it.

    `fetch` is the address of the structure or descriptor that could not be read.
    """

    def __init__(
        self, event: EventId, iova: Iova, record: bool = True, fetch: PhysAddr | None = None
    ) -> None:
        self.event = event
        self.iova = iova
        self.record = record
        self.fetch = PhysAddr(0) if fetch is None else fetch
        super().__init__(event.name)


@dataclass(frozen=True)
class StreamTable:
    """A linear stream table: base address and how many bits of stream id it covers."""

    base: PhysAddr
    log2: int


@dataclass(frozen=True)
class StreamContext:
    """A stream's configuration as cached. `walker` is None for bypass."""

    asid: int = 0
    walker: Walker | None = None
    record: bool = True


class Translation:
    """Translates for every stream behind one SMMU; `master` fetches the tables."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self.iotlb = Iotlb()
        self._contexts: dict[int, StreamContext] = {}
        self._spans: dict[tuple[int, int, int, bool], PageSpan] = {}

    def invalidate_config(self, stream: int | None = None) -> None:
        """CFGI_*: forget the configuration of one stream, or of all."""
        self._spans.clear()
        if stream is None:
            self._contexts.clear()
        else:
            self._contexts.pop(stream, None)

    def invalidate_spans(self) -> None:
        """Part of every TLBI: ready-made answers go with the entries they came from."""
        self._spans.clear()

    def translate(self, table: StreamTable, stream: int, iova: Iova, size: int, write: bool) -> PageSpan:
        """Physical span of [iova, iova + size). Raises StreamFault at the first bad page."""
        key = (stream, iova, size, write)
        if (span := self._spans.get(key)) is not None:
            return span
        context = self._context(table, stream, iova)
        if context.walker is None:
            if _last(iova, size) >> IMPLEMENTED_BITS:
                raise StreamFault(EventId.F_ADDR_SIZE, Iova(max(iova, 1 << IMPLEMENTED_BITS)))
            return PageSpan.linear(PhysAddr(iova), size)
        leaves = self._leaves(context.asid, context.walker, iova, size)
        self._raise_first_fault(leaves, context, iova, write)
        span = PageSpan.of(leaves.frames, iova & PAGE_MASK, size)
        if len(self._spans) >= MOST_SPANS:
            self._spans.clear()
        self._spans[key] = span
        return span

    def peek(self, table: StreamTable, stream: int, iova: Iova, size: int) -> PageSpan | None:
        """The same answer for a debugger: caches nothing; None on any fault."""
        try:
            context = self._contexts.get(stream) or self._fetch(table, stream, iova)
        except StreamFault:
            return None
        if context.walker is None:
            return PageSpan.linear(PhysAddr(iova), size)
        page, count = _pages(iova, size)
        leaves = context.walker.walk(page, count)
        self.iotlb.merge_cached(context.asid, page, leaves)
        if leaves.faults.any():
            return None
        return PageSpan.of(leaves.frames, iova & PAGE_MASK, size)

    def _leaves(self, asid: int, walker: Walker, iova: Iova, size: int) -> Leaves:
        page, count = _pages(iova, size)
        leaves = self.iotlb.lookup(asid, page, count)
        if leaves is None:
            leaves = walker.walk(page, count)
            self.iotlb.merge_cached(asid, page, leaves)
            self.iotlb.fill(asid, page, leaves)
        return leaves

    @staticmethod
    def _raise_first_fault(leaves: Leaves, context: StreamContext, iova: Iova, write: bool) -> None:
        allowed = leaves.writable if write else leaves.readable
        faults = np.where(
            (leaves.faults == FaultKind.NONE) & ~allowed, np.uint8(FaultKind.PERMISSION), leaves.faults
        )
        if not faults.any():
            return
        index = int(np.flatnonzero(faults)[0])
        at = iova if index == 0 else Iova((iova & ~PAGE_MASK) + index * PAGE_SIZE)
        kind = FaultKind(int(faults[index]))
        if kind is FaultKind.EXTERNAL_ABORT and context.walker is not None:
            # the range's first abort may be of a page that the IOTLB still held: ask for this one
            raise StreamFault(EventId.F_WALK_EABT, at, fetch=context.walker.walk(at >> PAGE_SHIFT, 1).abort)
        raise StreamFault(_EVENT_OF[kind], at, context.record)

    def _context(self, table: StreamTable, stream: int, iova: Iova) -> StreamContext:
        context = self._contexts.get(stream)
        if context is None:
            context = self._contexts[stream] = self._fetch(table, stream, iova)
        return context

    def _fetch(self, table: StreamTable, stream: int, iova: Iova) -> StreamContext:
        """Read STE and CD. Raises StreamFault for the configuration faults."""
        if stream >> table.log2:
            raise StreamFault(EventId.C_BAD_STREAMID, iova)
        ste_at = PhysAddr(table.base + stream * STE_WORDS * 8)
        ste = StreamTableEntry.parse(self._read(ste_at, STE_WORDS, EventId.F_STE_FETCH, iova))
        if not ste.usable:
            raise StreamFault(EventId.C_BAD_STE, iova)
        if not ste.config & SteConfig.BYPASS:
            raise StreamFault(EventId.F_STREAM_DISABLED, iova, record=False)
        if ste.config == SteConfig.BYPASS:
            return StreamContext()
        cd = ContextDescriptor.parse(self._read(ste.context, CD_WORDS, EventId.F_CD_FETCH, iova))
        if not cd.usable(IMPLEMENTED_BITS):
            raise StreamFault(EventId.C_BAD_CD, iova)
        if cd.ttb0_disabled:
            raise StreamFault(EventId.F_TRANSLATION, iova, cd.record)
        walker = Walker(cd.regime(IMPLEMENTED_BITS), self._read_words, BusError)
        return StreamContext(cd.asid, walker, cd.record)

    def _read(self, address: PhysAddr, count: int, event: EventId, iova: Iova) -> list[int]:
        try:
            return [int(word) for word in self._read_words(address, count)]
        except BusError as error:
            raise StreamFault(event, iova, fetch=address) from error

    def _read_words(self, address: PhysAddr, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        return self._master.read_span(PageSpan.linear(address, 8 * count)).view("<u8")


def _pages(iova: Iova, size: int) -> tuple[int, int]:
    """First input page and number of pages of a byte range."""
    first = iova >> PAGE_SHIFT
    return first, (_last(iova, size) >> PAGE_SHIFT) - first + 1


def _last(iova: Iova, size: int) -> int:
    """The last byte of a range; an empty range is checked on one byte."""
    return iova + max(size, 1) - 1
