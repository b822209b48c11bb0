"""The GIC-400 distributor: state of every interrupt and the choice of the next.

Each state is one integer used as a bitmap over interrupt IDs, so that the
candidates are a single AND and only those few are looked at one by one.
Source: Arm IHI 0048B, sections 3.2 (states), 4.3 (registers).

Not modelled: more than one CPU (ITARGETSR is zero, SGIs come from CPU 0 only),
security extensions and their lockable SPIs, PPIs of programmable trigger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from devices.gic400.regs import DISTRIBUTOR, INTERRUPTS
from soc.registers import Log, RegisterFile

SGIS = 0xFFFF
WORD = 0xFFFF_FFFF
EDGE_BITS = 0xAAAA_AAAA
SGI_CONFIG = 0xAAAA_AAAA
TO_LIST, TO_SELF = 0, 2


def bits(bitmap: int) -> Iterator[int]:
    """Numbers of the bits that are set, lowest first."""
    while bitmap:
        low = bitmap & -bitmap
        yield low.bit_length() - 1
        bitmap ^= low


class Distributor:
    """`on_change` is called after anything that may change the choice."""

    def __init__(self, log: Log) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.enabled = SGIS
        self.active = 0
        self._latched = 0
        self._lines = 0
        self._edge = SGIS
        self._group1 = 0
        self.priority = [0] * INTERRUPTS
        self.regs = regs = RegisterFile(DISTRIBUTOR, log)
        regs.set("ICFGR", SGI_CONFIG, 0)
        regs.on_write("CTLR", self._write_control)
        regs.on_write("IGROUPR", self._write_group)
        regs.on_write("IPRIORITYR", self._write_priority)
        regs.on_write("ICFGR", self._write_config)
        regs.on_write("SGIR", self._write_sgi)
        for name in ("ISENABLER", "ICENABLER"):
            regs.on_read(name, lambda index: self._word(self.enabled, index))
        for name in ("ISPENDR", "ICPENDR"):
            regs.on_read(name, lambda index: self._word(self.pending, index))
        for name in ("ISACTIVER", "ICACTIVER"):
            regs.on_read(name, lambda index: self._word(self.active, index))
        for name in ("CPENDSGIR", "SPENDSGIR"):
            regs.on_read(name, self._read_pending_sgis)
        regs.on_read("PPISR", lambda: self._lines >> 16 & 0xFFFF)
        regs.on_read("SPISR", lambda index: self._word(self._lines, index + 1))
        regs.on_write("ISENABLER", self._enable)
        regs.on_write("ICENABLER", self._disable)
        regs.on_write("ISPENDR", self._set_pending)
        regs.on_write("ICPENDR", self._clear_pending)
        regs.on_write("ISACTIVER", self._set_active)
        regs.on_write("ICACTIVER", self._clear_active)
        regs.on_write("CPENDSGIR", self._clear_pending_sgis)
        regs.on_write("SPENDSGIR", self._set_pending_sgis)

    # --- for the CPU interface and the inputs --------------------------------

    @property
    def pending(self) -> int:
        """Latched interrupts and the asserted inputs of level-sensitive ones."""
        return self._latched | (self._lines & ~self._edge)

    def group(self, interrupt: int) -> int:
        return self._group1 >> interrupt & 1

    def best(self) -> int | None:
        """The pending interrupt of highest priority, the lowest ID of equals, or None."""
        candidates = self.pending & self.enabled & ~self.active
        groups = self.regs.get("CTLR")
        if not groups & 1:
            candidates &= self._group1
        if not groups & 2:
            candidates &= ~self._group1
        return min(bits(candidates), key=self.priority.__getitem__, default=None)

    def acknowledge(self, interrupt: int) -> None:
        self._latched &= ~(1 << interrupt)
        self.active |= 1 << interrupt

    def deactivate(self, interrupt: int) -> None:
        self.active &= ~(1 << interrupt)

    def drive(self, interrupt: int, level: bool) -> None:
        """The input of `interrupt` changed to `level`."""
        bit = 1 << interrupt
        if level:
            self._lines |= bit
            self._latched |= bit & self._edge
        else:
            self._lines &= ~bit
        self.on_change()

    # --- registers -----------------------------------------------------------

    @staticmethod
    def _word(bitmap: int, index: int) -> int:
        return bitmap >> (32 * index) & WORD

    def _write_control(self, value: int) -> None:
        self.regs.set("CTLR", value & 3)
        self.on_change()

    def _write_group(self, index: int, value: int) -> None:
        self.regs.set("IGROUPR", value, index)
        self._group1 = self._group1 & ~(WORD << 32 * index) | value << 32 * index
        self.on_change()

    def _write_priority(self, index: int, value: int) -> None:
        value &= DISTRIBUTOR["IPRIORITYR"].writable
        self.regs.set("IPRIORITYR", value, index)
        self.priority[4 * index : 4 * index + 4] = value.to_bytes(4, "little")
        self.on_change()

    def _write_config(self, index: int, value: int) -> None:
        if index < 2:
            return  # SGIs are edges and PPIs levels by design
        config = DISTRIBUTOR["ICFGR"].reset | value & EDGE_BITS
        self.regs.set("ICFGR", config, index)
        for offset in range(16):
            bit = 1 << (16 * index + offset)
            edge = config >> (2 * offset + 1) & 1
            self._edge = self._edge | bit if edge else self._edge & ~bit
        self.on_change()

    def _write_sgi(self, value: int) -> None:
        target = value >> 24 & 3
        if (target == TO_LIST and value >> 16 & 1) or target == TO_SELF:
            self._latched |= 1 << (value & 0xF)
            self.on_change()

    def _enable(self, index: int, value: int) -> None:
        self.enabled |= value << 32 * index
        self.on_change()

    def _disable(self, index: int, value: int) -> None:
        self.enabled = self.enabled & ~(value << 32 * index) | SGIS
        self.on_change()

    def _set_pending(self, index: int, value: int) -> None:
        self._latched |= value << 32 * index & ~SGIS
        self.on_change()

    def _clear_pending(self, index: int, value: int) -> None:
        self._latched &= ~(value << 32 * index) | SGIS
        self.on_change()

    def _set_active(self, index: int, value: int) -> None:
        self.active |= value << 32 * index
        self.on_change()

    def _clear_active(self, index: int, value: int) -> None:
        self.active &= ~(value << 32 * index)
        self.on_change()

    def _read_pending_sgis(self, index: int) -> int:
        return sum((self._latched >> (4 * index + i) & 1) << 8 * i for i in range(4))

    def _clear_pending_sgis(self, index: int, value: int) -> None:
        self._latched &= ~self._sgi_bits(index, value)
        self.on_change()

    def _set_pending_sgis(self, index: int, value: int) -> None:
        self._latched |= self._sgi_bits(index, value)
        self.on_change()

    @staticmethod
    def _sgi_bits(index: int, value: int) -> int:
        """The SGIs whose byte has the bit of CPU 0, as a bitmap."""
        return sum((value >> 8 * i & 1) << (4 * index + i) for i in range(4))
