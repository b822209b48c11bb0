"""The fast way to system registers: the engine's own table of them.

The engine looks each register up when it translates an access and calls the
functions that its entry names. Entries are changed, or added for registers it
does not have, so that only these accesses cost a callback. Who may access a
register is decided by the engine, before the callback; what the model asks the
engine itself (`Engine.read_system`) is answered as before the change.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, TypeVar

from soc.cpu.engine import Engine, library
from soc.cpu.sysregs import Failed, Reader, Writer
from soc.cpu.wheel import cpu_state, register_table
from soc.registers import CpuRegister, SystemRegister

T = TypeVar("T")
U = TypeVar("U")

READ: Any = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)
WRITE: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)

SPECIAL, CONSTANT, KEEP_BLOCK, NO_RAW, STATE_AA64 = 0x001, 0x002, 0x008, 0x080, 1
NOP, KIND = 0x101, 0xF01
"""Kinds of special entries: one without effect, and the bits that tell them apart."""
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
        ("raw_read", ctypes.c_void_p),
        ("raw_write", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 3),
    )

    type: int
    constant: int
    field: int
    read: int | None
    write: int | None
    raw_read: int | None
    raw_write: int | None


def key(register: SystemRegister) -> int:
    """How the table is indexed."""
    op0, op1, crn, crm, op2 = register
    return 1 << 28 | SYSTEM_SPACE << 16 | op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2


class TableRegisters:
    """Only under `pinned_wheel()`. `failed` gets any exception of a handler."""

    name = "engine's own register table"

    def __init__(self, engine: Engine, failed: Failed) -> None:
        self._state = ctypes.c_void_p(cpu_state(engine))
        self._table = ctypes.c_void_p(register_table(engine))
        self._failed = failed
        self._keep: list[object] = []
        self._read: set[SystemRegister] = set()
        self._written: set[SystemRegister] = set()
        self._find = library.get_arm_cp_reginfo_aarch64
        self._find.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
        self._find.restype = ctypes.c_void_p
        self._define = library.define_one_arm_cp_reg_with_opaque_aarch64
        self._define.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self._define.restype = None

    def on_read(self, register: SystemRegister, reader: Reader) -> None:
        entry = self._entry(register, self._read)
        original = READ(entry.read or self._pointer(READ(_load(entry.field))))

        def read(environment: int, info: int) -> int:
            value = self._ask(reader, 0)
            return int(original(environment, info) if value is None else value)

        entry.raw_read = entry.raw_read or _address(original)
        entry.read = self._pointer(READ(read))

    def on_write(self, register: SystemRegister, writer: Writer) -> None:
        entry = self._entry(register, self._written)
        original = WRITE(entry.write or self._pointer(WRITE(_store(entry.field))))

        def write(environment: int, info: int, value: int) -> None:
            if not self._ask(lambda: writer(value), True):
                original(environment, info, value)

        entry.raw_write = entry.raw_write or _address(original)
        entry.write = self._pointer(WRITE(write))

    def define(self, register: SystemRegister, model: CpuRegister) -> None:
        if self._find(self._table, key(register)):
            raise ValueError(f"{model.name}: the core has a register at {register} already")
        op0, op1, crn, crm, op2 = register
        entry = Entry(model.name.encode(), SYSTEM_SPACE, crn, crm, op0, op1, op2, STATE_AA64, NO_RAW)
        if (reader := model.read) is not None:
            entry.access |= READABLE[model.level]
            entry.read = self._pointer(READ(lambda environment, info: self._ask(reader, 0)))
        if (writer := model.write) is not None:
            entry.access |= WRITABLE[model.level]
            entry.write = self._pointer(WRITE(self._told(writer)))
        self._keep.append(entry)
        self._define(self._state, ctypes.byref(entry), None)

    def _entry(self, register: SystemRegister, taken: set[SystemRegister]) -> Entry:
        """The engine's entry, made one whose functions are called.

        KeyError if it has no such register, or no functions: CurrentEL, NZCV, DC ZVA.
        """
        found = self._find(self._table, key(register))
        entry = Entry.from_address(found) if found else None
        if entry is None or entry.type & SPECIAL and entry.type & KIND != NOP:
            raise KeyError(register)
        if register in taken:
            raise ValueError(f"{register} has a model already")
        taken.add(register)
        if entry.type & (SPECIAL | CONSTANT):
            constant = entry.constant if entry.type & CONSTANT else 0
            entry.read = self._pointer(READ(lambda environment, info: constant))
            entry.write = self._pointer(WRITE(lambda environment, info, value: None))
            entry.type = entry.type & ~(KIND | CONSTANT) | KEEP_BLOCK
        return entry

    def _told(self, writer: Callable[[int], None]) -> Callable[[int, int, int], None]:
        return lambda environment, info, value: self._ask(lambda: writer(value), None)

    def _ask(self, handler: Callable[[], T], default: U) -> T | U:
        """What `handler` says, `default` if it raises."""
        try:
            return handler()
        except BaseException as error:
            self._failed(error)
            return default

    def _pointer(self, callback: Any) -> int:
        self._keep.append(callback)
        return _address(callback)


def _address(callback: Any) -> int:
    return ctypes.cast(callback, ctypes.c_void_p).value or 0


def _load(field: int) -> Callable[[int, int], int]:
    """What the engine does to read an entry without a function: its field, if there is one."""
    return lambda environment, info: ctypes.c_uint64.from_address(environment + field).value if field else 0


def _store(field: int) -> Callable[[int, int, int], None]:
    def store(environment: int, info: int, value: int) -> None:
        if field:
            ctypes.c_uint64.from_address(environment + field).value = value

    return store
