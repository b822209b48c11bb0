"""Finds out, on a scratch core, which fast ways this engine really supports.

A fast way reaches into the engine, so it is taken only if the wheel is the
pinned one and a small program comes out right with it.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from unicorn import arm64_const as arm64
from unicorn import unicorn_const as const

from soc.address import PAGE_SIZE, PhysAddr
from soc.bus import Bus
from soc.cpu.budget import INSTRUCTION, CallbackBudget
from soc.cpu.code_cache import PhysicalLines
from soc.cpu.engine import ON_INTERRUPT, PSTATE_RESET, SPSR_EL1, Engine
from soc.cpu.entry import EngineEntry
from soc.cpu.line import RequestLine
from soc.cpu.locate import AccessLocator
from soc.cpu.native import NativeBudget
from soc.cpu.native_calls import CHARGE
from soc.cpu.scratch import CODE, DEVICE, IRQ_FROM_EL1, SIZE, SYNC_FROM_EL1, VECTORS, Scratch, Word
from soc.cpu.table_registers import TableRegisters
from soc.cpu.wheel import pinned_wheel
from soc.memory.dram import Bank, Dram
from soc.memory.span import PageSpan
from soc.registers import CpuRegister


@dataclass(frozen=True)
class Ways:
    """Which fast ways passed, and the offset of the exception syndrome in a saved context."""

    budget: bool
    entry: bool
    line: bool
    registers: bool
    code: bool
    access_pc: bool
    syndrome: int

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of those that did not."""
        return tuple(way.name for way in fields(self) if getattr(self, way.name) is False)

    @property
    def all(self) -> bool:
        return not self.missing


@functools.cache
def ways() -> Ways:
    """The result of the self-test, made once per process."""
    pinned = pinned_wheel()
    return Ways(
        budget=pinned and native_budget_works(),
        entry=pinned and engine_entry_works(),
        line=pinned and request_line_works(),
        registers=pinned and register_table_works(),
        code=pinned and physical_lines_work(),
        access_pc=pinned and access_pc_works(),
        syndrome=find_syndrome(),
    )


def native_budget_works() -> bool:
    """Both budgets stop the same loop at the same place with the same count."""
    outcomes = []
    for kind in (NativeBudget, CallbackBudget):
        scratch = Scratch(Word.ADD_X1_1, Word.SUBS_X0_1, Word.LOOP_BACK_2, Word.WFI, Word.HERE)
        try:
            budget = kind(scratch.engine)
        except OSError:
            return False
        scratch.engine.set_x(0, 1000)
        trace: list[tuple[int, int, bool, int]] = []
        pc = CODE
        for grant in (1, 2, 3, 7, 100, 5000):
            budget.grant(grant)
            if scratch.engine.start(pc):
                return False
            pc = scratch.engine.pc
            trace.append((pc, budget.spent, budget.exhausted, scratch.engine.x(1)))
        outcomes.append(trace)
    return outcomes[0] == outcomes[1]


def engine_entry_works() -> bool:
    """`svc #0x1234` and an undefined instruction reach their vector with the right ELR, SPSR and ESR.

    A call that is counted is charged for, down to nothing.
    """
    outcomes = []
    much, little = ctypes.c_int32(CHARGE + 1), ctypes.c_int32(CHARGE - 1)
    for program, counter in (
        (Word.SVC_1234, 0),
        (Word.SVC_1234, ctypes.addressof(much)),
        (Word.SVC_1234, ctypes.addressof(little)),
        (Word.SVC_1234, None),
        (Word.UNDEFINED_0, 0),
    ):
        scratch = Scratch(program)
        engine = scratch.engine
        engine.write(arm64.UC_ARM64_REG_VBAR_EL1, VECTORS)
        entry = EngineEntry(engine)
        called: list[int] = []
        callback = ON_INTERRUPT(partial(_enter, entry, called))
        before = engine.read(arm64.UC_ARM64_REG_PSTATE)
        try:
            entry.install(callback, counter)
        except OSError:
            return False
        if engine.start(CODE) or engine.read_system(SPSR_EL1) != before:
            return False
        esr, elr = engine.read(arm64.UC_ARM64_REG_ESR_EL1), engine.read(arm64.UC_ARM64_REG_ELR_EL1)
        outcomes.append((engine.pc, elr, esr, len(called)))
    vector = VECTORS + SYNC_FROM_EL1 + INSTRUCTION
    after, svc, undefined = CODE + INSTRUCTION, 0x5600_1234, 0x0200_0000
    counted = [(vector, after, svc, 0)] * 3
    called_back = [(vector, after, svc, 1), (vector, CODE, undefined, 1)]
    return outcomes == counted + called_back and (much.value, little.value) == (1, 0)


def _enter(entry: EngineEntry, called: list[int], handle: int, number: int, data: int) -> None:
    called.append(number)
    entry.enter(number)


