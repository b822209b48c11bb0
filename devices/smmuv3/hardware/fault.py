"""A transaction that the SMMU refuses, before the device decides to record, stall or abort it."""

from __future__ import annotations

from devices.smmuv3.spec import EventId, EventRecord
from soc.address import Iova
from soc.errors import SocError


class StreamFault(SocError):
    """Configuration or translation failed.

    `report` is the event as it would be recorded, without a stall; `record` says
    whether software asked for one (CD.R, STE.S2R); `stall` whether the transaction
    may be held until software answers (CD.S, STE.S2S); `discard` whether it ends as
    RAZ/WI instead of an abort where it is not held (CD.A is 0).
    """

    def __init__(
        self, report: EventRecord, record: bool = True, stall: bool = False, discard: bool = False
    ) -> None:
        self.report = report
        self.record = record
        self.stall = stall
        self.discard = discard
        super().__init__(report.event.name)

    @property
    def event(self) -> EventId:
        return self.report.event

    @property
    def iova(self) -> Iova:
        """The first failing input address, also of an event whose record does not name it."""
        return self.report.iova
