"""Why a thread stops: the bits of FTRD and FTR."""

from __future__ import annotations

from devices.pl330.regs import CHANNEL_FAULTS, MANAGER_FAULTS
from soc.errors import SocError
from soc.iommu.port import DmaAbort, DmaStalled

FAULT = {field.name: field.mask for field in (*MANAGER_FAULTS, *CHANNEL_FAULTS)}
"""The bits by the names of the fields."""


class ThreadFault(SocError):
    """The instruction cannot be executed: `bits` of the fault type register."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        super().__init__(f"fault type {bits:#x}")


class Stalled(SocError):
    """The IOMMU holds an access; if it is aborted the fault is `bits`."""

    def __init__(self, held: DmaStalled, bits: int) -> None:
        self.held = held
        self.bits = bits
        super().__init__(str(held))


def bus_fault(abort: DmaAbort, name: str) -> ThreadFault | Stalled:
    """What an access that did not go through means to the thread."""
    return Stalled(abort, FAULT[name]) if isinstance(abort, DmaStalled) else ThreadFault(FAULT[name])
