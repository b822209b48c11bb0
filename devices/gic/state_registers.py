"""The registers by which software sees and changes the states of interrupts.

GICv2 has them in its distributor; GICv3 has SPIs there and the rest, by the
same rules, in a redistributor. IGROUPR .. ICACTIVER have a bit for each
interrupt, IPRIORITYR a byte, ICFGR two bits.
Source: Arm IHI 0048B, section 4.3, Arm IHI 0069, section 12.9.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from devices.gic.states import InterruptStates
from soc.registers import RegisterFile

WORD = 0xFFFF_FFFF
EDGE_BITS = 0xAAAA_AAAA

Change = Callable[[int], None]
"""Takes a bitmap of interrupts."""


class StateRegisters:
    """`regs`, through which the interrupts in the bitmap `reach` are seen; others read as zero.

    `always_on` are those of them that software neither enables nor makes pending
    here, `fixed_trigger` those whose ICFGR bits are read-only. A block with one
    word of state has `suffix` "0" on the names of its bit registers.
    """

    def __init__(
        self,
        regs: RegisterFile,
        states: InterruptStates,
        reach: int,
        *,
        always_on: int = 0,
        fixed_trigger: int = 0,
        suffix: str = "",
    ) -> None:
        self._regs = regs
        self._states = states
        self._reach = reach
        self._switchable = reach & ~always_on
        self._configurable = reach & ~fixed_trigger
        for name, bitmap, change in (
            ("ISENABLER", self._enabled, self._enable),
            ("ICENABLER", self._enabled, self._disable),
            ("ISPENDR", self._pending, self._set_pending),
            ("ICPENDR", self._pending, self._clear_pending),
            ("ISACTIVER", self._active, self._set_active),
            ("ICACTIVER", self._active, self._clear_active),
        ):
            self._connect(name + suffix, partial(self._read, bitmap), partial(self._write, change))
        self._group = f"IGROUPR{suffix}"
        self._connect(self._group, None, self._write_group)
        regs.on_write("IPRIORITYR", self._write_priority)
        regs.on_write("ICFGR", self._write_config)

    def _connect(
        self, name: str, reader: Callable[[int], int] | None, writer: Callable[[int, int], None]
    ) -> None:
        """Hang both on `name`; a register that is no array is word 0."""
        array = self._regs.table[name].count > 1
        self._regs.on_write(name, writer if array else partial(writer, 0))
        if reader:
            self._regs.on_read(name, reader if array else partial(reader, 0))

    # --- a bit for each interrupt --------------------------------------------

    def _read(self, bitmap: Callable[[], int], index: int) -> int:
        return (bitmap() & self._reach) >> 32 * index & WORD

    def _write(self, change: Change, index: int, value: int) -> None:
        change(value << 32 * index & self._reach)
        self._states.on_change()

    def _enabled(self) -> int:
        return self._states.enabled

    def _pending(self) -> int:
        return self._states.pending

    def _active(self) -> int:
        return self._states.active

    def _enable(self, which: int) -> None:
        self._states.enabled |= which

    def _disable(self, which: int) -> None:
        self._states.enabled &= ~(which & self._switchable)

    def _set_pending(self, which: int) -> None:
        self._states.latched |= which & self._switchable

    def _clear_pending(self, which: int) -> None:
        self._states.latched &= ~(which & self._switchable)

    def _set_active(self, which: int) -> None:
        self._states.active |= which

    def _clear_active(self, which: int) -> None:
        self._states.active &= ~which

    def _write_group(self, index: int, value: int) -> None:
        word = WORD << 32 * index & self._reach
        group1 = value << 32 * index & word
        self._regs.set(self._group, group1 >> 32 * index, index)
        self._states.group1 = self._states.group1 & ~word | group1
        self._states.on_change()

    # --- more than a bit -----------------------------------------------------

    def _write_priority(self, index: int, value: int) -> None:
        if not self._reach >> 4 * index & 1:
            return
        value &= self._regs.table["IPRIORITYR"].writable
        self._regs.set("IPRIORITYR", value, index)
        self._states.priority[4 * index : 4 * index + 4] = value.to_bytes(4, "little")
        self._states.on_change()

    def _write_config(self, index: int, value: int) -> None:
        if not self._configurable >> 16 * index & 1:
            return
        config = self._regs.table["ICFGR"].reset | value & EDGE_BITS
        self._regs.set("ICFGR", config, index)
        for offset in range(16):
            bit = 1 << (16 * index + offset)
            edge = config >> (2 * offset + 1) & 1
            self._states.edge = self._states.edge | bit if edge else self._states.edge & ~bit
        self._states.on_change()
