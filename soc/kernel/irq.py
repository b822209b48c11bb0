"""Interrupts of the kernel: who handles which line, and when a line is given up.

Source: kernel/irq/{manage,chip,spurious}.c. Lines are shared: every handler of
a line runs, and a line without handlers is masked.

Not modelled: threaded handlers, affinity, flags that forbid sharing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from errno import EINVAL
from typing import TYPE_CHECKING, Protocol

from soc.clock import Clock
from soc.kernel.errors import EPROBE_DEFER, KernelError
from soc.kernel.log import KernelLog

if TYPE_CHECKING:
    from soc.kernel.device import Device

STORM = 10_000
"""Interrupts without any time between them after which a line counts as stuck (kernel/irq/spurious.c)."""

Handler = Callable[[], None]
Specifier = tuple[int, ...]
"""The cells of one entry of `interrupts`, in the controller's own terms."""


class Dispatch(Protocol):
    def __call__(self, hwirq: int, /) -> None: ...


class IrqChip(Protocol):
    """What an interrupt controller's driver does for the kernel."""

    def hwirq(self, specifier: Specifier) -> int: ...

    def enable(self, specifier: Specifier) -> None: ...

    def disable(self, specifier: Specifier) -> None: ...

    def handle(self, dispatch: Dispatch) -> None: ...


@dataclass
class _Line:
    specifier: Specifier
    handlers: list[Handler] = field(default_factory=list)


class Interrupts:
    """The lines that drivers asked for. `chip` is None until an interrupt controller is bound."""

    def __init__(self, clock: Clock, log: KernelLog) -> None:
        self.chip: IrqChip | None = None
        self._clock = clock
        self._log = log
        self._lines: dict[int, _Line] = {}
        self._burst, self._burst_at = 0, 0

    def request(self, device: Device, index: int, handler: Handler) -> None:
        """Call `handler` for the device's interrupt `index`, and unmask it. -EINVAL if it has none."""
        chip, specifier = self._find(device, index)
        chip.enable(specifier)
        self._lines.setdefault(chip.hwirq(specifier), _Line(specifier)).handlers.append(handler)

    def free(self, device: Device, index: int, handler: Handler) -> None:
        """Undo `request`; without its last handler the line is masked. WARN if it was not requested."""
        chip, specifier = self._find(device, index)
        hwirq = chip.hwirq(specifier)
        line = self._lines.get(hwirq)
        if line is None or handler not in line.handlers:
            self._log.warn(f"Trying to free already-free IRQ {hwirq} of {device.name}")
            return
        line.handlers.remove(handler)
        if not line.handlers:
            chip.disable(specifier)
            del self._lines[hwirq]

    def serve(self) -> None:
        """Run the handlers of everything that is signalled."""
        if self.chip is not None:
            self.chip.handle(self._dispatch)

    def _find(self, device: Device, index: int) -> tuple[IrqChip, Specifier]:
        if self.chip is None:
            raise KernelError(EPROBE_DEFER, f"{device.name}: no interrupt controller yet")
        interrupts = device.node.interrupts
        if index >= len(interrupts):
            raise KernelError(EINVAL, f"{device.name}: no interrupt {index}")
        return self.chip, interrupts[index].specifier

    def _dispatch(self, hwirq: int, /) -> None:
        line = self._lines.get(hwirq)
        if line is None:
            self._log.error(f"irq {hwirq}: nobody cared")
            return
        for handler in tuple(line.handlers):
            handler()
        self._watch_for_storm(hwirq, line)

    def _watch_for_storm(self, hwirq: int, line: _Line) -> None:
        """Turn off a line that no handler gets silent; the simulation would never end."""
        if self._clock.now != self._burst_at:
            self._burst, self._burst_at = 0, self._clock.now
        self._burst += 1
        if self._burst > STORM and self.chip is not None:
            self._log.warn(
                f"irq {hwirq}: nobody cared, {STORM} interrupts at one instant\nDisabling IRQ #{hwirq}"
            )
            self.chip.disable(line.specifier)
            self._burst = 0
