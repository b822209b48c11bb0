"""Interrupts and global errors: pulses on wires, messages on the bus. Source: ARM IHI 0070, 3.18 and 7.5.

Each source pulses its wire and, where its message has an address, also writes
a message: 32 bits, by the SMMU's own master. A message that nobody takes is a
global error of its own.
"""

from __future__ import annotations

from devices.smmuv3.identification import FEATURES
from devices.smmuv3.regs import (
    EVENTQ_IRQEN,
    GERROR_IRQEN,
    MSI_CMDQ_ABT_ERR,
    MSI_EVENTQ_ABT_ERR,
    MSI_GERROR_ABT_ERR,
    TABLE,
)
from soc.address import PhysAddr
from soc.bus import BusError
from soc.device import Slot
from soc.registers import RegisterFile

ADDRESS_MASK = (1 << FEATURES.oas) - 4
"""Where a message can go: a 32-bit word within the output address size, to which addresses are cut."""


class Interrupts:
    """What the SMMU tells software without being asked."""

    def __init__(self, regs: RegisterFile, slot: Slot) -> None:
        self._regs = regs
        self._master = slot.master
        self._eventq = slot.irq("eventq")
        self._gerror = slot.irq("gerror")
        self._sync = slot.irq("cmdq-sync")

    def event_queue(self) -> None:
        """The event queue is not empty any more."""
        if self._regs.get("IRQ_CTRL") & EVENTQ_IRQEN:
            self._eventq.pulse()
            if not self._configured("EVENTQ"):
                self.raise_error(MSI_EVENTQ_ABT_ERR)

    def sync(self, address: PhysAddr, data: int) -> None:
        """A CMD_SYNC that asked for an interrupt is complete. IRQ_CTRL has no say in it."""
        self._sync.pulse()
        if not self._message(address, data):
            self.raise_error(MSI_CMDQ_ABT_ERR)

    # --- global errors -------------------------------------------------------

    def active(self, bit: int) -> bool:
        """Whether a global error is raised and not acknowledged."""
        return bool((self._regs.get("GERROR") ^ self._regs.get("GERRORN")) & bit)

    def raise_error(self, bit: int) -> None:
        """Toggle an error active, unless it is active already, and tell software."""
        if self.active(bit):
            return
        self._regs.set("GERROR", self._regs.get("GERROR") ^ bit)
        if bit == MSI_GERROR_ABT_ERR or not self._regs.get("IRQ_CTRL") & GERROR_IRQEN:
            return
        self._gerror.pulse()
        if not self._configured("GERROR"):
            self.raise_error(MSI_GERROR_ABT_ERR)

    def acknowledge(self, value: int) -> None:
        """A write of GERRORN."""
        self._regs.set("GERRORN", value & TABLE["GERRORN"].writable)

    # --- messages ------------------------------------------------------------

    def _configured(self, source: str) -> bool:
        """Send the message of `source` as its registers say. False if it was aborted."""
        address = self._regs.get(f"{source}_IRQ_CFG0")
        return self._message(PhysAddr(address), self._regs.get(f"{source}_IRQ_CFG1"))

    def _message(self, address: PhysAddr, data: int) -> bool:
        """Write one message, or none to address 0. False if nobody takes it."""
        if not address:
            return True
        try:
            self._master.write(PhysAddr(address & ADDRESS_MASK), 4, data)
        except BusError:
            return False
        return True
