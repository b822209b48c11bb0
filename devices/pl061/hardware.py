"""PL061 GPIO: eight pins, each an input or an output, with one interrupt for all of them.

An input has the level that the outside drives, low until somebody does; an output has
the one last written to it as an output. Only inputs interrupt: an edge is kept until it
is cleared, a level is there as long as the pin has it.

Source: Arm DDI 0190. Two things the manual leaves open are as drivers/gpio/gpio-pl061.c
counts on: a value written to a pin that is an input is not kept for the output it may
become, and a change of direction is no edge.

Not modelled: hardware control of pins (GPIOAFSEL), an interrupt line for each pin
beside the common one, interrupts of other nodes that name this block as their
interrupt-parent (a consumer has a pin by `gpios`), pull-ups and open drains, the
integration test registers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from devices.pl061.regs import ALL, PINS, TABLE
from soc.bus import Target
from soc.device import Slot
from soc.registers import RegisterFile, RegisterTable

Observer = Callable[[bool], None]


class Pl061:
    """One block of pins 0..7. `drive` is the outside of an input; `observe` hears of an output.

    Each raises ValueError for a pin there is not.
    """

    compatible: ClassVar[tuple[str, ...]] = ("arm,pl061",)
    tables: ClassVar[tuple[RegisterTable, ...]] = (TABLE,)
    dma: ClassVar[bool] = False

    def __init__(self, slot: Slot) -> None:
        self._interrupt = slot.irqs[0] if slot.irqs else None
        self._driven = 0
        self._written = 0
        self._edges = 0
        self._observers: list[tuple[int, Observer]] = []
        self._regs = regs = RegisterFile(TABLE, slot.log)
        self.targets: tuple[Target, ...] = (regs,)
        regs.on_read("GPIODATA", lambda mask: self._levels & mask)
        regs.on_write("GPIODATA", self._write_data)
        regs.on_write("GPIODIR", self._set_direction)
        for name in ("GPIOIS", "GPIOIBE", "GPIOIEV", "GPIOIE"):
            regs.on_write(name, partial(self._configure, name))
        regs.on_write("GPIOIC", self._clear)

    # --- the outside -------------------------------------------------------

    def line(self, pin: int) -> bool:
        """The level of a pin, whoever drives it."""
        return bool(self._levels & _bit(pin))

    def drive(self, pin: int, level: bool) -> None:
        """The outside puts an input at `level`; a pin that is an output has it once it is an input."""
        before = self._levels
        self._driven = self._driven | _bit(pin) if level else self._driven & ~_bit(pin)
        after = self._levels
        wanted = self._regs.get("GPIOIBE") | ~(after ^ self._regs.get("GPIOIEV"))
        self._edges |= (before ^ after) & wanted & ~self._regs.get("GPIOIS")
        self._refresh()

    def observe(self, pin: int, observer: Observer) -> None:
        """Have `observer(level)` called when the pin becomes an output, and at each new level of it.

        Never for an input: what is left alone there is the board's to pull to rest.
        """
        self._observers.append((_bit(pin), observer))

    # --- registers ---------------------------------------------------------

    def _write_data(self, mask: int, value: int) -> None:
        mask &= self._regs.get("GPIODIR")
        self._drive_out(self._regs.get("GPIODIR"), self._written & ~mask | value & mask)

    def _set_direction(self, value: int) -> None:
        self._drive_out(value & ALL, self._written)

    def _drive_out(self, outputs: int, written: int) -> None:
        """Change what is put out, and tell those who watch a pin that is news to them."""
        news = outputs & (~self._regs.get("GPIODIR") | (written ^ self._written))
        self._regs.set("GPIODIR", outputs)
        self._written = written
        self._refresh()
        for bit, observer in self._observers:
            if news & bit:
                observer(bool(written & bit))

    def _configure(self, name: str, value: int) -> None:
        self._regs.set(name, value & ALL)
        self._edges &= ~self._regs.get("GPIOIS")
        self._refresh()

    def _clear(self, value: int) -> None:
        self._edges &= ~value
        self._refresh()

    # --- state -------------------------------------------------------------

    @property
    def _levels(self) -> int:
        outputs = self._regs.get("GPIODIR")
        return self._written & outputs | self._driven & ~outputs

    def _refresh(self) -> None:
        """Bring interrupt status and the line up to date."""
        inputs = ALL & ~self._regs.get("GPIODIR")
        active = self._regs.get("GPIOIS") & ~(self._levels ^ self._regs.get("GPIOIEV"))
        raw = self._edges | active & inputs
        masked = raw & self._regs.get("GPIOIE")
        self._regs.set("GPIORIS", raw)
        self._regs.set("GPIOMIS", masked)
        if self._interrupt:
            self._interrupt.set(masked != 0)


def _bit(pin: int) -> int:
    if not 0 <= pin < PINS:
        raise ValueError(f"a PL061 has pins 0..{PINS - 1}, not {pin}")
    return 1 << pin
