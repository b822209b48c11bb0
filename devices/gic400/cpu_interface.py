"""The GIC-400 CPU interface: masking, preemption, acknowledge and end.

The priorities in service are kept as the hardware keeps them, a bit for each
level in APR0 (group 0) and NSAPR0 (group 1); the running priority is the
lowest bit set. Only a strictly higher group priority preempts, so a level is
never in service twice.
Source: Arm IHI 0048B, sections 3.3 (prioritisation), 4.4 (registers).

Not modelled: banked Secure and Non-secure views, bypass of the legacy lines.
"""

from __future__ import annotations

from devices.gic400.distributor import Distributor
from devices.gic400.regs import CPU_INTERFACE, INTERRUPTS
from soc.irq import IrqLine
from soc.registers import Log, RegisterFile

SPURIOUS = 1023
OTHER_GROUP = 1022
IDLE = 0xFF
ACK_CTL, FIQ_EN, CBPR, EOI_MODE = 1 << 2, 1 << 3, 1 << 4, 1 << 9
LEVEL_SHIFT = 3
MIN_BPR, MIN_ABPR = 2, 3


class CpuInterface:
    """Interface of CPU 0: drives `irq` and, for group 0 with FIQEn, `fiq`."""

    def __init__(self, distributor: Distributor, irq: IrqLine, fiq: IrqLine, log: Log) -> None:
        self._distributor = distributor
        self._states = distributor.states
        self._irq = irq
        self._fiq = fiq
        self._log = log
        self._said: set[tuple[str, int]] = set()
        self.regs = regs = RegisterFile(CPU_INTERFACE, log)
        distributor.states.on_change = self.refresh
        regs.on_write("CTLR", lambda value: self._keep("CTLR", value))
        regs.on_write("PMR", lambda value: self._keep("PMR", value))
        regs.on_write("APR0", lambda value: self._keep("APR0", value))
        regs.on_write("NSAPR0", lambda value: self._keep("NSAPR0", value))
        regs.on_write("BPR", lambda value: self._keep("BPR", max(value & 7, MIN_BPR)))
        regs.on_write("ABPR", lambda value: self._keep("ABPR", max(value & 7, MIN_ABPR)))
        regs.on_read("IAR", lambda: self._acknowledge(aliased=False))
        regs.on_read("AIAR", lambda: self._acknowledge(aliased=True))
        regs.on_read("HPPIR", lambda: self._highest(aliased=False))
        regs.on_read("AHPPIR", lambda: self._highest(aliased=True))
        regs.on_read("RPR", self.running_priority)
        regs.on_write("EOIR", lambda value: self._end("EOIR", value))
        regs.on_write("AEOIR", lambda value: self._end("AEOIR", value))
        regs.on_write("DIR", self._deactivate)

    def refresh(self) -> None:
        """Bring the CPU's lines up to date."""
        best = self._distributor.best()
        signalled = best is not None and self._passes(best)
        by_fiq = signalled and best is not None and self._is_fiq(best)
        self._fiq.set(by_fiq)
        self._irq.set(signalled and not by_fiq)

    def running_priority(self) -> int:
        """Group priority in service, 0xff when idle."""
        levels = self.regs.get("APR0") | self.regs.get("NSAPR0")
        return ((levels & -levels).bit_length() - 1) << LEVEL_SHIFT if levels else IDLE

    # --- prioritisation ------------------------------------------------------

    def _group_priority(self, interrupt: int) -> int:
        """The part of the interrupt's priority that decides preemption."""
        priority = self._states.priority[interrupt]
        if self._distributor.group(interrupt) and not self.regs.get("CTLR") & CBPR:
            return priority & -1 << self.regs.get("ABPR")
        return priority & -2 << self.regs.get("BPR")

    def _group_on(self, interrupt: int) -> bool:
        return bool(self.regs.get("CTLR") >> self._distributor.group(interrupt) & 1)

    def _passes(self, interrupt: int) -> bool:
        """Group on, above the mask, and above what is in service."""
        return (
            self._group_on(interrupt)
            and self._states.priority[interrupt] < self.regs.get("PMR")
            and self._group_priority(interrupt) < self.running_priority()
        )

    def _is_fiq(self, interrupt: int) -> bool:
        return self._distributor.group(interrupt) == 0 and bool(self.regs.get("CTLR") & FIQ_EN)

    def _visible(self, interrupt: int, aliased: bool) -> int:
        """`interrupt` as the plain or aliased registers show it."""
        if aliased:
            return interrupt if self._distributor.group(interrupt) else SPURIOUS
        if self._distributor.group(interrupt) and not self.regs.get("CTLR") & ACK_CTL:
            return OTHER_GROUP
        return interrupt

    # --- registers -----------------------------------------------------------

    def _keep(self, name: str, value: int) -> None:
        self.regs.set(name, value & CPU_INTERFACE[name].writable & 0xFFFF_FFFF)
        self.refresh()

    def _highest(self, aliased: bool) -> int:
        best = self._distributor.best()
        if best is None or not self._group_on(best):
            return SPURIOUS
        return self._visible(best, aliased)

    def _acknowledge(self, aliased: bool) -> int:
        best = self._distributor.best()
        if best is None or not self._passes(best):
            return SPURIOUS
        answer = self._visible(best, aliased)
        if answer == best:
            levels = "NSAPR0" if self._distributor.group(best) else "APR0"
            level = 1 << (self._group_priority(best) >> LEVEL_SHIFT)
            self.regs.set(levels, self.regs.get(levels) | level)
            self._states.acknowledge(best)
            self.refresh()
        return answer

    def _end(self, name: str, value: int) -> None:
        interrupt = value & 0x3FF
        if interrupt >= INTERRUPTS:
            return
        if not self._states.active >> interrupt & 1:
            self._say(name, interrupt, "is not active")
            return
        if name == "AEOIR" and not self._distributor.group(interrupt):
            self._say(name, interrupt, "belongs to group 0")
            return
        self._drop_priority()
        if not self.regs.get("CTLR") & EOI_MODE:
            self._states.deactivate(interrupt)
        self.refresh()

    def _drop_priority(self) -> None:
        """Leave the highest priority in service."""
        levels = self.regs.get("APR0") | self.regs.get("NSAPR0")
        for name in ("APR0", "NSAPR0"):
            self.regs.set(name, self.regs.get(name) & ~(levels & -levels))

    def _deactivate(self, value: int) -> None:
        interrupt = value & 0x3FF
        if interrupt >= INTERRUPTS:
            return
        if not self.regs.get("CTLR") & EOI_MODE:
            self._say("DIR", interrupt, "cannot be deactivated while EOImode is 0")
            return
        self._states.deactivate(interrupt)
        self.refresh()

    def _say(self, name: str, interrupt: int, problem: str) -> None:
        """Log a write of `name` that has no effect, once for each interrupt."""
        if (name, interrupt) not in self._said:
            self._said.add((name, interrupt))
            self._log(f"gicc: {name} ignored: interrupt {interrupt} {problem}")