def access_pc_works() -> bool:
    """The pc of a load in the middle of a block can be told while it is served."""
    scratch = Scratch(Word.ADD_X1_1, Word.ADD_X1_1, Word.LOAD_W2_X3, Word.ADD_X1_1, Word.WFI, Word.HERE)
    engine = scratch.engine
    seen: list[int] = []
    locator = AccessLocator(engine)

    def read(handle: int, offset: int, size: int, data: int) -> int:
        seen.append(locator.pc())
        return 7

    keep = engine.map_mmio(DEVICE, PAGE_SIZE, read, lambda handle, offset, size, value, data: None)
    engine.set_x(3, DEVICE)
    error = engine.start(CODE)
    del keep
    return not error and seen == [CODE + 2 * INSTRUCTION] and engine.x(1) == 3 and engine.x(2) == 7


def request_line_works() -> bool:
    """An interrupt is taken when it is unmasked, with the right ELR, and not after the line fell."""
    scratch = Scratch(Word.UNMASK_IRQ, Word.ADD_X1_1, Word.WFI, Word.HERE)
    engine = scratch.engine
    scratch.vector(IRQ_FROM_EL1, Word.SVC_1234)
    engine.write(arm64.UC_ARM64_REG_VBAR_EL1, VECTORS)
    line = RequestLine(engine)
    taken: list[tuple[int, int]] = []

    def at_vector(handle: int, number: int, data: int) -> None:
        taken.append((engine.pc, engine.read(arm64.UC_ARM64_REG_ELR_EL1)))
        line.set(False)
        engine.stop()

    engine.hook(const.UC_HOOK_INTR, ON_INTERRUPT(at_vector))
    line.set(True)
    if engine.start(CODE) or engine.x(1):
        return False
    engine.write(arm64.UC_ARM64_REG_PSTATE, PSTATE_RESET[1])
    engine.refresh_flags()
    calm = not engine.start(CODE) and engine.x(1) == 1
    return calm and taken == [(VECTORS + IRQ_FROM_EL1 + INSTRUCTION, CODE + INSTRUCTION)]


def register_table_works() -> bool:
    """A register of the engine and one it does not have are read and written through callbacks."""
    scratch = Scratch(
        Word.READ_X1_VIRTUAL_COUNT,
        Word.READ_X2_IAR1,
        Word.WRITE_X2_EOIR1,
        Word.WRITE_X2_VBAR,
        Word.WFI,
        Word.HERE,
    )
    failures: list[BaseException] = []
    seen: list[int] = []
    registers = TableRegisters(scratch.engine, failures.append)
    try:
        registers.on_read((3, 3, 14, 0, 2), lambda: 0x1234)
        registers.on_write((3, 0, 12, 0, 0), partial(_seen, seen))
    except KeyError:
        return False
    registers.define((3, 0, 12, 12, 0), CpuRegister("ICC_IAR1_EL1", read=lambda: 0x800))
    registers.define((3, 0, 12, 12, 1), CpuRegister("ICC_EOIR1_EL1", write=seen.append))
    if scratch.engine.start(CODE):
        return False
    engine = scratch.engine
    values = engine.x(1), engine.x(2), engine.read(arm64.UC_ARM64_REG_VBAR_EL1)
    return values == (0x1234, 0x800, 0x800) and seen == [0x800, 0x800] and not failures


def _seen(values: list[int], value: int) -> bool:
    """A writer that leaves the write to the engine."""
    values.append(value)
    return False


def physical_lines_work() -> bool:
    """Code changed behind the core's back is stale until its line is forgotten, and fresh then."""
    bank = Bank(PhysAddr(CODE), SIZE)
    try:
        engine = Engine()
        engine.map_memory(CODE, SIZE, bank.host_pointer)
        bus = Bus(Dram([bank]))
        lines = PhysicalLines(engine, bus)
        device = bus.master("device")
        seen: list[int] = []
        for change, forget in ((Word.ADD_X1_1, False), (Word.ADD_X1_2, False), (Word.ADD_X1_2, True)):
            code = np.array((change, Word.WFI, Word.HERE), dtype="<u4").view(np.uint8)
            device.write_span(PageSpan.linear(PhysAddr(CODE), code.size), code)
            if forget and not lines.forget(CODE):
                return False
            engine.set_x(1, 0)
            if engine.start(CODE):
                return False
            seen.append(engine.x(1))
        return seen == [1, 1, 2]
    finally:
        bank.close()


def find_syndrome() -> int:
    """Offset of the exception syndrome in a saved context; the fault address is 8 bytes on."""
    places: list[set[int]] = []
    for call, esr in ((Word.SVC_1234, 0x5600_1234), (Word.SVC_4321, 0x5600_4321)):
        scratch = Scratch(call)
        engine = scratch.engine
        blobs: list[bytes] = []

        engine.hook(const.UC_HOOK_INTR, ON_INTERRUPT(partial(_keep_context, engine, blobs)))
        engine.start(CODE)
        word = struct.pack("<I", esr)
        places.append({i for i in range(0, len(blobs[0]) - 15, 8) if blobs[0][i : i + 4] == word})
    return min(places[0] & places[1])


def _keep_context(engine: Engine, blobs: list[bytes], handle: int, number: int, data: int) -> None:
    blobs.append(bytes(engine.uc.context_save()))
    engine.stop()
