"""Which accesses of system registers the core lets through.

The engine decides that itself, but the portable way hears of an access first
and must not ask a model for one that will trap.
Source: Arm ARM DDI 0487, C5.3 (UCI), D11.2 and D24.10 (CNTKCTL_EL1, CNTHCTL_EL2).

Not modelled: traps to EL2 by HCR_EL2 of the registers that a model answers for.
"""

from __future__ import annotations

from soc.cpu.engine import Engine
from soc.registers import SystemRegister

LOWEST_LEVEL = (1, 1, 1, 0, 2, 2, 3, 1)
"""The lowest exception level with access to registers of an op1."""

CNTKCTL_EL1 = (3, 0, 14, 1, 0)
EL0PCTEN, EL0VCTEN, EL0VTEN, EL0PTEN = 1 << 0, 1 << 1, 1 << 8, 1 << 9
CNTHCTL_EL2 = (3, 4, 14, 1, 0)
EL1PCTEN, EL1PCEN = 1 << 0, 1 << 1
SCTLR_EL1 = (3, 0, 1, 0, 0)
UCI = 1 << 26

TIMER_CRN = 14
SECURE_TIMER_OP1 = 7
COUNTERS = {0: (EL0PCTEN | EL0VCTEN, 0), 1: (EL0PCTEN, EL1PCTEN), 2: (EL0VCTEN, 0)}
TIMERS = {2: (EL0PTEN, EL1PCEN), 3: (EL0VTEN, 0)}
"""By op2 and by CRm: what EL0 needs in CNTKCTL_EL1, what it and EL1 need in CNTHCTL_EL2."""


class AccessRules:
    """What the present exception level of `engine` may do."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def allow(self, register: SystemRegister) -> bool:
        op0, op1, crn, crm, op2 = register
        level = self._engine.exception_level()
        if level < LOWEST_LEVEL[op1]:
            return False
        if op0 == 3 and crn == TIMER_CRN and op1 == SECURE_TIMER_OP1:
            return level == 3
        if op0 == 3 and crn == TIMER_CRN and op1 == 3:
            return self._timer(level, *(COUNTERS.get(op2, (0, 0)) if crm == 0 else TIMERS.get(crm, (0, 0))))
        return bool(op0 != 1 or level or self._engine.read_system(SCTLR_EL1) & UCI)

    def _timer(self, level: int, user: int, kernel: int) -> bool:
        read = self._engine.read_system
        if level < 2 and kernel and not read(CNTHCTL_EL2) & kernel:
            return False
        return bool(level or read(CNTKCTL_EL1) & user)
