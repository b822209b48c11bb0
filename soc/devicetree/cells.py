"""What the rows of a property mean: reg, ranges, phandle arguments, specifiers.

Pure functions from values to numbers. Numbers are whole, so a cell count shows
as how wide a number may be and whether it is there at all: with
#address-cells 2 and #size-cells 1 a reg row is [address, size], the address of
up to 64 bits and the size of up to 32; with #size-cells 0 it is [address].

Source: Devicetree Specification v0.4, sections 2.3.5 to 2.3.9 and 2.4; interrupt
names follow include/dt-bindings/interrupt-controller/{irq,arm-gic}.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from soc.devicetree.values import Number, Property, Reference, Row, Text, Value
from soc.errors import BadInput, Where

INTERRUPT_TYPES = {"spi": 0, "ppi": 1}
LAST_OF_TYPE = {"spi": 987, "ppi": 15}
MAX_ROWS = 1024
TRIGGERS = {"edge-rising": 1, "edge-falling": 2, "edge-both": 3, "level-high": 4, "level-low": 8}


@dataclass(frozen=True)
class BusCells:
    """How children of the node at `path` write addresses and sizes, in 32-bit cells."""

    path: str
    address: int
    size: int

    @property
    def end(self) -> int:
        """First address beyond the bus."""
        return 1 << (32 * self.address)

    def __str__(self) -> str:
        return f"#address-cells {self.address}, #size-cells {self.size} of {self.path}"


@dataclass(frozen=True)
class Entry:
    """One row of a reg: `size` bytes at bus address `address`."""

    address: int
    size: int
    where: Where


@dataclass(frozen=True)
class Range:
    """`size` bytes at `child` of a bus appear at `parent` of the bus above it."""

    child: int
    parent: int
    size: int


def span(base: int, size: int) -> str:
    """`[first byte - last byte]` for messages."""
    return f"[{base:#x} - {base + size - 1:#x}]"


def number(name: str, value: Value) -> int:
    """The number, or BadInput naming property `name` and what stands there instead."""
    if not isinstance(value, Number):
        raise BadInput(f"{name}: {value} stands where a number is needed", value.where)
    return value.value


def decode_reg(prop: Property, bus: BusCells, note: str = "") -> tuple[Entry, ...]:
    """The entries of a reg or alloc-ranges; `note` is added to a bad cell count.

    BadInput for a wrong cell count, an empty entry or one beyond the bus.
    """
    columns = ["address"] * (bus.address > 0) + ["size"] * (bus.size > 0)
    entries = []
    for row in _rows(prop, "[[0x30860000, 0x1000]]"):
        numbers = dict(zip(columns, _numbers(prop, row, columns, str(bus), note), strict=True))
        address, size = numbers.get("address", 0), numbers.get("size", 0)
        _fits(prop.name, "address", address, bus.address, bus, row.where)
        _fits(prop.name, "size", size, bus.size, bus, row.where)
        if bus.size and not size:
            raise BadInput(f"{prop.name} {row} is empty: its size is 0", row.where)
        _within(prop.name, address, size, bus, row.where)
        entries.append(Entry(address, size, row.where))
    return tuple(entries)


def decode_ranges(prop: Property, bus: BusCells, above: BusCells) -> tuple[Range, ...]:
    """The windows of a ranges or dma-ranges with rows [child, parent, size]."""
    columns = ["child address", "parent address", "size"]
    windows = []
    for row in _rows(prop, "[[0x0, 0x30000000, 0x10000000]]"):
        child, parent, size = _numbers(prop, row, columns, "whole numbers, not cells")
        _fits(prop.name, "size", size, bus.size, bus, row.where)
        if not size:
            raise BadInput(f"{prop.name} {row} is empty: its size is 0", row.where)
        for address, side in ((child, bus), (parent, above)):
            _fits(prop.name, "address", address, side.address, side, row.where)
            _within(prop.name, address, size, side, row.where)
        windows.append(Range(child, parent, size))
    return tuple(windows)


def address_rows(prop: Property, widths: Sequence[int]) -> tuple[Row, ...]:
    """The rows of any property of addresses: one number for each of `widths`, which are in cells."""
    rows = _rows(prop, "[[0x30860000, 0x1000]]")
    for row in rows:
        if len(row.items) != len(widths):
            counts = f"{prop.name} {row} has {len(row.items)} numbers, not {len(widths)}"
            raise BadInput(f"bad cell count: {counts}", row.where)
    return rows


def split_phandles(prop: Property) -> list[tuple[Reference, tuple[Value, ...]]]:
    """The entries of a phandle list as (reference, arguments).

    `&a`, `[&a, &b]` (no arguments) and `[[&a, 1], [&b, 2]]` are read.
    """
    value = prop.value
    items = value.items if isinstance(value, Row) else (value,)
    entries: list[tuple[Reference, tuple[Value, ...]]] = []
    for item in items:
        cells = item.items if isinstance(item, Row) else (item,)
        if not isinstance(cells[0], Reference):
            problem = f"{prop.name}: {cells[0]} stands where a phandle is needed"
            if item is cells[0] and entries:
                problem += f" (an entry with arguments is a row: {prop.name}: [{value}])"
            raise BadInput(problem, cells[0].where)
        entries.append((cells[0], cells[1:]))
    return entries


def arguments(
    name: str, values: tuple[Value, ...], count: int, source: str, where: Where, note: str = ""
) -> tuple[int, ...]:
    """`count` 32-bit cells that follow a phandle; `source` says who set the count."""
    _count(name, len(values), count, source, where, note)
    return tuple(_cell(name, value) for value in values)


def interrupt_rows(prop: Property) -> tuple[Row, ...]:
    """The rows of an interrupts property, one interrupt each."""
    return _rows(prop, "[[spi, 33, level-high]]")


def specifier(name: str, values: tuple[Value, ...], count: int, source: str, where: Where) -> tuple[int, ...]:
    """An interrupt specifier of `count` cells, names spelt out as their numbers.

    Three cells are a GIC's: its interrupts are numbered per type.
    """
    _count(name, len(values), count, source, where)
    cells = interrupt_cells(name, values)
    for kind, last in LAST_OF_TYPE.items():
        if count == 3 and cells[0] == INTERRUPT_TYPES[kind] and cells[1] > last:
            raise BadInput(f"{name}: the last {kind} is {last}, not {cells[1]}", where)
    return cells


def interrupt_cells(name: str, values: tuple[Value, ...]) -> tuple[int, ...]:
    """The numbers of one specifier: spi and ppi may stand first of three, a trigger last of two or more."""
    names: list[dict[str, int]] = [{} for _ in values]
    if len(values) == 3:
        names[0] = INTERRUPT_TYPES
    if len(values) >= 2:
        names[-1] = TRIGGERS
    cells = []
    for known, value in zip(names, values, strict=True):
        if isinstance(value, Text):
            if value.value not in known:
                options = ", ".join([*known, "a number"])
                raise BadInput(f"{name}: {value} is unknown here: use {options}", value.where)
            cells.append(known[value.value])
        else:
            cells.append(_cell(name, value))
    return tuple(cells)


def _rows(prop: Property, example: str) -> tuple[Row, ...]:
    """The rows of `prop`, which must be a list of lists."""
    value = prop.value
    if not isinstance(value, Row) or not all(isinstance(item, Row) for item in value.items):
        raise BadInput(f"{prop.name} is a list of rows such as {example}, not {value}", value.where)
    if len(value.items) > MAX_ROWS:
        raise BadInput(f"{prop.name} has {len(value.items)} rows, more than {MAX_ROWS}", value.where)
    return tuple(item for item in value.items if isinstance(item, Row))


def _numbers(prop: Property, row: Row, columns: list[str], source: str, note: str = "") -> list[int]:
    if len(row.items) != len(columns):
        wanted = ", ".join(columns) or "nothing"
        counts = f"{prop.name} {row} has {len(row.items)} numbers, not {len(columns)}"
        raise BadInput(f"bad cell count: {counts} [{wanted}] ({source}){note}", row.where)
    return [number(prop.name, item) for item in row.items]


def _count(name: str, given: int, wanted: int, source: str, where: Where, note: str = "") -> None:
    if given != wanted:
        have = f"{given} cell{'s'[: given != 1]}"
        raise BadInput(f"bad cell count: {name} has {have}, {source} is {wanted}{note}", where)


def _cell(name: str, value: Value) -> int:
    result = number(name, value)
    if result >> 32:
        raise BadInput(f"{name}: {value} does not fit one 32-bit cell", value.where)
    return result


def _fits(name: str, what: str, value: int, cells: int, bus: BusCells, where: Where) -> None:
    if value >> (32 * cells):
        problem = f"{name}: {what} {value:#x} does not fit {cells} cell{'s'[: cells != 1]}"
        raise BadInput(f"{problem} ({bus})", where)


def _within(name: str, address: int, size: int, bus: BusCells, where: Where) -> None:
    if size and address + size > bus.end:
        bits = 32 * bus.address
        problem = f"{name} {span(address, size)} reaches beyond the {bits}-bit address space"
        raise BadInput(f"{problem} ({bus})", where)
