"""Finds out, on a scratch core, which fast ways this engine really supports.

A fast way reaches into the engine, so it is taken only if the wheel is the
pinned one and a small program comes out right with it.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import struct
from dataclasses import dataclass
from functools import partial

from unicorn import arm64_const as arm64
from unicorn import unicorn_const as const

from soc.address import PAGE_SIZE
from soc.cpu.budget import INSTRUCTION, CallbackBudget
from soc.cpu.engine import ON_INTERRUPT, SPSR_EL1, Engine, pinned_wheel
from soc.cpu.entry import EngineEntry
from soc.cpu.locate import AccessLocator
from soc.cpu.native import NativeBudget

CODE, VECTORS, DEVICE = 0x10000, 0x20000, 0x30000
SIZE = 0x20000

SVC_1234, SVC_4321 = 0xD4024681, 0xD4086421
ADD_X1_1, SUBS_X0_1, LOOP_BACK_2 = 0x91000421, 0xF1000400, 0x54FFFFC1
LOAD_W2_X3, WFI, HERE = 0xB9400062, 0xD503207F, 0x14000000
SYNC_FROM_EL1 = 0x200


@dataclass(frozen=True)
class Ways:
    """Which fast ways passed, and the offset of the exception syndrome in a saved context."""

    budget: bool
    entry: bool
    access_pc: bool
    syndrome: int


@functools.cache
def ways() -> Ways:
    """The result of the self-test, made once per process."""
    pinned = pinned_wheel()
    return Ways(
        budget=pinned and native_budget_works(),
        entry=pinned and engine_entry_works(),
        access_pc=pinned and access_pc_works(),
        syndrome=find_syndrome(),
    )


class Scratch:
    """A core of its own with `program` at CODE."""

    def __init__(self, *program: int) -> None:
        self.memory = mmap.mmap(-1, SIZE)
        self.engine = Engine()
        pointer = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.engine.map_memory(CODE, SIZE, pointer)
        self.memory[: INSTRUCTION * len(program)] = struct.pack(f"<{len(program)}I", *program)
        where = VECTORS - CODE + SYNC_FROM_EL1
        self.memory[where : where + 8] = struct.pack("<2I", WFI, HERE)


def native_budget_works() -> bool:
    """Both budgets stop the same loop at the same place with the same count."""
    outcomes = []
    for kind in (NativeBudget, CallbackBudget):
        scratch = Scratch(ADD_X1_1, SUBS_X0_1, LOOP_BACK_2, WFI, HERE)
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
    """`svc #0x1234` reaches its vector with the right ELR, SPSR and ESR."""
    scratch = Scratch(SVC_1234)
    engine = scratch.engine
    engine.write(arm64.UC_ARM64_REG_VBAR_EL1, VECTORS)
    entry = EngineEntry(engine)
    engine.hook(const.UC_HOOK_INTR, ON_INTERRUPT(lambda handle, number, data: entry.enter(number)))
    before = engine.read(arm64.UC_ARM64_REG_PSTATE)
    if engine.start(CODE):
        return False
    seen = (
        engine.pc,
        engine.read(arm64.UC_ARM64_REG_ELR_EL1),
        engine.read(arm64.UC_ARM64_REG_ESR_EL1),
        engine.read_system(SPSR_EL1),
    )
    return seen == (VECTORS + SYNC_FROM_EL1 + INSTRUCTION, CODE + INSTRUCTION, 0x5600_1234, before)


def access_pc_works() -> bool:
    """The pc of a load in the middle of a block can be told while it is served."""
    scratch = Scratch(ADD_X1_1, ADD_X1_1, LOAD_W2_X3, ADD_X1_1, WFI, HERE)
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


def find_syndrome() -> int:
    """Offset of the exception syndrome in a saved context; the fault address is 8 bytes on."""
    places: list[set[int]] = []
    for call, esr in ((SVC_1234, 0x5600_1234), (SVC_4321, 0x5600_4321)):
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
