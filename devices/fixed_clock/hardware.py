"""A fixed clock: an oscillator, which gives its consumers one rate for ever.

A node without registers; models that run at a clock ask for its rate by
`Slot.clock_rate`.

Source: the binding clock/fixed-clock.yaml.

Not modelled: clock-accuracy.
"""

from __future__ import annotations

from typing import ClassVar

from soc.bus import Target
from soc.device import Slot
from soc.errors import BadInput
from soc.registers import RegisterTable


class FixedClock:
    """A clock of `rate` Hz."""

    compatible: ClassVar[tuple[str, ...]] = ("fixed-clock",)
    tables: ClassVar[tuple[RegisterTable, ...]] = ()
    dma: ClassVar[bool] = False

    def __init__(self, slot: Slot) -> None:
        """BadInput without a clock-frequency, or with one that is no rate."""
        self.targets: tuple[Target, ...] = ()
        node = slot.node
        rate = node.number("clock-frequency")
        if rate is None:
            raise BadInput(f"{node.path}: a fixed-clock needs clock-frequency, its rate in Hz", node.where)
        if not 0 < rate < 1 << 32:
            where = node.properties["clock-frequency"].where
            raise BadInput(f"{node.path}: clock-frequency is 1 to 4294967295 Hz, not {rate}", where)
        self.rate = rate
