"""What the SMMU works on: the access it was asked for, and memory as its own reads see it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.smmuv3.hardware.fault import StreamFault
from devices.smmuv3.spec import EventId, EventRecord, StreamTableEntry
from soc.address import PAGE_MASK, PAGE_SIZE, Iova, PhysAddr
from soc.bus import BusError, Master
from soc.memory.rows import Rows
from soc.memory.span import PageSpan

Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Access:
    """One transaction, or all `rows` of a 2D one. `substream` is None without one."""

    stream: int
    iova: Iova
    write: bool
    substream: int | None = None
    privileged: bool = False
    instruction: bool = False
    rows: Rows | None = None

    def page(self, number: int) -> Iova:
        """The first address of the access in its page `number` (4 KiB)."""
        if not number:
            return self.iova
        start = (self.iova & ~PAGE_MASK) + number * PAGE_SIZE
        return Iova(start if self.rows is None else self.iova + self.rows.first_byte_from(start - self.iova))

    def overridden(self, ste: StreamTableEntry) -> Access:
        """As STE.PRIVCFG and STE.INSTCFG make it; events show it so."""
        privileged = ste.privileged(self.privileged)
        instruction = ste.instruction(self.instruction, self.write)
        if privileged == self.privileged and instruction == self.instruction:
            return self
        return replace(self, privileged=privileged, instruction=instruction)

    def event(self, event: EventId, **fields: Any) -> EventRecord:
        """The record of an event of this access; `fields` are those of `EventRecord`."""
        common: dict[str, Any] = {
            "iova": self.iova,
            "write": self.write,
            "substream": self.substream,
            "privileged": self.privileged,
            "instruction": self.instruction,
        }
        return EventRecord(event, self.stream, **(common | fields))


class TableMemory:
    """Tables in memory, through the SMMU's own port to the bus.

    For a debugger (`debug`) nothing is counted and nothing is written.
    """

    def __init__(self, master: Master, debug: bool = False) -> None:
        self.debug = debug
        self._master = master

    def read(self, address: PhysAddr, count: int) -> Words:
        """`count` words. BusError where there is no memory."""
        span = PageSpan.linear(address, 8 * count)
        if not self.debug:
            return self._master.read_span(span).view("<u8")
        memory = self._master.memory
        if not memory.holds(span):
            raise BusError(address, span.size, "read", self._master.name)
        return memory.peek(span).view("<u8")

    def write(self, address: PhysAddr, words: Words) -> None:
        """Hardware update of descriptors. BusError where there is no memory."""
        span = PageSpan.linear(address, 8 * len(words))
        self._master.write_span(span, np.ascontiguousarray(words).view(np.uint8))

    def fetch(self, address: PhysAddr, count: int, event: EventId, access: Access) -> list[int]:
        """A configuration structure; StreamFault `event` where there is no memory."""
        try:
            return [int(word) for word in self.read(address, count)]
        except BusError as error:
            raise StreamFault(access.event(event, fetch=address)) from error
