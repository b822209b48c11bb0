"""The inputs of a GIC: which interrupt a specifier of the device tree means, and lines that share one.

Binding: Documentation/devicetree/bindings/interrupt-controller/arm,gic.yaml.

Not modelled: polarity of an input; a line is asserted or it is not.
"""

from __future__ import annotations

from devices.gic.states import InterruptStates
from soc.irq import Sink

SPI, PPI = 0, 1
FIRST_ID = {SPI: 32, PPI: 16}
KIND = {SPI: "SPI", PPI: "PPI"}
TRIGGER_MASK = 0xF
TRIGGERS = {SPI: (1, 4), PPI: (1, 2, 4, 8)}


class Inputs:
    """The wires that end at the interrupts of `states`."""

    def __init__(self, states: InterruptStates) -> None:
        self._states = states
        self._asserted = [0] * states.count

    def input(self, specifier: tuple[int, ...]) -> Sink:
        """An input of its own for the line; lines of one interrupt are OR-ed. ValueError if malformed."""
        interrupt = self._interrupt(specifier)
        before = False

        def sink(level: bool) -> None:
            nonlocal before
            if level == before:
                return
            before = level
            self._asserted[interrupt] += 1 if level else -1
            if self._asserted[interrupt] == level:
                self._states.drive(interrupt, level)

        return sink

    def _interrupt(self, specifier: tuple[int, ...]) -> int:
        """Interrupt ID of the cells (type, number, flags). ValueError says which cell is wrong."""
        if len(specifier) != 3:
            raise ValueError(f"a GIC interrupt has 3 cells (type, number, flags), not {len(specifier)}")
        kind, number, flags = specifier
        if kind not in KIND:
            raise ValueError(f"interrupt type must be 0 (SPI) or 1 (PPI), not {kind}")
        count = self._states.count - 32 if kind == SPI else 16
        if not 0 <= number < count:
            raise ValueError(f"{KIND[kind]} number must be 0..{count - 1}, not {number}")
        if flags & TRIGGER_MASK not in TRIGGERS[kind]:
            allowed = "1 (rising edge) or 4 (high level)" if kind == SPI else "1, 2, 4 or 8"
            raise ValueError(f"{KIND[kind]} trigger must be {allowed}, not {flags & TRIGGER_MASK}")
        return FIRST_ID[kind] + number
