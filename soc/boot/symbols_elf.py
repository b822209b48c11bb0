"""The symbol table of an AArch64 ELF file, of any type: vmlinux too, with its 200 000 symbols.

Only the section headers, the symbols and their names are looked at; numpy reads
them as tables, since one object for each would take seconds.
Source: ELF-64 object file format; ELF for the Arm 64-bit architecture (AAELF64).
Not modelled: more than 65279 sections; symbols in a separate debug file.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soc.cpu.symbols import Symbol
from soc.errors import BadInput

MAGIC = b"\x7fELF"
LITTLE_ELF64 = b"\x02\x01"
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
AARCH64 = 183
MOST_SYMBOLS = 1_000_000
LONGEST_NAME = 512
SYMTAB, DYNSYM = 2, 11
UNDEFINED, ABSOLUTE = 0, 0xFFF1
NAMED_TYPES = (0, 1, 2)
"""STT_NOTYPE, STT_OBJECT, STT_FUNC."""

SECTION = np.dtype(
    [("name", "<u4"), ("type", "<u4"), ("flags", "<u8"), ("addr", "<u8"), ("offset", "<u8"), ("size", "<u8")]
    + [("link", "<u4"), ("info", "<u4"), ("align", "<u8"), ("entsize", "<u8")]
)
SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")]
)
Table = NDArray[np.void]


def elf_symbols(data: bytes, name: str) -> list[Symbol]:
    """Functions, objects and labels of the ELF file `data`, without mapping symbols ($x, $d). BadInput."""
    if len(data) < HEADER.size:
        raise BadInput(f"{name}: truncated: an ELF file of {len(data)} bytes; fetch or build it again")
    header = HEADER.unpack_from(data)
    ident, machine, sections_at, entry_size, count = header[0], header[2], header[6], header[11], header[12]
    if ident[4:6] != LITTLE_ELF64 or machine != AARCH64:
        raise BadInput(f"{name}: must be a little-endian ELF64 for AArch64, not of machine {machine}")
    if not count or entry_size != SECTION.itemsize:
        raise BadInput(
            f"{name}: an ELF file without sections holds no symbols: give one that is not stripped"
        )
    sections = _table(data, SECTION, sections_at, count * SECTION.itemsize, "section headers", name)
    for kind in (SYMTAB, DYNSYM):
        for section in sections[sections["type"] == kind]:
            if found := _symbols(data, section, sections, name):
                return found
    raise BadInput(f"{name}: an ELF file without a symbol table: give one that is not stripped")


def _symbols(data: bytes, section: Any, sections: Table, name: str) -> list[Symbol]:
    size = int(section["size"])
    if size > MOST_SYMBOLS * SYMBOL.itemsize:
        raise BadInput(f"{name}: more than the {MOST_SYMBOLS} symbols allowed")
    if section["link"] >= len(sections):
        raise BadInput(f"{name}: not a sound ELF file: its symbols have no table of names")
    table = _table(data, SYMBOL, int(section["offset"]), size, "symbols", name)
    names = sections[int(section["link"])]
    text = _table(data, np.dtype("u1"), int(names["offset"]), int(names["size"]), "names", name).tobytes()
    placed = (table["section"] != UNDEFINED) & (table["section"] != ABSOLUTE)
    wanted = table[placed & np.isin(table["info"] & 0xF, NAMED_TYPES)]
    rows = zip(wanted["name"].tolist(), wanted["value"].tolist(), wanted["size"].tolist(), strict=True)
    return [
        Symbol(value, label, length)
        for at, value, length in rows
        if (label := _name(text, at)) and not label.startswith("$")
    ]


def _name(text: bytes, at: int) -> str:
    end = text.find(b"\0", at, at + LONGEST_NAME)
    return text[at : end if end >= 0 else at + LONGEST_NAME].decode("utf-8", "backslashreplace")


def _table(data: bytes, kind: np.dtype[Any], offset: int, size: int, what: str, name: str) -> Table:
    """`size` bytes at `offset` as rows of `kind`. BadInput if the file ends before."""
    if offset + size > len(data):
        raise BadInput(
            f"{name}: truncated: its {what} end at byte {offset + size}, and the file has {len(data)}; "
            "fetch or build it again"
        )
    return np.frombuffer(data, kind, size // kind.itemsize, offset)
