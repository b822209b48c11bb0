"""Registers as datasheets write them: one table per IP.

From the one table come address decoding, dumps with field names, the C header
for firmware and the page of the documentation. A model takes the table, makes
a `RegisterFile` of it and hangs behaviour on the registers that have any:

    regs = RegisterFile(TABLE, log)
    regs.on_read("UARTDR", self._receive)
    regs.on_write("UARTDR", self._transmit)

Everything else behaves as its access type says. A register that is known but
not modelled keeps its value and is named in the log when it is first touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial, reduce
from operator import or_

Reader = Callable[..., int]
Writer = Callable[..., None]
Log = Callable[[str], None]

SystemRegister = tuple[int, int, int, int, int]
"""A register or system instruction of the CPU by (op0, op1, CRn, CRm, op2), as in the Arm ARM, C5."""

ACCESS = {
    "rw": "read and write",
    "ro": "read only, writes ignored",
    "wo": "write only, reads as zero",
    "w1c": "write one to clear",
    "w1s": "write one to set",
}


@dataclass(frozen=True)
class Field:
    """Bits `lsb` .. `lsb + width - 1` of a register."""

    name: str
    lsb: int
    width: int = 1
    doc: str = ""

    @property
    def mask(self) -> int:
        return ((1 << self.width) - 1) << self.lsb

    def get(self, value: int) -> int:
        """This field's number inside the register value `value`."""
        return (value & self.mask) >> self.lsb

    def put(self, number: int) -> int:
        """`number` at this field's place, to be OR-ed into a register value."""
        return (number << self.lsb) & self.mask


@dataclass(frozen=True)
class Register:
    """One row of the table; an array when `count` > 1 (element size = `size`).

    `offset` in bytes from the block's base, `size` 4 or 8 bytes, `access` a key
    of `ACCESS`, `writable` the bits software may change (all by default).
    """

    offset: int
    name: str
    access: str
    doc: str
    fields: tuple[Field, ...] = ()
    reset: int = 0
    size: int = 4
    count: int = 1
    modelled: bool = True
    writable: int = -1

    def field(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name} has no field {name}")

    def describe(self, value: int) -> str:
        """`value` with its fields by name, for dumps: `CTRL=0x3 {RUN=1 ...}`."""
        parts = " ".join(f"{f.name}={f.get(value):#x}" for f in self.fields)
        return f"{self.name}={value:#x}" + (f" {{{parts}}}" if parts else "")


@dataclass(frozen=True)
class CpuRegister:
    """A system register that a model answers for; without a reader or a writer that access is UNDEFINED.

    `level` is the lowest exception level that may access it.
    """

    name: str
    read: Callable[[], int] | None = None
    write: Callable[[int], None] | None = None
    level: int = 1


class RegisterTable:
    """The registers of one block: `span` bytes of address space."""

    def __init__(self, name: str, span: int, source: str, registers: Iterable[Register]) -> None:
        self.name = name
        self.span = span
        self.source = source
        self.registers = tuple(sorted(registers, key=lambda r: r.offset))
        self._by_name = {register.name: register for register in self.registers}
        end = 0
        for register in self.registers:
            if self._by_name[register.name] is not register:
                raise ValueError(f"{name}: two registers are named {register.name}")
            if register.offset % register.size:
                raise ValueError(
                    f"{name}.{register.name}: offset {register.offset:#x} is not a multiple of its size"
                )
            if register.access not in ACCESS:
                raise ValueError(f"{name}.{register.name}: access must be one of {sorted(ACCESS)}")
            if register.offset < end:
                raise ValueError(f"{name}.{register.name} overlaps the register before it")
            end = register.offset + register.size * register.count
        if end > span:
            raise ValueError(f"{name}: registers end at {end:#x}, beyond the span {span:#x}")

    def __getitem__(self, name: str) -> Register:
        return self._by_name[name]

    def offset(self, name: str, index: int = 0) -> int:
        """Byte offset of register `name` (element `index` of an array)."""
        register = self._by_name[name]
        return register.offset + index * register.size

    def mask(self, name: str, *fields: str) -> int:
        """The bits of these fields of register `name`. KeyError for a field it does not have."""
        return reduce(or_, (self._by_name[name].field(field).mask for field in fields), 0)


