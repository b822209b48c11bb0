"""Files that are surely no program for this CPU, known by their first bytes.

A flat binary has no mark of its own, so everything with the mark of something
else is refused, with what to give instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from soc.boot.images_pe import machine_name, pe_machine
from soc.errors import BadInput

KERNEL = "give an arm64 kernel (arch/arm64/boot/Image)"
UNPACK = "unpack it and give what is inside"
INITRD = "give it with --initrd, and a kernel here"
TEXT_SAMPLE = 512
TEXT = frozenset(b"\t\n\r\f\x1b") | frozenset(range(0x20, 0x7F))
ARM_BRANCH, ARM_LOAD_PC = 0xEA, 0xE59F_F000


@dataclass(frozen=True)
class Mark:
    """`magic` at byte `offset` tells `what` a file is; `remedy` is what to do about it."""

    offset: int
    magic: bytes
    what: str
    remedy: str


MARKS = (
    Mark(0x202, b"HdrS", "an x86 Linux kernel (bzImage)", KERNEL),
    Mark(0x24, bytes.fromhex("18286f01"), "a 32-bit Arm Linux kernel (zImage)", KERNEL),
    Mark(0x24, bytes.fromhex("016f2818"), "a big-endian 32-bit Arm Linux kernel (zImage)", KERNEL),
    Mark(0x30, b"RISCV\0\0\0", "a RISC-V Linux kernel (Image)", KERNEL),
    Mark(0x38, b"RSC\x05", "a RISC-V Linux kernel (Image)", KERNEL),
    Mark(0, bytes.fromhex("27051956"), "a U-Boot legacy image (uImage)", UNPACK),
    Mark(0, bytes.fromhex("d00dfeed"), "a device tree blob or FIT image", UNPACK),
    Mark(0, b"ANDROID!", "an Android boot image", UNPACK),
    Mark(0, b"\x1f\x8b", "gzip data in gzip data", "unpack it once"),
    Mark(0, b"\xfd7zXZ\0", "an xz file", UNPACK),
    Mark(0, b"\x28\xb5\x2f\xfd", "a zstd file", UNPACK),
    Mark(0, b"\x04\x22\x4d\x18", "an LZ4 file", UNPACK),
    Mark(0, b"\x02\x21\x4c\x18", "an LZ4 file", UNPACK),
    Mark(0, b"\x89LZO\0", "an LZO file", UNPACK),
    Mark(0, b"BZh", "a bzip2 file", UNPACK),
    Mark(0, b"PK\x03\x04", "a zip file", UNPACK),
    Mark(0, b"!<arch>\n", "an archive (a Debian package or a library)", UNPACK),
    Mark(257, b"ustar", "a tar file", UNPACK),
    Mark(0, b"070701", "an initramfs (cpio)", INITRD),
    Mark(0, b"070702", "an initramfs (cpio)", INITRD),
    Mark(0, b"070707", "an initramfs (cpio)", INITRD),
    Mark(0, b"hsqs", "a squashfs file system", INITRD),
    Mark(0x438, b"\x53\xef", "an ext2, ext3 or ext4 file system", INITRD),
    Mark(0x8001, b"CD001", "an ISO 9660 file system", UNPACK),
)


def refuse_foreign(data: bytes, name: str) -> None:
    """BadInput if `data` has the mark of something that is no flat binary."""
    for mark in MARKS:
        if data[mark.offset : mark.offset + len(mark.magic)] == mark.magic:
            raise BadInput(f"{name}: is {mark.what}, not a program for AArch64: {mark.remedy}")
    if (machine := pe_machine(data)) is not None:
        raise BadInput(f"{name}: is an EFI program for {machine_name(machine)}, and no EFI is here: {KERNEL}")
    if TEXT.issuperset(data[:TEXT_SAMPLE]):
        raise BadInput(f"{name}: is a text file, not a program: {KERNEL}, an ELF file or a flat binary")


def looks_like(data: bytes) -> str:
    """What the first instruction of a flat binary suggests, for people."""
    word = int.from_bytes(data[:4], "little")
    if word >> 26 == 0b000101:
        return "it begins with an AArch64 branch"
    if word >> 24 == ARM_BRANCH or word & 0xFFFF_F000 == ARM_LOAD_PC:
        return "it begins like 32-bit Arm code"
    if not word:
        return "it begins with zeros, which is no instruction"
    return "its first instruction says nothing about what it is"
