"""SP805 watchdog: a counter that wants to be restarted before it reaches zero.

From a start at N the counter is zero after N cycles of its clock, and starts again by
itself in the next one. The first zero raises the interrupt; if that is not cleared,
the next one, N + 1 cycles later, resets the board, if WDOGCONTROL.RESEN is set. The
clock is that which the board calls `wdog_clk`, or its first; 24 MHz if it has none.

Source: Arm DDI 0270; names of clocks as in the binding watchdog/arm,sp805.yaml.

Not modelled: the clock enable WDOGCLKEN, the phase of the clock (a cycle begins with
the access that starts the counter), the integration test registers, which take writes
while WDOGLOCK is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from devices.sp805.regs import INTEN, RESEN, TABLE, UNLOCK, WDOGCLK, WDOGINT
from soc.bus import Target
from soc.clock import SECOND, Event
from soc.device import Slot
from soc.processor import StopReason
from soc.registers import RegisterFile, RegisterTable, Writer


class Sp805:
    """One watchdog. It ends the machine's run with a reset."""

    compatible: ClassVar[tuple[str, ...]] = ("arm,sp805",)
    tables: ClassVar[tuple[RegisterTable, ...]] = (TABLE,)
    dma: ClassVar[bool] = False

    def __init__(self, slot: Slot) -> None:
        self._clock = slot.clock
        self._line = slot.irqs[0] if slot.irqs else None
        self._log = slot.log
        self._power = slot.power
        self._rate = slot.clock_rate("wdog_clk", WDOGCLK)
        self._said: set[str] = set()
        self._locked = False
        self._began = 0
        self._zero: Event | None = None
        self._regs = regs = RegisterFile(TABLE, slot.log)
        self.targets: tuple[Target, ...] = (regs,)
        regs.on_read("WDOGVALUE", self._value)
        regs.on_read("WDOGLOCK", lambda: int(self._locked))
        regs.on_write("WDOGLOCK", self._lock)
        regs.on_write("WDOGLOAD", self._unless_locked("WDOGLOAD", self._load))
        regs.on_write("WDOGCONTROL", self._unless_locked("WDOGCONTROL", self._control))
        regs.on_write("WDOGINTCLR", self._unless_locked("WDOGINTCLR", self._clear))

    # --- registers ---------------------------------------------------------

    def _lock(self, value: int) -> None:
        self._locked = value != UNLOCK

    def _unless_locked(self, name: str, write: Callable[[int], None]) -> Writer:
        def writer(value: int) -> None:
            if not self._locked:
                write(value)
            elif name not in self._said:
                self._said.add(name)
                self._log(f"sp805: a write of {name} is ignored: WDOGLOCK is closed")

        return writer

    def _load(self, value: int) -> None:
        self._regs.set("WDOGLOAD", value)
        self._restart()

    def _control(self, value: int) -> None:
        switched = (value ^ self._regs.get("WDOGCONTROL")) & INTEN
        if switched and not value & INTEN:
            self._regs.set("WDOGVALUE", self._value())
        self._regs.set("WDOGCONTROL", value & (INTEN | RESEN))
        if switched and value & INTEN:
            self._restart()
        self._refresh(self._regs.get("WDOGRIS"))

    def _clear(self, _: int) -> None:
        self._restart()
        self._refresh(0)

    # --- the counter -------------------------------------------------------

    def _restart(self) -> None:
        """From WDOGLOAD; a counter that is off stays there."""
        self._regs.set("WDOGVALUE", self._regs.get("WDOGLOAD"))
        self._began = self._clock.now
        if self._zero:
            self._zero.cancel()
        self._await_zero()

    def _cycles(self) -> int:
        """Cycles of the clock since the start."""
        return (self._clock.now - self._began) * self._rate // SECOND

    def _value(self) -> int:
        if not self._regs.get("WDOGCONTROL") & INTEN:
            return self._regs.get("WDOGVALUE")
        load = self._regs.get("WDOGLOAD")
        return load - self._cycles() % (load + 1)

    def _await_zero(self) -> None:
        """Have the next zero noticed, if it does anything; one of this very instant still is."""
        if self._zero and self._zero.pending:
            if self._zero.when <= self._clock.now:
                return
            self._zero.cancel()
        control = self._regs.get("WDOGCONTROL")
        if not control & INTEN or (self._regs.get("WDOGRIS") and not control & RESEN):
            return
        period = self._regs.get("WDOGLOAD") + 1
        cycle = ((self._cycles() + 1) // period + 1) * period - 1
        self._zero = self._clock.at(self._began - (-cycle * SECOND // self._rate), self._expire)

    def _expire(self) -> None:
        if self._regs.get("WDOGRIS"):
            self._log("sp805: nobody answered its interrupt in time: reset")
            self._power(StopReason.RESET)
        else:
            self._refresh(WDOGINT)

    def _refresh(self, raw: int) -> None:
        """Bring interrupt status and the line up to date, and what the next zero does."""
        masked = raw if self._regs.get("WDOGCONTROL") & INTEN else 0
        self._regs.set("WDOGRIS", raw)
        self._regs.set("WDOGMIS", masked)
        if self._line:
            self._line.set(masked != 0)
        self._await_zero()
