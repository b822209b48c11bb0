"""What the handlers of levels.S note of an exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tests.cpu.guest import BASE, GuestMachine

TRACE = BASE + (4 << 20)
SP_EL0 = 0x4002_0800
SP = {1: 0x4002_1000, 2: 0x4002_2000, 3: 0x4002_3000}

Build = Callable[..., GuestMachine]


class Noted(NamedTuple):
    """One exception: where it was taken to and what the registers of that level were."""

    level: int
    vector: int
    esr: int
    elr: int
    far: int
    pstate: int
    sp: int


def trace(machine: GuestMachine) -> list[Noted]:
    """The exceptions the program took; the upper half of SPSR is flags and left out."""
    rows = machine.dram.view(TRACE, machine.x(20) * 64).view(np.uint64).reshape(-1, 8)
    found = [[int(value) for value in row] for row in rows]
    return [
        Noted(where >> 12, where & 0xFFF, esr, elr, far, spsr & 0xFFF, sp)
        for where, esr, elr, far, spsr, sp, _, _ in found
    ]
