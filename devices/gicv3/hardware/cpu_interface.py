"""The CPU interface: acknowledge, end and SGIs, by the system registers ICC_*.

An interrupt whose group is off here does not compete with those of the other group.
Source: Arm IHI 0069, sections 4.1 (states), 12.2 (registers); which SGI goes to
which group: table 8-14.

Not modelled: what depends on the exception level or security state of an access
(EOImode_EL3, banked registers); the virtual interface: it has no list registers,
ICH_HCR_EL2 only keeps what is written to it, HCR_EL2.IMO and FMO redirect nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from devices.gic.states import InterruptStates
from devices.gicv3.hardware.priorities import Priorities
from devices.gicv3.hardware.redistributor import Redistributor
from devices.gicv3.regs import CPU_INTERFACE, INTERRUPTS
from devices.gicv3.regs.cpu_interface import CBPR, EOI_MODE, FEATURES, SPURIOUS
from soc.irq import IrqLine
from soc.registers import Log

ID_MASK = 0xFF_FFFF
WORD = 0xFFFF_FFFF
VIRTUAL_ENABLE = 1 << 0
TO_OTHERS = 1 << 40
AFFINITY = 0xFF_00FF_00FF_0000
"""Aff3, Aff2 and Aff1 of an SGI's targets; those of this CPU are zero, so is its place in the list."""

Readers = dict[str, Callable[[], int]]
Writers = dict[str, Callable[[int], None]]


