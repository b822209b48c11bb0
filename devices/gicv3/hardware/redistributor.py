"""The redistributor of the one CPU: states of SGIs and PPIs, sleep, and the choice of the next interrupt.

Source: Arm IHI 0069, sections 4.6 (prioritisation), 12.10 and 12.11 (registers); power: chapter 11.

Not modelled: LPIs, extended PPIs, the wake-up request of an interrupt that finds the CPU asleep.
"""

from __future__ import annotations

from devices.gic.state_registers import StateRegisters
from devices.gic.states import PRIVATE, SGIS, InterruptStates
from devices.gicv3.hardware.distributor import Distributor
from devices.gicv3.regs import REDISTRIBUTOR
from devices.gicv3.regs.redistributor import ASLEEP, SGI_CONFIG
from soc.registers import Log, RegisterFile

PROCESSOR_SLEEP = 1 << 1


class Redistributor:
    """The last and only redistributor, of the CPU at 0.0.0.0."""

    def __init__(self, states: InterruptStates, distributor: Distributor, log: Log) -> None:
        self._states = states
        self._distributor = distributor
        self._asleep = True
        self.regs = regs = RegisterFile(REDISTRIBUTOR, log)
        StateRegisters(regs, states, reach=PRIVATE, fixed_trigger=SGIS, suffix="0")
        regs.set("ICFGR", SGI_CONFIG, 0)
        regs.on_write("WAKER", self._write_waker)

    def highest(self, groups: int) -> int | None:
        """The pending interrupt of highest priority that may go to a CPU that has `groups` on, or None."""
        if self._asleep:
            return None
        return self._states.best(self._distributor.forwarded(groups))

    def _write_waker(self, value: int) -> None:
        """ChildrenAsleep follows ProcessorSleep at once."""
        self._asleep = bool(value & PROCESSOR_SLEEP)
        self.regs.set("WAKER", ASLEEP if self._asleep else 0)
        self._states.on_change()
