"""What executes software on a machine, as the machine sees it."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class StopReason(Enum):
    """Why a processor returned from `run`."""

    TIME = "time is up"
    WFI = "waits for an interrupt"
    POWER_OFF = "power off"
    RESET = "reset"
    HALTED = "halted"


class Processor(Protocol):
    """A CPU core with its software, or the kernel model."""

    def set_irq(self, level: bool) -> None:
        """The level of its interrupt input."""
        ...

    def run(self, until: int) -> StopReason | None:
        """Execute until virtual time `until` (ns) at most. What stopped it for good, or None."""
        ...
