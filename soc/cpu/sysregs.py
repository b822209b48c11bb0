"""System registers and system instructions that the engine leaves to the model.

Everything not registered here passes through to the engine. Registers are
named by (op0, op1, CRn, CRm, op2) as in the Arm ARM, C5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unicorn import arm64_const as arm64
from unicorn import unicorn_const as const

from soc.cpu.engine import ON_SYSTEM, Engine, SystemRegister

Reader = Callable[[], int | None]
"""The register's value, or None to let the engine answer (or trap)."""

Writer = Callable[[int], bool]
"""Takes the value written; False to let the engine do it (or trap)."""

IC_IVAU = (1, 3, 7, 5, 1)
IC_IALLU = (1, 0, 7, 5, 0)
IC_IALLUIS = (1, 0, 7, 1, 0)
CACHE_LINE = 64

HANDLED, PASS = 1, 0


class SystemRegisters:
    """Routes MRS, MSR and SYS. `failed` gets any exception of a handler."""

    def __init__(self, engine: Engine, failed: Callable[[BaseException], None]) -> None:
        self._engine = engine
        self._failed = failed
        self._readers: dict[SystemRegister, Reader] = {}
        self._writers: dict[SystemRegister, Writer] = {}
        for instruction, callback in (
            (arm64.UC_ARM64_INS_MRS, self._mrs),
            (arm64.UC_ARM64_INS_MSR, self._msr),
            (arm64.UC_ARM64_INS_SYS, self._msr),
        ):
            engine.hook(const.UC_HOOK_INSN, ON_SYSTEM(callback), 1, 0, 0, instruction)

    def on_read(self, register: SystemRegister, reader: Reader) -> None:
        self._readers[register] = reader

    def on_write(self, register: SystemRegister, writer: Writer) -> None:
        """Also for system instructions (op0 = 1): the value is that of their register."""
        self._writers[register] = writer

    def _mrs(self, handle: int, register: int, access: Any, data: int) -> int:
        fields = access[0]
        reader = self._readers.get((fields.op0, fields.op1, fields.crn, fields.crm, fields.op2))
        if reader is None:
            return PASS
        try:
            value = reader()
        except BaseException as error:
            self._failed(error)
            return HANDLED
        if value is None:
            return PASS
        self._engine.write(register, value)
        return HANDLED

    def _msr(self, handle: int, register: int, access: Any, data: int) -> int:
        fields = access[0]
        writer = self._writers.get((fields.op0, fields.op1, fields.crn, fields.crm, fields.op2))
        if writer is None:
            return PASS
        try:
            return HANDLED if writer(fields.val) else PASS
        except BaseException as error:
            self._failed(error)
            return HANDLED


class InstructionCache:
    """IC operations forget translated code; without them changed code stays stale, as on silicon.

    IC IALLU takes effect before the next block (`interrupt` asks for a stop
    there), because the engine cannot drop the block it is in.
    """

    def __init__(self, engine: Engine, registers: SystemRegisters, interrupt: Callable[[], None]) -> None:
        self._engine = engine
        self._interrupt = interrupt
        self._all = False
        registers.on_write(IC_IVAU, self._line)
        registers.on_write(IC_IALLU, self._everything)
        registers.on_write(IC_IALLUIS, self._everything)

    def settle(self) -> None:
        """Between slices: carry out what could not be done inside a block."""
        if self._all:
            self._all = False
            self._engine.flush_code()

    def _line(self, address: int) -> bool:
        self._engine.forget_code(address & ~(CACHE_LINE - 1), CACHE_LINE)
        return False

    def _everything(self, value: int) -> bool:
        self._all = True
        self._interrupt()
        return False
