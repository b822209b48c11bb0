"""Strings of a DTS: escapes to bytes, bytes to what a board can hold.

Source: Devicetree Specification v0.4, section 6.3; escapes are those of C.
"""

from __future__ import annotations

import re

from soc.devicetree.values import Array, Number, Text
from soc.errors import BadInput, Where

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))")
NAMED = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


def unescape(text: str, where: Where) -> bytes:
    """The bytes that `text` between quotes stands for."""

    def character(match: re.Match[str]) -> str:
        octal, hexadecimal, other = match.groups()
        if other == "x":
            raise BadInput("\\x must be followed by hexadecimal digits", where)
        if other is not None:
            return chr(NAMED[other]) if other in NAMED else _bytes_as_text(other)
        return chr(int(octal, 8) & 0xFF if octal else int(hexadecimal, 16))

    pieces, at = [], 0
    for match in ESCAPE.finditer(text):
        pieces += [_bytes_as_text(text[at : match.start()]), character(match)]
        at = match.end()
    return "".join([*pieces, _bytes_as_text(text[at:])]).encode("latin-1")


def strings(data: bytes, where: Where) -> list[Text | Array]:
    """`data` and the NUL behind it: a string for each NUL, bytes if it is not UTF-8."""
    try:
        return [Text(part, where) for part in data.decode("utf-8").split("\0")]
    except UnicodeDecodeError:
        return [byte_array(data + b"\0", where)]


def byte_array(data: bytes, where: Where) -> Array:
    """`data` as numbers of 8 bits."""
    return Array(8, tuple(Number(byte, f"{byte:#04x}", where) for byte in data), where)


def _bytes_as_text(text: str) -> str:
    """The bytes of `text` in UTF-8, a character each."""
    return text.encode("utf-8").decode("latin-1")
