"""The event queue. Source: ARM IHI 0070, 7.2 to 7.4.

Not modelled: merging of records, which STE.MEV permits and nothing demands.
"""

from __future__ import annotations

import numpy as np

from devices.smmuv3.hardware.interrupts import Interrupts
from devices.smmuv3.identification import EVENTQ_LOG2, FEATURES
from devices.smmuv3.regs import EVENTQ_ABT_ERR, EVENTQEN, OVERFLOW
from devices.smmuv3.spec import EventRecord
from devices.smmuv3.spec.queues import QueueShape
from soc.bus import BusError, Master
from soc.memory.span import PageSpan
from soc.registers import RegisterFile

ENTRY = 32
"""Bytes of one record."""


class EventQueue:
    """Writes records where software set the queue up."""

    def __init__(self, regs: RegisterFile, master: Master, interrupts: Interrupts) -> None:
        self._regs = regs
        self._master = master
        self._interrupts = interrupts

    @property
    def writable(self) -> bool:
        """Whether a record could be written now (7.2.1)."""
        return self._accepts and not self._shape.full(self._prod, self._cons)

    def record(self, record: EventRecord) -> bool:
        """Write a record. False if it is lost: to a queue that is off or broken, or to a full one, which
        then shows that it overflowed."""
        if not self._accepts:
            return False
        shape, prod, cons = self._shape, self._prod, self._cons
        if shape.full(prod, cons):
            if not (prod ^ cons) & OVERFLOW:
                self._regs.set("EVENTQ_PROD", prod ^ OVERFLOW)
            return False
        data = np.array(record.build(), dtype="<u8").view(np.uint8)
        try:
            self._master.write_span(PageSpan.linear(shape.address(prod), ENTRY), data)
        except BusError:
            self._interrupts.raise_error(EVENTQ_ABT_ERR)
            return False
        self._regs.set("EVENTQ_PROD", (prod & OVERFLOW) | shape.next(prod))
        if shape.empty(prod, cons):
            self._interrupts.event_queue()
        return True

    @property
    def _accepts(self) -> bool:
        enabled = self._regs.get("CR0") & EVENTQEN
        return bool(enabled) and not self._interrupts.active(EVENTQ_ABT_ERR)

    @property
    def _shape(self) -> QueueShape:
        return QueueShape.parse(self._regs.get("EVENTQ_BASE"), ENTRY, EVENTQ_LOG2, FEATURES.oas)

    @property
    def _prod(self) -> int:
        return self._regs.get("EVENTQ_PROD")

    @property
    def _cons(self) -> int:
        return self._regs.get("EVENTQ_CONS")