class RegisterFile:
    """The live registers of one block; a bus target.

    Accesses of 1, 2, 4 or 8 bytes. A narrow write to a wider register changes
    only its byte lanes; lanes of w1c and w1s registers that are not written
    count as zero.
    """

    def __init__(self, table: RegisterTable, log: Log) -> None:
        self.table = table
        self._log = log
        self._touched: set[str] = set()
        self._place: dict[int, tuple[Register, int]] = {}
        self._values: dict[int, int] = {}
        self._plain: dict[int, int] = {}
        self._readers: dict[int, Callable[[], int]] = {}
        self._writers: dict[int, Callable[[int], None]] = {}
        for register in table.registers:
            for index in range(register.count):
                offset = register.offset + index * register.size
                self._place[offset] = (register, index)
                self._values[offset] = register.reset
                if register.size == 4 and register.modelled and register.access != "wo":
                    self._plain[offset] = register.reset

    # --- for the model -----------------------------------------------------

    def on_read(self, name: str, reader: Reader) -> None:
        """Answer reads of `name` by `reader()`; arrays by `reader(index)`."""
        for offset, index in self._offsets(name):
            self._plain.pop(offset, None)
            array = self.table[name].count > 1
            self._readers[offset] = partial(reader, index) if array else reader

    def on_write(self, name: str, writer: Writer) -> None:
        """After a write of `name` call `writer(value)`; arrays `writer(index, value)`.

        `value` is what software wrote; access rules are the writer's from here.
        """
        for offset, index in self._offsets(name):
            array = self.table[name].count > 1
            self._writers[offset] = partial(writer, index) if array else writer

    def get(self, name: str, index: int = 0) -> int:
        """The stored value, without read behaviour."""
        return self._values[self.table.offset(name, index)]

    def set(self, name: str, value: int, index: int = 0) -> None:
        """Store `value` as hardware does, past the access rules."""
        self._store(self.table.offset(name, index), value)

    def field(self, name: str, field: str) -> int:
        return self.table[name].field(field).get(self.get(name))

    def reset(self) -> None:
        """Every register back to its reset value, as hardware does it: no writer is called."""
        for offset, (register, _) in self._place.items():
            self._store(offset, register.reset)

    def dump(self) -> list[str]:
        """Every non-zero register with its fields, for people."""
        return [
            register.describe(value)
            for offset, value in self._values.items()
            if value and (register := self._place[offset][0])
        ]

    # --- for the bus -------------------------------------------------------

    def read(self, offset: int, size: int) -> int:
        if size == 4 and (value := self._plain.get(offset)) is not None:
            return value
        base, register, lane = self._locate(offset)
        if register is None:
            return 0
        reader = self._readers.get(base)
        if reader is None and register.access == "wo":
            return 0
        word = reader() if reader else self._values[base]
        return (word >> (8 * lane)) & ((1 << (8 * size)) - 1)

    def write(self, offset: int, size: int, value: int) -> None:
        base, register, lane = self._locate(offset)
        if register is None or register.access == "ro":
            return
        if lane or size != register.size:
            mask = ((1 << (8 * size)) - 1) << (8 * lane)
            value = (value << (8 * lane)) & mask
            if register.access in ("rw", "wo"):
                value |= self._values[base] & ~mask
        value &= (1 << (8 * register.size)) - 1
        writer = self._writers.get(base)
        if writer:
            writer(value)
            return
        old = self._values[base]
        writable = register.writable
        if register.access == "w1c":
            self._store(base, old & ~(value & writable))
        elif register.access == "w1s":
            self._store(base, old | (value & writable))
        else:
            self._store(base, (old & ~writable) | (value & writable))

    # --- inside ------------------------------------------------------------

    def _offsets(self, name: str) -> list[tuple[int, int]]:
        register = self.table[name]
        return [(register.offset + i * register.size, i) for i in range(register.count)]

    def _store(self, offset: int, value: int) -> None:
        self._values[offset] = value
        if offset in self._plain:
            self._plain[offset] = value

    def _locate(self, offset: int) -> tuple[int, Register | None, int]:
        for base in (offset & ~3, offset & ~7):
            place = self._place.get(base)
            if place and offset < base + place[0].size:
                register = place[0]
                if not register.modelled and register.name not in self._touched:
                    self._touched.add(register.name)
                    self._log(f"{self.table.name}: {register.name} is known but not modelled")
                return base, register, offset - base
        hole = f"hole {offset & ~3:#x}"
        if hole not in self._touched:
            self._touched.add(hole)
            self._log(f"{self.table.name}: no register at offset {offset & ~3:#x}")
        return offset, None, 0
