"""A property as bytes, by its binding.

Numbers of reg and ranges are as wide as the cell counts in force say; names in
an interrupt specifier become their numbers; the rest are 32-bit cells, strings
and arrays, one behind the other as they are written.

Source: Devicetree Specification v0.4, sections 2.2.4 and 2.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from soc.devicetree import bindings
from soc.devicetree.cells import address_rows, interrupt_cells, split_phandles
from soc.devicetree.fdt.phandles import names_path
from soc.devicetree.node import Node
from soc.devicetree.values import Array, Flag, Number, Property, Reference, Row, Text, Value
from soc.errors import BadInput


def encode(node: Node, prop: Property, phandles: Mapping[Node, int]) -> bytes:
    """The bytes of `node`'s property `prop`. BadInput, with its line, for what no bytes can hold."""
    name, value = prop.name, prop.value
    if isinstance(value, Flag):
        return b""
    if isinstance(value, Reference) and names_path(node, prop):
        return _text(name, Text(node.resolve(value).path, value.where))
    widths = bindings.columns(node, name)
    if widths is not None:
        return b"".join(_numbers(name, row.items, widths) for row in address_rows(prop, widths))
    if name == "iommu-addresses" and bindings.is_reserved(node):
        return _iommu_addresses(node, prop, phandles)
    if name == "interrupts":
        rows = value.items if isinstance(value, Row) else (value,)
        return b"".join(_interrupt(prop, row) for row in rows)
    if name == "interrupts-extended":
        return _interrupts_extended(node, prop, phandles)
    width = bindings.number_width(node, name)
    if isinstance(value, Number) and width is not None:
        return _cells(name, value, width)
    return _plain(node, name, value, phandles)


def _plain(node: Node, name: str, value: Value, phandles: Mapping[Node, int]) -> bytes:
    """The value as written: each string, number and phandle behind the one before."""
    if isinstance(value, Row):
        return b"".join(_plain(node, name, item, phandles) for item in value.items)
    if isinstance(value, Text):
        return _text(name, value)
    if isinstance(value, Reference):
        return _phandle(node, value, phandles)
    if isinstance(value, Array):
        return b"".join(number.value.to_bytes(value.bits // 8, "big") for number in value.numbers)
    if isinstance(value, Number):
        return _cells(name, value, 1)
    raise BadInput(f"{name}: {value} cannot stand in a list", value.where)


def _text(name: str, text: Text) -> bytes:
    try:
        data = text.value.encode("utf-8")
    except UnicodeEncodeError:
        raise BadInput(f"{name}: {text} has a character that UTF-8 has no bytes for", text.where) from None
    if b"\0" in data:
        raise BadInput(f"{name}: {text} has a NUL inside, which would end the string", text.where)
    return data + b"\0"


def _phandle(node: Node, reference: Reference, phandles: Mapping[Node, int]) -> bytes:
    return phandles[node.resolve(reference)].to_bytes(4, "big")


def _cells(name: str, number: Number, count: int) -> bytes:
    """`number` in `count` cells of 32 bits, the highest first."""
    if number.value >> (32 * count):
        cells = f"{count} cell{'s'[: count != 1]} of 32 bits"
        advice = f"; a number of 64 bits is {name}: !u64 [{number}]" if count == 1 else ""
        raise BadInput(f"{name}: {number} does not fit {cells}{advice}", number.where)
    return number.value.to_bytes(4 * count, "big")


def _numbers(name: str, values: Sequence[Value], widths: Sequence[int]) -> bytes:
    """One row of plain numbers, each as wide as its column."""
    data = b""
    for value, width in zip(values, widths, strict=True):
        if not isinstance(value, Number):
            raise BadInput(f"{name}: {value} stands where a number is needed", value.where)
        data += _cells(name, value, width)
    return data


def _interrupt(prop: Property, row: Value) -> bytes:
    values = row.items if isinstance(row, Row) else (row,)
    return b"".join(number.to_bytes(4, "big") for number in interrupt_cells(prop.name, values))


def _interrupts_extended(node: Node, prop: Property, phandles: Mapping[Node, int]) -> bytes:
    data = b""
    for reference, values in split_phandles(prop):
        data += _phandle(node, reference, phandles)
        data += _interrupt(prop, Row(values, reference.where))
    return data


def _iommu_addresses(node: Node, prop: Property, phandles: Mapping[Node, int]) -> bytes:
    """Rows of a device and a range of its own addresses, as wide as the cells of the device's bus."""
    data = b""
    for reference, values in split_phandles(prop):
        bus = node.resolve(reference).parent
        if bus is None or len(values) != 2:
            problem = f"{prop.name} of {node.path} is a list of rows [&device, address, size]"
            raise BadInput(problem, reference.where)
        cells = bus.bus_cells
        data += _phandle(node, reference, phandles)
        data += _numbers(prop.name, values, (cells.address, cells.size))
    return data
