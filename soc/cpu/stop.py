"""Why the core stopped."""

from __future__ import annotations

from enum import Enum

from soc.cpu.psci import Power


class StopReason(Enum):
    """Why `Cpu.run` returned."""

    TIME = "time is up"
    WFI = "waits for an interrupt"
    POWER_OFF = "power off"
    RESET = "reset"
    HALTED = "halted"


POWER_STOPS = {
    Power.SYSTEM_OFF: StopReason.POWER_OFF,
    Power.SYSTEM_RESET: StopReason.RESET,
    Power.CPU_OFF: StopReason.HALTED,
}
