"""Structures in memory as dataclasses whose class body is the datasheet.

A field is declared with its place among the structure's bits, counted through
all its 64-bit words, as the specification's tables count them:

    class L1StreamTableDescriptor(Structure):
        span: int = at(0, 5)
        l2_ptr: PhysAddr = at(6, 50, shift=6)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

WORD_BITS = 64
WORD_MASK = (1 << WORD_BITS) - 1


@dataclass(frozen=True)
class Place:
    """Bits [lsb + width - 1 : lsb]; the field's value is those bits shifted left by `shift`."""

    lsb: int
    width: int
    shift: int = 0

    @property
    def largest(self) -> int:
        return ((1 << self.width) - 1) << self.shift

    def get(self, value: int) -> int | bool:
        number = (value >> self.lsb) & ((1 << self.width) - 1)
        return bool(number) if self.width == 1 else number << self.shift

    def put(self, number: int) -> int:
        """ValueError for a number that has bits outside the field."""
        if number & ~self.largest:
            raise ValueError(f"{number:#x} does not fit bits {self.lsb + self.width - 1}:{self.lsb}")
        return number >> self.shift << self.lsb


def at(lsb: int, width: int = 1, *, shift: int = 0, default: int = 0) -> Any:
    """Declare a dataclass field by its place. One bit is a bool, more are an int."""
    value = bool(default) if width == 1 else default
    return field(default=value, metadata={"place": Place(lsb, width, shift)})


@dataclass(frozen=True)
class Structure:
    """Base of the structures; `WORDS` is their size in 64-bit words."""

    WORDS: ClassVar[int]

    @classmethod
    def places(cls) -> dict[str, Place]:
        """Where each field lies, by name."""
        return {item.name: item.metadata["place"] for item in fields(cls)}

    @classmethod
    def parse(cls, words: Sequence[int]) -> Self:
        """From `WORDS` little-endian words; bits that no field names are dropped."""
        value = join(words)
        return cls(**{name: place.get(value) for name, place in cls.places().items()})

    def build(self) -> list[int]:
        """The words, with zeros where no field lies. ValueError for a value that does not fit."""
        value = 0
        for name, place in self.places().items():
            value |= place.put(getattr(self, name))
        return split(value, self.WORDS)


def join(words: Sequence[int]) -> int:
    """One number from words, the first one lowest."""
    value = 0
    for index, word in enumerate(words):
        value |= word << (WORD_BITS * index)
    return value


def split(value: int, words: int) -> list[int]:
    """The `words` lowest words of a number, the lowest first."""
    return [(value >> (WORD_BITS * index)) & WORD_MASK for index in range(words)]
