"""Files to boot, made byte by byte from the descriptions of their formats."""

from __future__ import annotations

import gzip
import lzma
import struct
from typing import Any

from tests.elf_files import BASE
from tests.elf_files import elf as elf_file

NOP = 0xD503201F
CODE = bytes.fromhex("1f2003d500000014")
ARM64_PE, X86_PE, RISCV_PE = 0xAA64, 0x8664, 0x5064


def branch(distance: int) -> int:
    """B over `distance` bytes."""
    return 0b000101 << 26 | distance // 4 & 0x3FF_FFFF


def pe_header(machine: int, *sections: tuple[int, int]) -> bytes:
    """A PE header of `sections` (size, offset in the file), without an optional header."""
    head = struct.pack("<4sHH12xHH", b"PE\0\0", machine, len(sections), 0, 0)
    return head + b"".join(struct.pack("<16xII16x", size, offset) for size, offset in sections)


def linux_image(
    size: int = 8192,
    image_size: int = 0x10000,
    text_offset: int = 0,
    flags: int = 0b1010,
    code0: int = branch(256),
    code1: int = 0,
    pe: bytes = b"",
) -> bytes:
    """An arm64 Image of `size` bytes: 4 KiB pages and any place in DRAM unless `flags` says otherwise."""
    offset = 64 if pe else 0
    header = struct.pack("<IIQQQ24x4sI", code0, code1, text_offset, image_size, flags, b"ARM\x64", offset)
    return (header + pe).ljust(size, b"\x5a")


def efi_image(machine: int = ARM64_PE, sections: tuple[tuple[int, int], ...] = ((4096, 4096),)) -> bytes:
    """An arm64 Image with an EFI stub: "MZ" is its first instruction, the second branches."""
    code0 = int.from_bytes(b"MZ\x40\xfa", "little")
    return linux_image(code0=code0, code1=branch(512), pe=pe_header(machine, *sections))


def zboot(
    payload: bytes, kind: bytes, machine: int = ARM64_PE, size: int | None = None, more: bytes = b"tail"
) -> bytes:
    """An EFI zboot image around the packed `payload`, `more` behind it."""
    offset = 512
    size = len(payload) if size is None else size
    head = struct.pack("<4s4sII8x32sII", b"MZ", b"zimg", offset, size, kind, 0x818223CD, 64)
    return (head + pe_header(machine)).ljust(offset, b"\0") + payload + more


PACKERS = {
    b"gzip": lambda data: gzip.compress(data, mtime=0),
    b"xzkern": lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
    b"lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
}


def elf(*segments: tuple[int, bytes, int], **fields: Any) -> bytes:
    """An ELF of executable PT_LOAD `segments` (address, data, size in memory); `fields` of its header."""
    return elf_file(*((address, address, data, size, 5) for address, data, size in segments), **fields)


GOOD_ELF = elf((BASE, CODE, 16))
