"""What a property of a board file can hold, each value with its place in the file.

Numbers are whole: a 64-bit address is one number here, however many 32-bit
cells it takes in a flattened tree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from soc.errors import Where

SHOWN = 60

MEMRESERVE = "/memreserve/"
"""What the root calls its memory reservations: rows [address, size]. No property can have the name."""


def brief(text: str) -> str:
    """`text` cut to what one line of a message can bear."""
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


@dataclass(frozen=True)
class Number:
    """An unsigned number; `text` is how the file spells it."""

    value: int
    text: str
    where: Where

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Text:
    value: str
    where: Where

    def __str__(self) -> str:
        return brief(repr(self.value))


@dataclass(frozen=True)
class Flag:
    """An empty property, written `true`."""

    where: Where

    def __str__(self) -> str:
        return "true"


@dataclass(frozen=True)
class Reference:
    """A phandle: `*label`, or "&label" for a node further down.

    `early` is an alias written before its anchor, which YAML does not allow.
    """

    label: str
    where: Where
    early: bool = False

    def __str__(self) -> str:
        return brief(f"&{self.label}")


@dataclass(frozen=True)
class Row:
    """A list: the rows of a table, one row of it, or a list of strings."""

    items: tuple[Value, ...]
    where: Where

    def __str__(self) -> str:
        return brief(f"[{', '.join(str(item) for item in self.items[:SHOWN])}]")


@dataclass(frozen=True)
class Array:
    """Numbers of 8, 16 or 64 bits each, written `!u8 [0x00, 0x11]`; each fits its `bits`.

    A DTS writes `[00 11]` or `/bits/ 8 <0x00 0x11>`. Numbers of 32 bits are a plain list.
    """

    bits: int
    numbers: tuple[Number, ...]
    where: Where

    def __str__(self) -> str:
        return brief(f"!u{self.bits} [{', '.join(str(number) for number in self.numbers[:SHOWN])}]")


Value: TypeAlias = Number | Text | Flag | Reference | Row | Array


def references(value: Value) -> list[Reference]:
    """Every phandle inside `value`, in order."""
    if isinstance(value, Reference):
        return [value]
    if isinstance(value, Row):
        return [found for item in value.items for found in references(item)]
    return []


@dataclass(frozen=True)
class Property:
    """A property as written. `where` is the line of its name."""

    name: str
    value: Value
    where: Where


@dataclass
class RawNode:
    """A node as written: no binding is applied yet."""

    name: str
    label: str | None
    where: Where
    properties: dict[str, Property] = field(default_factory=dict)
    children: list[RawNode] = field(default_factory=list)
