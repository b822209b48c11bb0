"""The GIC-400 distributor: the registers of all interrupts.

Source: Arm IHI 0048B, sections 3.2 (states), 4.3 (registers).

Not modelled: more than one CPU (ITARGETSR is zero, SGIs come from CPU 0 only),
security extensions and their lockable SPIs, PPIs of programmable trigger.
"""

from __future__ import annotations

from devices.gic.state_registers import WORD, StateRegisters
from devices.gic.states import PRIVATE, SGIS, InterruptStates
from devices.gic400.regs import DISTRIBUTOR, INTERRUPTS
from soc.registers import Log, RegisterFile

SGI_CONFIG = 0xAAAA_AAAA
TO_LIST, TO_SELF = 0, 2


class Distributor:
    """The states of every interrupt, as software sees them."""

    def __init__(self, log: Log) -> None:
        self.states = InterruptStates(INTERRUPTS)
        self.states.enabled = SGIS
        self.regs = regs = RegisterFile(DISTRIBUTOR, log)
        StateRegisters(
            regs, self.states, reach=self.states.spis | PRIVATE, always_on=SGIS, fixed_trigger=PRIVATE
        )
        regs.set("ICFGR", SGI_CONFIG, 0)
        regs.on_write("CTLR", self._write_control)
        regs.on_write("SGIR", self._write_sgi)
        for name in ("CPENDSGIR", "SPENDSGIR"):
            regs.on_read(name, self._read_pending_sgis)
        regs.on_write("CPENDSGIR", self._clear_pending_sgis)
        regs.on_write("SPENDSGIR", self._set_pending_sgis)
        regs.on_read("PPISR", lambda: self.states.lines >> 16 & 0xFFFF)
        regs.on_read("SPISR", lambda index: self.states.lines >> 32 * (index + 1) & WORD)

    def group(self, interrupt: int) -> int:
        return self.states.group1 >> interrupt & 1

    def best(self) -> int | None:
        """The pending interrupt of highest priority, of equals the lowest ID, or None."""
        group1 = self.states.group1
        groups = self.regs.get("CTLR")
        return self.states.best((~group1 if groups & 1 else 0) | (group1 if groups & 2 else 0))

    # --- registers -----------------------------------------------------------

    def _write_control(self, value: int) -> None:
        self.regs.set("CTLR", value & 3)
        self.states.on_change()

    def _write_sgi(self, value: int) -> None:
        target = value >> 24 & 3
        if (target == TO_LIST and value >> 16 & 1) or target == TO_SELF:
            self.states.latched |= 1 << (value & 0xF)
            self.states.on_change()

    def _read_pending_sgis(self, index: int) -> int:
        return sum((self.states.latched >> (4 * index + i) & 1) << 8 * i for i in range(4))

    def _clear_pending_sgis(self, index: int, value: int) -> None:
        self.states.latched &= ~self._sgi_bits(index, value)
        self.states.on_change()

    def _set_pending_sgis(self, index: int, value: int) -> None:
        self.states.latched |= self._sgi_bits(index, value)
        self.states.on_change()

    @staticmethod
    def _sgi_bits(index: int, value: int) -> int:
        """The SGIs whose byte has the bit of CPU 0, as a bitmap."""
        return sum((value >> 8 * i & 1) << (4 * index + i) for i in range(4))
