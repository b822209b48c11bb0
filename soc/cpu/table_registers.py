"""The fast way to system registers: the engine's own table of them.

The engine looks each register up when it translates an access and calls the
functions that its entry names. Entries are changed, or added for registers it
does not have, so that only these accesses cost a callback. Who may access a
register is decided by the engine, before the callback.
"""

from __future__ import annotations

import ctypes
from typing import Any

from soc.cpu.engine import Engine, library
from soc.cpu.sysregs import Failed, Reader, Writer
from soc.registers import CpuRegister, SystemRegister

READ: Any = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)
WRITE: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)

SPECIAL, CONSTANT, NO_RAW, STATE_AA64 = 0x001, 0x002, 0x080, 1
FLAGS = 0x1F0FF
"""Bits of an entry's type that are flags of their own beside SPECIAL's kind."""
SYSTEM_SPACE = 0x13
READABLE = {0: 0xAA, 1: 0xA8, 2: 0xA0, 3: 0x80}
WRITABLE = {0: 0x55, 1: 0x54, 2: 0x50, 3: 0x40}
"""Access bits by the lowest exception level that may."""


class Entry(ctypes.Structure):
    """One register in the engine's table."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("space", ctypes.c_uint8),
        ("crn", ctypes.c_uint8),
        ("crm", ctypes.c_uint8),
        ("op0", ctypes.c_uint8),
        ("op1", ctypes.c_uint8),
        ("op2", ctypes.c_uint8),
        ("state", ctypes.c_int),
        ("type", ctypes.c_int),
        ("access", ctypes.c_int),
        ("secure", ctypes.c_int),
        ("opaque", ctypes.c_void_p),
        ("constant", ctypes.c_uint64),
        ("field", ctypes.c_ssize_t),
        ("banked", ctypes.c_ssize_t * 2),
        ("check", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("write", ctypes.c_void_p),
        ("raw", ctypes.c_void_p * 5),
    )

    type: int
    constant: int
    field: int
    read: int | None
    write: int | None


def key(register: SystemRegister) -> int:
    """How the table is indexed."""
    op0, op1, crn, crm, op2 = register
    return 1 << 28 | SYSTEM_SPACE << 16 | op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2


class TableRegisters:
    """Only under `pinned_wheel()`. `failed` gets any exception of a handler."""

    name = "engine's own register table"

    def __init__(self, engine: Engine, failed: Failed) -> None:
        self._state = ctypes.c_void_p(engine.cpu_state())
        self._table = ctypes.c_void_p(engine.register_table())
        self._failed = failed
        self._keep: list[object] = []
        self._find = library.get_arm_cp_reginfo_aarch64
        self._find.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
        self._find.restype = ctypes.c_void_p
        self._define = library.define_one_arm_cp_reg_with_opaque_aarch64
        self._define.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self._define.restype = None

    def on_read(self, register: SystemRegister, reader: Reader) -> None:
        entry = self._entry(register)
        engine_reads, constant, field = entry.read, entry.constant, entry.field
        original = READ(engine_reads) if engine_reads else None

        def read(environment: int, info: int) -> int:
            try:
                value = reader()
            except BaseException as error:
                self._failed(error)
                return 0
            if value is not None:
                return value
            if original is not None:
                return int(original(environment, info))
            return ctypes.c_uint64.from_address(environment + field).value if field else constant

        entry.read = self._pointer(READ(read))
        entry.type &= ~CONSTANT

    def on_write(self, register: SystemRegister, writer: Writer) -> None:
        entry = self._entry(register)
        engine_writes, field = entry.write, entry.field
        original = WRITE(engine_writes) if engine_writes else None

        def write(environment: int, info: int, value: int) -> None:
            try:
                if writer(value):
                    return
            except BaseException as error:
                self._failed(error)
                return
            if original is not None:
                original(environment, info, value)
            elif field:
                ctypes.c_uint64.from_address(environment + field).value = value

        entry.write = self._pointer(WRITE(write))
        if entry.type & SPECIAL:
            entry.type = NO_RAW

    def define(self, register: SystemRegister, model: CpuRegister) -> None:
        op0, op1, crn, crm, op2 = register
        entry = Entry(model.name.encode(), SYSTEM_SPACE, crn, crm, op0, op1, op2, STATE_AA64, NO_RAW)
        entry.access = READABLE[model.level] if model.read else 0
        entry.access |= WRITABLE[model.level] if model.write else 0
        if model.read is not None:
            entry.read = self._pointer(READ(self._guarded_read(model.read)))
        if model.write is not None:
            entry.write = self._pointer(WRITE(self._guarded_write(model.write)))
        self._keep.append(entry)
        self._define(self._state, ctypes.byref(entry), None)

    def _entry(self, register: SystemRegister) -> Entry:
        """The engine's entry. KeyError if it has no such register."""
        found = self._find(self._table, key(register))
        if not found:
            raise KeyError(register)
        return Entry.from_address(found)

    def _pointer(self, callback: Any) -> int | None:
        self._keep.append(callback)
        return ctypes.cast(callback, ctypes.c_void_p).value

    def _guarded_read(self, reader: Any) -> Any:
        def read(environment: int, info: int) -> int:
            try:
                return int(reader())
            except BaseException as error:
                self._failed(error)
                return 0

        return read

    def _guarded_write(self, writer: Any) -> Any:
        def write(environment: int, info: int, value: int) -> None:
            try:
                writer(value)
            except BaseException as error:
                self._failed(error)

        return write
