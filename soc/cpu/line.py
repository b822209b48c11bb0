"""The core's interrupt input.

The engine takes an interrupt by itself, masked or not as PSTATE says, once its
line is up. The fast way is the line itself. The portable way is the virtual
interrupt of EL2, which reaches EL1 and EL0 as the line does but never EL2 and
EL3: a guest that takes interrupts there needs the fast way.
"""

from __future__ import annotations

from typing import Protocol

from soc.cpu.engine import HCR_EL2, HCR_IMO, HCR_VI, Engine
from soc.cpu.sysregs import SystemRegisters
from soc.cpu.wheel import interrupt_requests

HARD = 1 << 1
"""CPU_INTERRUPT_HARD in the engine's interrupt_request."""


class InterruptLine(Protocol):
    name: str

    def set(self, level: bool) -> None: ...

    def restore(self) -> None:
        """The engine was reset: bring its line to the level that was set last."""
        ...


class RequestLine:
    """The engine's interrupt_request. Only under `pinned_wheel()`."""

    name = "interrupt line"

    def __init__(self, engine: Engine) -> None:
        self._requests = interrupt_requests(engine)

    def set(self, level: bool) -> None:
        requests = self._requests
        requests.value = requests.value | HARD if level else requests.value & ~HARD

    def restore(self) -> None:
        """Nothing: a reset of registers leaves requests alone."""


class VirtualLine:
    """HCR_EL2.VI, public API only. What the guest keeps in HCR_EL2 stays as it wrote it."""

    name = "virtual interrupt"

    def __init__(self, engine: Engine, registers: SystemRegisters) -> None:
        self._engine = engine
        self._guest = engine.read_system(HCR_EL2)
        self._level = False
        registers.on_read(HCR_EL2, lambda: self._guest)
        registers.on_write(HCR_EL2, self._write)
        self._apply()

    def set(self, level: bool) -> None:
        self._level = level
        self._apply()

    def restore(self) -> None:
        self._guest = self._engine.read_system(HCR_EL2) & ~(HCR_IMO | HCR_VI)
        self._apply()

    def _write(self, value: int) -> bool:
        self._guest = value
        self._apply()
        return True

    def _apply(self) -> None:
        self._engine.write_system(HCR_EL2, self._guest | HCR_IMO | (HCR_VI if self._level else 0))
