"""PSCI by one conduit, HVC or SMC, for a machine with one core.

Source: Arm DEN 0022 (PSCI 1.0), chapter 5; function ids as in Linux
include/uapi/linux/psci.h.

Not modelled: CPU_SUSPEND and every power state, functions of SMCCC beyond its version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from soc.cpu.engine import HYPERVISOR_CALL, SECURE_MONITOR_CALL, Engine
from soc.processor import StopReason

VERSION = 0x8400_0000
CPU_OFF = 0x8400_0002
CPU_ON = 0x8400_0003
CPU_ON_64 = 0xC400_0003
MIGRATE_INFO_TYPE = 0x8400_0006
SYSTEM_OFF = 0x8400_0008
SYSTEM_RESET = 0x8400_0009
FEATURES = 0x8400_000A
AFFINITY_INFO = 0x8400_0004
AFFINITY_INFO_64 = 0xC400_0004
SMCCC_VERSION = 0x8000_0000

PSCI_1_0 = 0x1_0000
SMCCC_1_1 = 0x1_0001
SUCCESS = 0
NOT_SUPPORTED = -1
INVALID_PARAMETERS = -2
ALREADY_ON = -4
NO_TRUSTED_OS = 2
ON = 0

AFFINITY = 0xFF_00FF_FFFF
WORD, DOUBLE = (1 << 32) - 1, (1 << 64) - 1


Conduit = Literal["hvc", "smc"]
"""The instruction that calls the firmware."""

CALLS: dict[int, Conduit] = {HYPERVISOR_CALL: "hvc", SECURE_MONITOR_CALL: "smc"}
"""The engine's exception numbers of both."""

CALL_LEVEL: dict[Conduit, int] = {"hvc": 2, "smc": 3}
"""The exception level each call goes to. A program that owns it answers the call itself."""


class Psci:
    """Answers calls by `conduit`, none if None; `power` is told of those that do not return."""

    def __init__(
        self, engine: Engine, conduit: Conduit | None, affinity: int, power: Callable[[StopReason], None]
    ) -> None:
        self._engine = engine
        self._conduit = conduit
        self._affinity = affinity & AFFINITY
        self._power = power
        self._calls: dict[int, Callable[[], int]] = {
            VERSION: lambda: PSCI_1_0,
            CPU_OFF: lambda: self._leave(StopReason.HALTED),
            CPU_ON: lambda: self._cpu_on(WORD),
            CPU_ON_64: lambda: self._cpu_on(DOUBLE),
            MIGRATE_INFO_TYPE: lambda: NO_TRUSTED_OS,
            SYSTEM_OFF: lambda: self._leave(StopReason.POWER_OFF),
            SYSTEM_RESET: lambda: self._leave(StopReason.RESET),
            FEATURES: self._features,
            AFFINITY_INFO: lambda: self._affinity_info(WORD),
            AFFINITY_INFO_64: lambda: self._affinity_info(DOUBLE),
            SMCCC_VERSION: lambda: SMCCC_1_1,
        }

    def call(self, instruction: Conduit) -> bool:
        """If `instruction` is the conduit: serve the call in x0 (x1 ..) and leave the result in x0."""
        if instruction != self._conduit:
            return False
        function = self._engine.x(0) & WORD
        answer = self._calls.get(function)
        self._engine.set_x(0, (answer() if answer else NOT_SUPPORTED) & DOUBLE)
        return True

    def _features(self) -> int:
        return SUCCESS if self._engine.x(1) & WORD in self._calls else NOT_SUPPORTED

    def _cpu_on(self, mask: int) -> int:
        target = self._engine.x(1) & mask
        return ALREADY_ON if target == self._affinity else INVALID_PARAMETERS

    def _affinity_info(self, mask: int) -> int:
        """The one core is on; lowest affinity level only."""
        one = self._engine.x(1) & mask == self._affinity and not self._engine.x(2) & WORD
        return ON if one else INVALID_PARAMETERS

    def _leave(self, reason: StopReason) -> int:
        self._power(reason)
        return SUCCESS
