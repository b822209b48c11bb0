"""A scratch core with a program of a few words, for the self-test of the fast ways."""

from __future__ import annotations

import ctypes
import mmap
import struct

from soc.cpu.budget import INSTRUCTION
from soc.cpu.engine import Engine

CODE, VECTORS, DEVICE = 0x10000, 0x20000, 0x30000
SIZE = 0x20000

SYNC_FROM_EL1, IRQ_FROM_EL1 = 0x200, 0x280


class Word:
    """Instructions by what they do."""

    UNDEFINED_0 = 0x0000_0000
    SVC_1234, SVC_4321 = 0xD4024681, 0xD4086421
    ADD_X1_2 = 0x91000821
    ADD_X1_1, SUBS_X0_1, LOOP_BACK_2 = 0x91000421, 0xF1000400, 0x54FFFFC1
    LOAD_W2_X3, WFI, HERE = 0xB9400062, 0xD503207F, 0x14000000
    UNMASK_IRQ = 0xD50342FF
    READ_X1_VIRTUAL_COUNT, READ_X2_IAR1, WRITE_X2_EOIR1 = 0xD53BE041, 0xD538CC02, 0xD518CC22
    WRITE_X2_VBAR = 0xD518C002


class Scratch:
    """A core of its own with `program` at CODE."""

    def __init__(self, *program: int) -> None:
        self.memory = mmap.mmap(-1, SIZE)
        self.engine = Engine()
        pointer = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.engine.map_memory(CODE, SIZE, pointer)
        self.memory[: INSTRUCTION * len(program)] = struct.pack(f"<{len(program)}I", *program)
        self.vector(SYNC_FROM_EL1, Word.WFI, Word.HERE)

    def vector(self, offset: int, *program: int) -> None:
        """Put `program` at a vector."""
        where = VECTORS - CODE + offset
        self.memory[where : where + INSTRUCTION * len(program)] = struct.pack(f"<{len(program)}I", *program)
