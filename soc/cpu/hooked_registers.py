"""The portable way to system registers: a callback for every MRS, MSR and SYS."""

from __future__ import annotations

from typing import Any

from unicorn import arm64_const as arm64
from unicorn import unicorn_const as const

from soc.cpu.access import AccessRules
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
        self._rules = AccessRules(engine)
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
        if register in self._readers:
            raise ValueError(f"{register} has a model already")
        self._readers[register] = reader

    def on_write(self, register: SystemRegister, writer: Writer) -> None:
        if register in self._writers:
            raise ValueError(f"{register} has a model already")
        self._writers[register] = writer

    def define(self, register: SystemRegister, model: CpuRegister) -> None:
        if register in self._defined:
            raise ValueError(f"{model.name}: the core has a register at {register} already")
        self._defined[register] = model

    def _mrs(self, handle: int, target: int, access: Any, data: int) -> int:
        register = _register(access[0])
        model = self._defined.get(register)
        reader = model.read if model else self._readers.get(register)
        if reader is None or not self._allowed(register, model):
            return PASS
        try:
            value = reader()
        except BaseException as error:
            self._failed(error)
            value = 0
        if value is None:
            return PASS
        self._engine.write(target, value)
        return self._handled(model)

    def _msr(self, handle: int, source: int, access: Any, data: int) -> int:
        register = _register(access[0])
        model = self._defined.get(register)
        writer = model.write if model else self._writers.get(register)
        if writer is None or not self._allowed(register, model):
            return PASS
        try:
            taken = writer(access[0].val) or model
        except BaseException as error:
            self._failed(error)
            taken = True
        return self._handled(model) if taken else PASS

    def _allowed(self, register: SystemRegister, model: CpuRegister | None) -> bool:
        if model:
            return self._engine.exception_level() >= model.level
        return self._rules.allow(register)

    def _handled(self, model: CpuRegister | None) -> int:
        """The engine would take an instruction of a register it does not have for UNDEFINED: step over it."""
        if model:
            self._engine.write(arm64.UC_ARM64_REG_PC, self._engine.pc + INSTRUCTION)
        return HANDLED


def _register(access: Any) -> SystemRegister:
    return access.op0, access.op1, access.crn, access.crm, access.op2