class CpuInterface:
    """The interface of the CPU at 0.0.0.0: drives `irq` for group 1 and `fiq` for group 0."""

    def __init__(
        self, states: InterruptStates, redistributor: Redistributor, irq: IrqLine, fiq: IrqLine, log: Log
    ) -> None:
        self._states = states
        self._redistributor = redistributor
        self._irq = irq
        self._fiq = fiq
        self._log = log
        self._said: set[str] = set()
        self._priorities = Priorities()
        self._groups = 0
        self._control = 0
        self._virtual = 0
        self._best = SPURIOUS
        self._group = 0
        self._signalled = False
        states.on_change = self.refresh
        self.registers = CPU_INTERFACE.connect(self._readers(), self._writers())

    def refresh(self) -> None:
        """Find the highest priority pending interrupt and bring the CPU's lines up to date."""
        best = self._redistributor.highest(self._groups)
        if best is None:
            self._best = SPURIOUS
            self._signalled = False
        else:
            self._best = best
            self._group = self._states.group1 >> best & 1
            self._signalled = self._priorities.preempts(self._states.priority[best], self._group)
        self._fiq.set(self._signalled and self._group == 0)
        self._irq.set(self._signalled and self._group == 1)

    # --- one interrupt -------------------------------------------------------

    def _highest(self, group: int) -> int:
        return self._best if self._group == group else SPURIOUS

    def _acknowledge(self, group: int) -> int:
        if not self._signalled or self._group != group:
            return SPURIOUS
        interrupt = self._best
        self._priorities.enter(self._states.priority[interrupt], group)
        self._states.acknowledge(interrupt)
        self.refresh()
        return interrupt

    def _end(self, group: int, value: int) -> None:
        interrupt = value & ID_MASK
        if interrupt >= INTERRUPTS:
            return
        if not self._priorities.leave(group):
            self._say(f"ICC_EOIR{group}_EL1 ignored: what is in service is not of group {group}")
            return
        if not self._control & EOI_MODE:
            self._states.deactivate(interrupt)
        self.refresh()

    def _deactivate(self, value: int) -> None:
        interrupt = value & ID_MASK
        if interrupt >= INTERRUPTS:
            return
        if not self._control & EOI_MODE:
            self._say("ICC_DIR_EL1 ignored: EOImode is 0, where the end of an interrupt deactivates it")
            return
        self._states.deactivate(interrupt)
        self.refresh()

    def _send(self, either_group: bool, value: int) -> None:
        """An SGI, pending if this CPU is among the targets and the group is one that the register sends."""
        if value & (TO_OTHERS | AFFINITY) or not value & 1:
            return
        bit = 1 << (value >> 24 & 0xF)
        if either_group or not self._states.group1 & bit:
            self._states.latched |= bit
            self.refresh()

    # --- switches ------------------------------------------------------------

    def _on(self, group: int) -> int:
        return self._groups >> group & 1

    def _switch(self, group: int, value: int) -> None:
        self._groups = self._groups & ~(1 << group) | (value & 1) << group
        self.refresh()

    def _set_control(self, value: int) -> None:
        self._control = value & (CBPR | EOI_MODE)
        self._priorities.share_point(bool(value & CBPR))
        self.refresh()

    def _set_control3(self, value: int) -> None:
        """ICC_CTLR_EL3 has CBPR one bit higher and EOImode three."""
        self._set_control(value >> 1 & CBPR | value >> 3 & EOI_MODE)

    def _set_virtual(self, value: int) -> None:
        self._virtual = value & WORD
        if value & VIRTUAL_ENABLE:
            self._say("ICH_HCR_EL2.En has no effect: the virtual interface is not modelled")

    def _change(self, setter: Callable[[int], None], value: int) -> None:
        setter(value)
        self.refresh()

    def _say(self, text: str) -> None:
        """Log a write without effect, once."""
        if text not in self._said:
            self._said.add(text)
            self._log(f"gicv3-cpu: {text}")

    # --- what answers for which register -------------------------------------

    def _readers(self) -> Readers:
        priorities = self._priorities
        readers: Readers = {
            "ICC_PMR_EL1": lambda: priorities.mask,
            "ICC_RPR_EL1": lambda: priorities.running,
            "ICC_CTLR_EL1": lambda: FEATURES | self._control,
            "ICC_CTLR_EL3": lambda: FEATURES | (self._control & CBPR) << 1 | (self._control & EOI_MODE) << 3,
            "ICC_IGRPEN1_EL3": partial(self._on, 1),
            "ICH_HCR_EL2": lambda: self._virtual,
        }
        for group in range(2):
            readers |= {
                f"ICC_IAR{group}_EL1": partial(self._acknowledge, group),
                f"ICC_HPPIR{group}_EL1": partial(self._highest, group),
                f"ICC_BPR{group}_EL1": partial(priorities.point, group),
                f"ICC_AP{group}R0_EL1": partial(priorities.levels.__getitem__, group),
                f"ICC_IGRPEN{group}_EL1": partial(self._on, group),
            }
        for name in ("ICC_SRE_EL1", "ICC_SRE_EL2", "ICC_SRE_EL3", "ICH_VTR_EL2"):
            readers[name] = partial(int, CPU_INTERFACE[name].reset)
        return readers

    def _writers(self) -> Writers:
        priorities = self._priorities
        writers: Writers = {
            "ICC_PMR_EL1": partial(self._change, priorities.set_mask),
            "ICC_DIR_EL1": self._deactivate,
            "ICC_SGI1R_EL1": partial(self._send, True),
            "ICC_ASGI1R_EL1": partial(self._send, False),
            "ICC_SGI0R_EL1": partial(self._send, False),
            "ICC_CTLR_EL1": self._set_control,
            "ICC_CTLR_EL3": self._set_control3,
            "ICC_IGRPEN1_EL3": partial(self._switch, 1),
            "ICH_HCR_EL2": self._set_virtual,
        }
        for group in range(2):
            writers |= {
                f"ICC_EOIR{group}_EL1": partial(self._end, group),
                f"ICC_BPR{group}_EL1": partial(self._change, partial(priorities.set_point, group)),
                f"ICC_AP{group}R0_EL1": partial(self._change, partial(priorities.set_levels, group)),
                f"ICC_IGRPEN{group}_EL1": partial(self._switch, group),
            }
        for name in ("ICC_SRE_EL1", "ICC_SRE_EL2", "ICC_SRE_EL3"):
            writers[name] = lambda value: None
        return writers
