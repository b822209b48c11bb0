"""ELF files, made byte by byte from the description of their format."""

from __future__ import annotations

import struct

BASE = 0x4000_0000
EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")


def elf(
    *segments: tuple[int, int, bytes, int, int],
    machine: int = 183,
    kind: int = 2,
    entry: int = BASE,
    ident: bytes = b"\x7fELF\x02\x01\x01",
) -> bytes:
    """An ELF of PT_LOAD `segments` (physical, virtual, data, memsz, flags)."""
    offset = EHDR.size + PHDR.size * len(segments)
    headers, body = b"", b""
    for physical, virtual, data, size, flags in segments:
        headers += PHDR.pack(1, flags, offset + len(body), virtual, physical, len(data), size, 4096)
        body += data
    header = EHDR.pack(
        ident.ljust(16, b"\0"), kind, machine, 1, entry, EHDR.size, 0, 0, 64, 56, len(segments), 64, 0, 0
    )
    return header + headers + body
