"""A64 loads and stores by encoding class, for what VEX does not decode.

Source: Arm ARM DDI 0487, C4.1 (A64 instruction set encoding): every
instruction that accesses memory is in the class "Loads and stores", but for
DC ZVA, SVE and SME.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Access = Literal["read", "write", "undecoded"]

ZERO_BLOCK = 64
"""Bytes DC ZVA clears on the modelled core (DCZID_EL0 = 4)."""


@dataclass(frozen=True, order=True)
class MemoryAccess:
    """What the instruction at `pc` does to memory: `size` bytes in all.

    `undecoded` (size 0) is an instruction that may access memory, but how is not known here.
    """

    pc: int
    access: Access
    size: int


def field(word: int, high: int, low: int) -> int:
    """Bits [high:low] of an instruction word."""
    return word >> low & (1 << high - low + 1) - 1


def is_zero_block(word: int) -> bool:
    """DC ZVA, Xt."""
    return word & 0xFFFF_FFE0 == 0xD50B_7420


def may_access_memory(word: int) -> bool:
    """Whether the encoding's top level class has loads or stores in it."""
    top = field(word, 28, 25)
    return top & 0b0101 == 0b0100 or top == 0b0010 or (top == 0 and bool(word >> 31)) or is_zero_block(word)


def accesses_of(word: int, pc: int) -> list[MemoryAccess]:
    """The accesses of one instruction by its encoding alone."""
    if not may_access_memory(word):
        return []
    if is_zero_block(word):
        return [MemoryAccess(pc, "write", ZERO_BLOCK)]
    if field(word, 28, 25) & 0b0101 == 0b0100:
        for decode in (_exclusive_or_compare, _no_allocate_pair, _register_forms, _ordered_unscaled):
            if (found := decode(word)) is not None:
                return [MemoryAccess(pc, access, size) for access, size in found]
    return [MemoryAccess(pc, "undecoded", 0)]


Found = list[tuple[Access, int]] | None


def _one(load: bool, size: int) -> Found:
    return [("read" if load else "write", size)]


def _both(size: int) -> Found:
    return [("read", size), ("write", size)]


def _exclusive_or_compare(word: int) -> Found:
    """LDXR, LDAR, LDXP, CAS, CASP and their relatives."""
    if field(word, 29, 24) != 0b001000:
        return None
    size, ordered, load, pair = (
        field(word, 31, 30),
        field(word, 23, 23),
        field(word, 22, 22),
        field(word, 21, 21),
    )
    if not pair:
        return _one(bool(load), 1 << size)
    if ordered:
        return _both(1 << size)
    both_registers = 8 << field(word, 30, 30)
    return _one(bool(load), both_registers) if size & 2 else _both(both_registers)


def _no_allocate_pair(word: int) -> Found:
    """LDNP, STNP."""
    if field(word, 29, 27) != 0b101 or field(word, 25, 23) != 0:
        return None
    size, vector = field(word, 31, 30), field(word, 26, 26)
    return _one(bool(field(word, 22, 22)), 2 * (4 << size if vector else 4 << (size >> 1)))


def _register_forms(word: int) -> Found:
    """Atomic operations, LDAPR, 64-byte accesses, LDRAA and unprivileged accesses."""
    if field(word, 29, 27) != 0b111 or field(word, 25, 24) != 0 or field(word, 26, 26):
        return None
    size, form = 1 << field(word, 31, 30), field(word, 11, 10)
    if not field(word, 21, 21):
        return _one(field(word, 23, 22) != 0, size) if form == 0b10 else None
    if form & 1:
        return _one(True, size) if size == 8 else None
    if form:
        return None
    operation = field(word, 15, 12)
    if operation == 0b1100:
        return _one(True, size)
    if operation in (0b1001, 0b1010, 0b1011, 0b1101):
        return _one(operation == 0b1101, 64)
    return _both(size)


def _ordered_unscaled(word: int) -> Found:
    """LDAPUR, STLUR."""
    if field(word, 29, 24) != 0b011001 or field(word, 21, 21) or field(word, 11, 10):
        return None
    return _one(field(word, 23, 22) != 0, 1 << field(word, 31, 30))
