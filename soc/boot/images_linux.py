"""The header of an arm64 Linux Image: 64 bytes that a boot loader must obey.

  0  code0, code1   u32 x2  the first instructions; one of them branches to the kernel
  8  text_offset    u64     bytes from a 2 MiB boundary to the first byte of the image
 16  image_size     u64     bytes from there that must be free, zero-initialised data included
 24  flags          u64     bit 0 big-endian, bits 1-2 page size, bit 3 any 2 MiB boundary will do
 56  magic          "ARM\\x64"
 60  PE header      u32     its offset in the file, 0 without an EFI stub

What the file must have is in the PE section table and in the branch; both tell
a truncated file before it runs into nothing.
Source: Documentation/arch/arm64/booting.rst, arch/arm64/kernel/{head,efi-header}.S;
the PE format.
Not modelled: kernels before 3.17, whose header does not say how much memory they need.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from soc.boot.images_pe import ARM64, PE_SIZE, PeHeader, machine_name
from soc.errors import BadInput

HEADER = struct.Struct("<IIQQQ24x4sI")
MAGIC = b"ARM\x64"
MAGIC_OFFSET = 56
BIG_ENDIAN = 1 << 0
ANYWHERE = 1 << 3
PAGE_SIZES = (None, 4096, 16384, 65536)


@dataclass(frozen=True)
class LinuxHeader:
    """What the kernel asks of its place: sizes in bytes.

    `page_size` is None when the kernel does not say; `anywhere` is whether any 2 MiB
    boundary of DRAM will do, or only the lowest, below which the kernel uses no memory.
    """

    text_offset: int
    image_size: int
    page_size: int | None
    anywhere: bool


def is_linux(data: bytes) -> bool:
    """Whether `data` has the magic of an arm64 Image."""
    return data[MAGIC_OFFSET : MAGIC_OFFSET + 4] == MAGIC and len(data) >= HEADER.size


def parse_header(data: bytes, name: str) -> LinuxHeader:
    """The header of an Image whose file is all there and little-endian. BadInput otherwise."""
    code0, code1, text_offset, image_size, flags, _, pe_offset = HEADER.unpack_from(data)
    if flags & BIG_ENDIAN:
        raise BadInput(
            f"{name}: a big-endian arm64 Linux Image; this CPU runs little-endian, "
            "build it without CONFIG_CPU_BIG_ENDIAN"
        )
    if not image_size:
        raise BadInput(
            f"{name}: an arm64 Linux Image whose header does not say how much memory it needs "
            "(image_size is 0); Linux 3.17 or later does"
        )
    _check_whole(data, name, pe_offset, code0, code1)
    if len(data) > image_size:
        raise BadInput(
            f"{name}: has {len(data)} bytes, but its arm64 Linux header says the kernel takes {image_size} "
            "(image_size): damaged, or something is appended to it"
        )
    return LinuxHeader(text_offset, image_size, PAGE_SIZES[flags >> 1 & 3], bool(flags & ANYWHERE))


def _check_whole(data: bytes, name: str, pe_offset: int, code0: int, code1: int) -> None:
    """BadInput if the file ends before what its own headers say it holds."""
    needed = _branch_target(code0, code1)
    if data[:2] == b"MZ" and pe_offset:
        needed = max(needed, pe_offset + PE_SIZE)
        if pe := PeHeader.read(data, pe_offset):
            if pe.machine != ARM64:
                raise BadInput(
                    f"{name}: an arm64 Linux Image by its magic, but for {machine_name(pe.machine)} by its "
                    "PE header: damaged, or not a kernel"
                )
            needed = max(needed, pe.end)
    if needed > len(data):
        raise BadInput(
            f"{name}: truncated: an arm64 Linux Image that goes on to byte {needed} by its own headers, "
            f"and the file has {len(data)}; fetch or build it again"
        )


def _branch_target(code0: int, code1: int) -> int:
    """The end of the instruction that the first ones branch to, in bytes of the file; 0 without a branch."""
    for at, word in ((0, code0), (4, code1)):
        distance = (word & 0x3FF_FFFF) * 4
        if word >> 26 == 0b000101 and distance < 1 << 27:
            return at + distance + 4
    return 0
