"""Names of a guest's code from a file beside its image: an ELF file or a System.map.

A Linux Image has no symbols; the kernel's build leaves them in vmlinux and, as
text, in System.map. As in kallsyms, a symbol ends where the next one starts.
Source: scripts/mksysmap, kernel/kallsyms.c; ELF-64 object file format.
Not modelled: the offset that KASLR adds.
"""

from __future__ import annotations

import re
from pathlib import Path

from soc.boot.symbols_elf import MAGIC, elf_symbols
from soc.cpu.image import read_file
from soc.cpu.symbols import Symbol, SymbolTable
from soc.errors import BadInput, Where

LARGEST_FILE = 1 << 30
MOST_LINES = 1_000_000
LINE = re.compile(rb"([0-9a-fA-F]{1,16}) ([A-Za-z?-]) ([^\s]{1,512})(?:[ \t]\[[\w-]+\])?\s*")
NO_PLACES = frozenset(b"aAUNn")
DEBIAN_STUB = b"The real System.map is in the "


def read_symbols(path: Path) -> SymbolTable:
    """The symbols of an ELF file or System.map. BadInput if it has none or cannot be read."""
    data = read_file(path, LARGEST_FILE)
    return SymbolTable(elf_symbols(data, str(path)) if data[:4] == MAGIC else parse_map(data, path))


def parse_map(data: bytes, path: Path) -> list[Symbol]:
    """The places that the lines of a System.map name. BadInput, with its line, for what is none."""
    lines = data.split(b"\n", MOST_LINES)
    if len(lines) > MOST_LINES:
        raise BadInput(f"{path}: more than the {MOST_LINES} lines of symbols allowed")
    places: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise _no_symbol(line, Where(path, number))
        address, kind, name = match.groups()
        if kind[0] not in NO_PLACES and name[:1] != b"$":
            places.append((int(address, 16), name.decode("utf-8", "backslashreplace")))
    if not any(address for address, _ in places):
        hidden = ": all addresses are 0, as /proc/kallsyms shows them to others than root" if places else ""
        raise BadInput(f"{path}: holds no symbols{hidden}")
    starts = sorted({address for address, _ in places})
    ends = dict(zip(starts, [*starts[1:], starts[-1] + 1], strict=True))
    return [Symbol(address, name, ends[address] - address) for address, name in places]


def _no_symbol(line: bytes, where: Where) -> BadInput:
    if DEBIAN_STUB in line:
        package = line.partition(DEBIAN_STUB)[2][:100].decode("ascii", "backslashreplace").strip()
        return BadInput(f"a placeholder without symbols: the real System.map is in the {package}", where)
    shown = line[:60].decode("ascii", "backslashreplace")
    return BadInput(f"{shown!r} is no line of a System.map: an address, a letter and a name", where)
