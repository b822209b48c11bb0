"""Taking an exception through the guest's own vectors.

The engine itself enters interrupts, but for every synchronous exception it
only calls a hook. The fast way calls the engine's own entry code, which the
library exports; the portable way writes the registers one by one. Rules: Arm
ARM DDI 0487, D1.3 (exception entry) and ESR_EL1 / FAR_EL1 in D24.

Not modelled: exceptions from AArch32, SPSR bits other than the engine's, HVC at
EL3 (the engine takes it to EL2), ISV only for stage 2 (the engine gives it for every
data abort at EL2), HCR_EL2.TGE for what only the model knows to be an exception.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Protocol

from unicorn import arm64_const as arm64
from unicorn import unicorn_const as const

from soc.cpu.engine import DATA_ABORT, PREFETCH_ABORT, Engine, library
from soc.cpu.native_calls import NativeCalls
from soc.cpu.wheel import cpu_state
from soc.registers import SystemRegister

EC_UNKNOWN, EC_INSTRUCTION_ABORT, EC_DATA_ABORT = 0x00, 0x20, 0x24
EC_FROM_SAME_EL = 1
IL = 1 << 25
EXTERNAL_ABORT = 0x10
FNV, WNR = 1 << 10, 1 << 6


def syndrome(exception_class: int, details: int = 0) -> int:
    """An ESR_EL1 value."""
    return exception_class << 26 | IL | details


class ExceptionEntry(Protocol):
    """Enters the exception the engine reports to an interrupt hook, from inside that hook."""

    name: str

    def install(self, callback: Any, counter: int | None) -> None:
        """Have `callback` (an ON_INTERRUPT) called for exceptions, or for all but system calls.

        `counter` is where the budget can be charged for those, see `Budget.counter`.
        """
        ...

    def enter(self, number: int) -> None: ...


class EngineEntry:
    """The engine's own arm_cpu_do_interrupt. Only under `pinned_wheel()`."""

    name = "engine's own exception entry"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._calls: NativeCalls | None = None
        self._state = ctypes.c_void_p(cpu_state(engine))
        self._enter = library.arm_cpu_do_interrupt_aarch64
        self._enter.argtypes = (ctypes.c_void_p,)
        self._enter.restype = None

    def install(self, callback: Any, counter: int | None) -> None:
        if counter is None:
            self._engine.hook(const.UC_HOOK_INTR, callback)
        else:
            self._calls = NativeCalls(self._engine, callback, counter)

    def enter(self, number: int) -> None:
        self._enter(self._state)


@dataclass(frozen=True)
class Bank:
    """The registers of one exception level: four by engine number, SPSR by its encoding."""

    sp: int
    elr: int
    esr: int
    far: int
    vbar: int
    spsr: SystemRegister


def _bank(level: int, spsr: SystemRegister) -> Bank:
    numbers = [
        getattr(arm64, f"UC_ARM64_REG_{name}_EL{level}") for name in ("SP", "ELR", "ESR", "FAR", "VBAR")
    ]
    sp, elr, esr, far, vbar = numbers
    return Bank(sp, elr, esr, far, vbar, spsr)


BANKS = {1: _bank(1, (3, 0, 4, 0, 0)), 2: _bank(2, (3, 4, 4, 0, 0)), 3: _bank(3, (3, 6, 4, 0, 0))}
MASKED = 0x3C0
"""PSTATE.DAIF, all set."""

FROM_LOWER, FROM_SAME, FROM_SAME_SP0 = 0x400, 0x200, 0x000


class RegisterEntry:
    """Exception entry written out in register writes; also takes exceptions the engine knows nothing of."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, esr: int, far: int | None, back: int, target: int = 1) -> None:
        """Enter `target` with `esr`; its ELR = `back`, its FAR unchanged if `far` is None."""
        engine, bank = self._engine, BANKS[target]
        pstate = engine.read(arm64.UC_ARM64_REG_PSTATE)
        level, handler = pstate >> 2 & 3, pstate & 1
        stack = engine.read(arm64.UC_ARM64_REG_SP)
        engine.write(BANKS[level].sp if handler else arm64.UC_ARM64_REG_SP_EL0, stack)
        engine.write_system(bank.spsr, pstate)
        engine.write(bank.elr, back)
        engine.write(bank.esr, esr)
        if far is not None:
            engine.write(bank.far, far)
        engine.write(arm64.UC_ARM64_REG_PSTATE, MASKED | target << 2 | 1)
        engine.write(arm64.UC_ARM64_REG_SP, engine.read(bank.sp))
        engine.refresh_flags()
        offset = FROM_LOWER if level < target else FROM_SAME if handler else FROM_SAME_SP0
        engine.write(arm64.UC_ARM64_REG_PC, engine.read(bank.vbar) + offset)

    def external_abort(self, pc: int, write: bool | None) -> None:
        """A synchronous external abort of the access at `pc`; `write` None for a fetch.

        The faulting address is not known to the model, so FnV is set.
        """
        kind = EC_INSTRUCTION_ABORT if write is None else EC_DATA_ABORT
        level = self._engine.exception_level()
        same = EC_FROM_SAME_EL if level else 0
        self.take(syndrome(kind + same, EXTERNAL_ABORT | FNV | (WNR if write else 0)), None, pc, level or 1)

    def undefined(self, pc: int) -> None:
        """The instruction at `pc` is UNDEFINED."""
        self.take(syndrome(EC_UNKNOWN), None, pc, self._engine.exception_level() or 1)


class PortableEntry(RegisterEntry):
    """Public API only. The syndrome is read from a saved context at `offset`.

    `offset` is found by trying, see `selftest.find_syndrome`.
    """

    name = "exception entry by register writes"

    def __init__(self, engine: Engine, offset: int) -> None:
        super().__init__(engine)
        self._offset = offset
        self._context = engine.uc.context_save()

    def install(self, callback: Any, counter: int | None) -> None:
        self._engine.hook(const.UC_HOOK_INTR, callback)

    def enter(self, number: int) -> None:
        self._engine.uc.context_update(self._context)
        blob = bytes(self._context)
        esr = int.from_bytes(blob[self._offset : self._offset + 4], "little")
        far = int.from_bytes(blob[self._offset + 8 : self._offset + 16], "little")
        target = int.from_bytes(blob[self._offset + 16 : self._offset + 20], "little")
        has_far = number in (PREFETCH_ABORT, DATA_ABORT)
        self.take(esr, far if has_far else None, self._engine.pc, target)
