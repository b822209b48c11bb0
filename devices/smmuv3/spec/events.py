"""Event records, 32 bytes each. Source: ARM IHI 0070, 7.3.

Three groups are built and parsed but never raised by this model: F_UUT, as the
ports issue nothing but plain reads and writes; F_TLB_CONFLICT and
F_CFG_CONFLICT, as each cache looks entries up by exact tags and so never finds
two; the events of ATS and PRI are not declared, as neither is implemented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from devices.smmuv3.spec.layout import Place, join, split
from soc.address import Iova, PhysAddr

EVENT_WORDS = 4


class EventId(IntEnum):
    """Event numbers: C_ are errors of configuration, F_ faults."""

    F_UUT = 0x01
    C_BAD_STREAMID = 0x02
    F_STE_FETCH = 0x03
    C_BAD_STE = 0x04
    F_STREAM_DISABLED = 0x06
    C_BAD_SUBSTREAMID = 0x08
    F_CD_FETCH = 0x09
    C_BAD_CD = 0x0A
    F_WALK_EABT = 0x0B
    F_TRANSLATION = 0x10
    F_ADDR_SIZE = 0x11
    F_ACCESS = 0x12
    F_PERMISSION = 0x13
    F_TLB_CONFLICT = 0x20
    F_CFG_CONFLICT = 0x21


class FaultClass(IntEnum):
    """CLASS: what the failing stage was translating or fetching."""

    CD = 0
    TTD = 1
    IN = 2


TRANSLATION_FAULTS = frozenset(
    {EventId.F_TRANSLATION, EventId.F_ADDR_SIZE, EventId.F_ACCESS, EventId.F_PERMISSION}
)
"""The faults that CD.{A,R,S} and STE.{S2R,S2S} govern, and that can stall."""

_PLACES = {
    "substream_valid": Place(11, 1),
    "substream": Place(12, 20),
    "stream": Place(32, 32),
    "reason": Place(64, 16),
    "stag": Place(64, 16),
    "stall": Place(95, 1),
    "privileged": Place(97, 1),
    "instruction": Place(98, 1),
    "read": Place(99, 1),
    "ns_ipa": Place(100, 1),
    "stage2": Place(103, 1),
    "kind": Place(104, 2),
    "table_read": Place(108, 1),
    "iova": Place(128, 64),
    "ipa": Place(204, 40, 12),
    "fetch": Place(195, 49, 3),
}

_WHO = ("stream", "substream_valid", "substream")
_ACCESS = ("privileged", "instruction", "read")
_FETCH = (*_WHO, "reason", "fetch")
_FAULT = (*_WHO, "stag", "stall", *_ACCESS, "ns_ipa", "stage2", "kind", "iova", "ipa")

FIELDS: dict[EventId, tuple[str, ...]] = {
    EventId.F_UUT: (*_WHO, "reason", *_ACCESS, "iova"),
    EventId.C_BAD_STREAMID: _WHO,
    EventId.F_STE_FETCH: _FETCH,
    EventId.C_BAD_STE: _WHO,
    EventId.F_STREAM_DISABLED: _WHO,
    EventId.C_BAD_SUBSTREAMID: ("stream", "substream"),
    EventId.F_CD_FETCH: _FETCH,
    EventId.C_BAD_CD: _WHO,
    EventId.F_WALK_EABT: (*_WHO, "reason", *_ACCESS, "stage2", "kind", "iova", "fetch"),
    EventId.F_TRANSLATION: _FAULT,
    EventId.F_ADDR_SIZE: _FAULT,
    EventId.F_ACCESS: _FAULT,
    EventId.F_PERMISSION: (*_FAULT, "table_read"),
    EventId.F_TLB_CONFLICT: (*_WHO, "reason", *_ACCESS, "stage2", "iova", "ipa"),
    EventId.F_CFG_CONFLICT: (*_WHO, "reason"),
}
"""The fields of each record; all other bits are zero."""


@dataclass(frozen=True)
class EventRecord:
    """One event. Fields that its number does not have keep their defaults.

    `iova` is InputAddr, `fetch` the address of the structure or descriptor that
    could not be read, `ipa` the page that stage 2 refused (`stage2`), `stag` the
    token of a stalled transaction, `table_read` TTRnW of a stage-2 permission
    fault on a stage-1 descriptor. `substream` is None where SSV is 0.
    """

    event: EventId
    stream: int
    iova: Iova = Iova(0)
    write: bool = False
    fetch: PhysAddr = PhysAddr(0)
    substream: int | None = None
    privileged: bool = False
    instruction: bool = False
    stage2: bool = False
    kind: FaultClass = FaultClass.IN
    ipa: int = 0
    stall: bool = False
    stag: int = 0
    table_read: bool = False
    ns_ipa: bool = False
    reason: int = 0

    @property
    def has_address(self) -> bool:
        """Whether the record names an input address and how it was accessed."""
        return "iova" in FIELDS[self.event]

    @property
    def has_fetch(self) -> bool:
        return "fetch" in FIELDS[self.event]

    def build(self) -> list[int]:
        """Four words; address bits below a field's granularity are dropped."""
        values: dict[str, int] = {
            "substream_valid": self.substream is not None,
            "substream": self.substream or 0,
            "read": not self.write,
        }
        value = int(self.event)
        for name in FIELDS[self.event]:
            number = values[name] if name in values else getattr(self, name)
            value |= _PLACES[name].put(number & _PLACES[name].largest)
        return split(value, EVENT_WORDS)

    @classmethod
    def parse(cls, words: Sequence[int]) -> EventRecord:
        """ValueError if the record's number is not one of `EventId`, or its CLASS is reserved."""
        value = join(words)
        event = EventId(value & 0xFF)
        found: dict[str, Any] = {name: _PLACES[name].get(value) for name in FIELDS[event]}
        if not found.pop("substream_valid", True):
            found["substream"] = None
        if "read" in found:
            found["write"] = not found.pop("read")
        if "kind" in found:
            found["kind"] = FaultClass(found["kind"])
        return cls(event, **found)
