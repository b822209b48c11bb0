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

GATES: dict[SystemRegister, tuple[int, int]] = {
    (3, 3, 14, 0, 0): (EL0PCTEN | EL0VCTEN, 0),
    (3, 3, 14, 0, 1): (EL0PCTEN, EL1PCTEN),
    (3, 3, 14, 0, 2): (EL0VCTEN, 0),
    **{(3, 3, 14, 2, which): (EL0PTEN, EL1PCEN) for which in range(3)},
    **{(3, 3, 14, 3, which): (EL0VTEN, 0) for which in range(3)},
}
"""Counters and EL1 timers: what EL0 needs in CNTKCTL_EL1, what it and EL1 need in CNTHCTL_EL2."""
SECURE_TIMER = {(3, 7, 14, 2, which) for which in range(3)}


class AccessRules:
    """What the present exception level of `engine` may do."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def allow(self, register: SystemRegister) -> bool:
        op0, op1, *_ = register
        level, read = self._engine.exception_level(), self._engine.read_system
        if level < LOWEST_LEVEL[op1] or register in SECURE_TIMER and level < 3:
            return False
        user, kernel = GATES.get(register, (0, 0))
        if kernel and level < 2 and not read(CNTHCTL_EL2) & kernel:
            return False
        if user and not level:
            return bool(read(CNTKCTL_EL1) & user)
        return bool(op0 != 1 or level or read(SCTLR_EL1) & UCI)
