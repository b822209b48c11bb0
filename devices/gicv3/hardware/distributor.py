"""The distributor: states of SPIs, their routes, and which groups are on.

Source: Arm IHI 0069, sections 3.3 (affinity routing), 12.9 (registers).

Not modelled: legacy operation (GICD_CTLR.ARE 0), two security states, message-based and extended SPIs.
"""

from __future__ import annotations

from devices.gic.state_registers import StateRegisters
from devices.gic.states import PRIVATE, InterruptStates
from devices.gicv3.regs import DISTRIBUTOR
from devices.gicv3.regs.distributor import ENABLES, FIXED
from soc.registers import Log, RegisterFile

GROUP0, GROUP1 = 1 << 0, 1 << 1
"""Sets of groups, with the bits of GICD_CTLR."""
ANY_CPU = 1 << 31
FIRST_SPI = 32


class Distributor:
    """Forwards what is routed to the CPU at 0.0.0.0, as every SPI is after reset."""

    def __init__(self, states: InterruptStates, log: Log) -> None:
        self._states = states
        self._groups = 0
        self._here = states.spis | PRIVATE
        self.regs = regs = RegisterFile(DISTRIBUTOR, log)
        StateRegisters(regs, states, reach=states.spis)
        regs.on_write("CTLR", self._write_control)
        regs.on_write("IROUTER", self._write_route)

    def forwarded(self, groups: int) -> int:
        """Bitmap of what may go to the CPU: interrupts of those `groups` that are on, and routed to it."""
        groups &= self._groups
        group1 = self._states.group1
        return ((group1 if groups & GROUP1 else 0) | (~group1 if groups & GROUP0 else 0)) & self._here

    # --- registers -----------------------------------------------------------

    def _write_control(self, value: int) -> None:
        self._groups = value & ENABLES
        self.regs.set("CTLR", FIXED | self._groups)
        self._states.on_change()

    def _write_route(self, index: int, value: int) -> None:
        value &= DISTRIBUTOR["IROUTER"].writable
        self.regs.set("IROUTER", value, index)
        bit = 1 << FIRST_SPI + index
        here = value & ANY_CPU or not value
        self._here = self._here | bit if here else self._here & ~bit
        self._states.on_change()
