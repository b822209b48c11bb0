"""The portable way to system registers: a callback for every MRS, MSR and SYS."""

from __future__ import annotations

from typing import Any

from unicorn import arm64_const as arm64
from unicorn import unicorn_const as const

from soc.cpu.budget import INSTRUCTION
from soc.cpu.engine import ON_SYSTEM, Engine
from soc.cpu.sysregs import Failed, Reader, Writer
from soc.registers import CpuRegister, SystemRegister

HANDLED, PASS = 1, 0


class HookedRegisters:
    """Public API only. `failed` gets any exception of a handler."""

    name = "a callback for each MRS and MSR"

    def __init__(self, engine: Engine, failed: Failed) -> None:
        self._engine = engine
        self._failed = failed
        self._readers: dict[SystemRegister, Reader] = {}
        self._writers: dict[SystemRegister, Writer] = {}
        self._defined: dict[SystemRegister, CpuRegister] = {}
        for instruction, callback in (
            (arm64.UC_ARM64_INS_MRS, self._mrs),
            (arm64.UC_ARM64_INS_MSR, self._msr),
            (arm64.UC_ARM64_INS_SYS, self._msr),
        ):
            engine.hook(const.UC_HOOK_INSN, ON_SYSTEM(callback), 1, 0, 0, instruction)

    def on_read(self, register: SystemRegister, reader: Reader) -> None:
        self._readers[register] = reader

    def on_write(self, register: SystemRegister, writer: Writer) -> None:
        self._writers[register] = writer

    def define(self, register: SystemRegister, model: CpuRegister) -> None:
        self._defined[register] = model

    def _mrs(self, handle: int, register: int, access: Any, data: int) -> int:
        fields = access[0]
        key = (fields.op0, fields.op1, fields.crn, fields.crm, fields.op2)
        try:
            if (model := self._defined.get(key)) is not None:
                return self._defined_access(
                    model, lambda read: self._engine.write(register, read()), model.read
                )
            reader = self._readers.get(key)
            value = reader() if reader is not None else None
            if value is None:
                return PASS
            self._engine.write(register, value)
        except BaseException as error:
            self._failed(error)
        return HANDLED

    def _msr(self, handle: int, register: int, access: Any, data: int) -> int:
        fields = access[0]
        key = (fields.op0, fields.op1, fields.crn, fields.crm, fields.op2)
        try:
            if (model := self._defined.get(key)) is not None:
                return self._defined_access(model, lambda write: write(fields.val), model.write)
            writer = self._writers.get(key)
            return HANDLED if writer is not None and writer(fields.val) else PASS
        except BaseException as error:
            self._failed(error)
            return HANDLED

    def _defined_access(self, model: CpuRegister, access: Any, handler: Any) -> int:
        """The engine would take the instruction for UNDEFINED: step over it."""
        if handler is None or self._engine.exception_level() < model.level:
            return PASS
        access(handler)
        self._engine.write(arm64.UC_ARM64_REG_PC, self._engine.pc + INSTRUCTION)
        return HANDLED
