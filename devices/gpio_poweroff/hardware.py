"""Power control by a pin: gpio-poweroff switches the board off, gpio-restart resets it.

A node without registers, whose `gpios` names an output of a GPIO block; the flag 1 says
that the pin is active when low. The run ends when the pin has been active for a
millisecond; the instant in which software turns an input into an output, whose level it
sets only then (as Linux has to on a PL061), is too short for that.

Source: the bindings power/reset/gpio-poweroff.yaml and power/reset/gpio-restart.yaml.

Not modelled: delays (active-delay and its kin are times that software keeps), a board
that waits for the edge back, a second entry of `gpios`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol, runtime_checkable

from devices.power_switch import PowerSwitch
from soc.clock import SECOND, Event
from soc.device import Slot
from soc.errors import BadInput
from soc.processor import StopReason

ACTIVE_LOW = 1
HOLD = SECOND // 1000
"""Nanoseconds for which the pin must be active; software keeps it so for 100 ms if not told otherwise."""


@runtime_checkable
class GpioController(Protocol):
    """A model that drives pins."""

    def observe(self, pin: int, observer: Callable[[bool], None]) -> None:
        """Call `observer(level)` when the pin is driven anew. ValueError for a pin there is not."""
        ...


class PowerPin(PowerSwitch):
    """What both have in common: a pin that ends the run when it is active."""

    def __init__(self, slot: Slot) -> None:
        """BadInput if `gpios` does not lead to a pin."""
        super().__init__(slot)
        node = slot.node
        entries = node.phandles("gpios", "#gpio-cells")
        if not entries:
            raise BadInput(f"{node.path}: it needs gpios, the pin it watches", node.where)
        entry = entries[0]
        block: object = slot.provider(entry.node)
        if not isinstance(block, GpioController) or len(entry.args) != 2:
            problem = f"{node.path}: {entry.node.path} is not a modelled GPIO block of two cells"
            raise BadInput(problem, entry.where)
        pin, flags = entry.args
        self._active = not flags & ACTIVE_LOW
        self._due: Event | None = None
        self._name = f"pin {pin} of {entry.node.path}"
        try:
            block.observe(pin, self._hear)
        except ValueError as error:
            raise BadInput(f"{node.path}: {error}", entry.where) from error

    def _hear(self, level: bool) -> None:
        if level != self._active:
            if self._due:
                self._due.cancel()
                self._due = None
        elif self._due is None:
            cause = f"{self._name} is {'high' if self._active else 'low'}"
            self._due = self._slot.clock.after(HOLD, lambda: self.end(cause))


class GpioPoweroff(PowerPin):
    """Its pin switches the board off."""

    compatible: ClassVar[tuple[str, ...]] = ("gpio-poweroff",)
    reason = StopReason.POWER_OFF


class GpioRestart(PowerPin):
    """Its pin resets the board."""

    compatible: ClassVar[tuple[str, ...]] = ("gpio-restart",)
    reason = StopReason.RESET
