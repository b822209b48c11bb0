"""The right side of a property: strings, cells, bytes and references, with commas between.

Source: Devicetree Specification v0.4, section 6.3. Labels inside values are read and
forgotten.
Not modelled: /incbin/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from soc.devicetree.dts.expression import MASK, integer, needed
from soc.devicetree.dts.reader import Reader, unexpected
from soc.devicetree.dts.strings import STRING, byte_array, strings, unescape
from soc.devicetree.values import Array, Number, Reference, Row, Text
from soc.errors import BadInput, Where

VALUE_LABEL = re.compile(r"[A-Za-z_]\w*:", re.ASCII)
REFERENCE = re.compile(r"&(?:([A-Za-z_]\w*)|\{(/[\w,./+*#?@-]*)\})", re.ASCII)
BYTE = re.compile(r"[0-9a-fA-F]{2}")
SIZES = (8, 16, 32, 64)


@dataclass(frozen=True)
class PathReference:
    """A reference outside of <>, which becomes the path of the node it names."""

    target: Reference


Piece: TypeAlias = Text | Array | Row | PathReference
"""What stands between two commas; a Row holds cells: numbers and references."""


def pieces(reader: Reader) -> tuple[Piece, ...]:
    """The value that comes next, up to its semicolon."""
    found: list[Piece] = []
    while True:
        _labels(reader)
        found += _piece(reader)
        _labels(reader)
        if not reader.accept(","):
            return tuple(found)


def reference(reader: Reader) -> Reference | None:
    """The reference that comes next, if one does; its label is a label or an absolute path."""
    where = reader.where
    match = reader.take(REFERENCE)
    return Reference(match[1] or match[2], where) if match else None


def _piece(reader: Reader) -> list[Piece]:
    where = reader.where
    if text := reader.take(STRING):
        return [*strings(unescape(text[1], where), where)]
    if reader.accept('"'):
        raise BadInput("a string starts here and never ends", where)
    if target := reference(reader):
        return [PathReference(target)]
    if reader.accept("["):
        return [_bytes(reader, where)]
    bits = 32
    if reader.accept("/bits/"):
        bits = needed(reader, "a number of bits").value
        if bits not in SIZES:
            raise BadInput(f"/bits/ {bits}: a number has 8, 16, 32 or 64 bits", where)
        reader.expect("<", f"/bits/ {bits}")
    elif reader.accept("/incbin/"):
        raise BadInput("/incbin/ is not read: write the bytes out in [..]", where)
    elif not reader.accept("<"):
        raise unexpected(reader, 'a value ("string", <cells>, [bytes] or &label)')
    return [_cells(reader, bits, where)]


def _bytes(reader: Reader, where: Where) -> Array:
    data = bytearray()
    while not reader.accept("]"):
        if _labels(reader):
            continue
        byte = reader.take(BYTE)
        if byte is None:
            raise unexpected(reader, "two hexadecimal digits or ]")
        data += bytes.fromhex(byte[0])
    return byte_array(bytes(data), where)


def _cells(reader: Reader, bits: int, where: Where) -> Row | Array:
    numbers: list[Number] = []
    cells: list[Number | Reference] = []
    while not reader.accept(">"):
        if _labels(reader):
            continue
        at = reader.where
        if target := reference(reader):
            if bits != 32:
                raise BadInput(f"{target} stands in numbers of {bits} bits: a phandle has 32", at)
            cells.append(target)
            continue
        number = integer(reader) or needed(reader, "a number, a reference or >")
        numbers.append(_fit(number, bits))
        cells.append(numbers[-1])
    return Row(tuple(cells), where) if bits == 32 else Array(bits, tuple(numbers), where)


def _fit(number: Number, bits: int) -> Number:
    """`number` in `bits`; one whose upper bits are all set is negative, and loses them."""
    upper = MASK ^ (1 << bits) - 1
    if number.value & upper not in (0, upper):
        raise BadInput(f"{number} does not fit {bits} bits", number.where)
    if number.value & upper == 0:
        return number
    value = number.value & ~upper
    return Number(value, hex(value), number.where)


def _labels(reader: Reader) -> bool:
    """Pass over labels; whether there was one."""
    found = False
    while reader.take(VALUE_LABEL):
        found = True
    return found
