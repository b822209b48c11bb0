"""One line for every file that cannot run here: what was given, what was expected, what to do."""

from __future__ import annotations

import gzip
import struct
import tracemalloc

import pytest

from soc.boot.images import parse_image
from soc.errors import BadInput
from tests.boot.image_files import (
    ARM64_PE,
    BASE,
    CODE,
    PACKERS,
    RISCV_PE,
    X86_PE,
    branch,
    efi_image,
    elf,
    linux_image,
    pe_header,
    zboot,
)

KERNEL = "give an arm64 kernel (arch/arm64/boot/Image)"
UNPACK = "unpack it and give what is inside"
INITRD = "give it with --initrd, and a kernel here"
AGAIN = "fetch or build it again"


def marked(offset: int, magic: bytes, size: int = 4096) -> bytes:
    """Bytes that are nothing but for `magic` at `offset`."""
    return (b"\x5a\xa5" * size)[:offset] + magic + b"\xa5" * (size - offset - len(magic))


def efi_program(machine: int) -> bytes:
    return marked(0, b"MZ\0\0")[:60] + struct.pack("<I", 64) + pe_header(machine) + bytes(512)


def complaint(data: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        parse_image(data, "file")
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "what", "remedy"),
    [
        (marked(0x202, b"HdrS"), "an x86 Linux kernel (bzImage)", KERNEL),
        (marked(0x24, b"\x18\x28\x6f\x01"), "a 32-bit Arm Linux kernel (zImage)", KERNEL),
        (marked(0x24, b"\x01\x6f\x28\x18"), "a big-endian 32-bit Arm Linux kernel (zImage)", KERNEL),
        (marked(0x30, b"RISCV\0\0\0"), "a RISC-V Linux kernel (Image)", KERNEL),
        (marked(0x38, b"RSC\x05"), "a RISC-V Linux kernel (Image)", KERNEL),
        (marked(0, b"\x27\x05\x19\x56"), "a U-Boot legacy image (uImage)", UNPACK),
        (marked(0, b"\xd0\x0d\xfe\xed"), "a device tree blob or FIT image", UNPACK),
        (marked(0, b"ANDROID!"), "an Android boot image", UNPACK),
        (marked(0, b"\xfd7zXZ\0"), "an xz file", UNPACK),
        (marked(0, b"\x28\xb5\x2f\xfd"), "a zstd file", UNPACK),
        (marked(0, b"\x04\x22\x4d\x18"), "an LZ4 file", UNPACK),
        (marked(0, b"\x02\x21\x4c\x18"), "an LZ4 file", UNPACK),
        (marked(0, b"\x89LZO\0"), "an LZO file", UNPACK),
        (marked(0, b"BZh91AY"), "a bzip2 file", UNPACK),
        (marked(0, b"PK\x03\x04"), "a zip file", UNPACK),
        (marked(0, b"!<arch>\ndebian"), "an archive (a Debian package or a library)", UNPACK),
        (marked(257, b"ustar"), "a tar file", UNPACK),
        (marked(0, b"0707010000"), "an initramfs (cpio)", INITRD),
        (marked(0, b"0707020000"), "an initramfs (cpio)", INITRD),
        (marked(0, b"0707070000"), "an initramfs (cpio)", INITRD),
        (marked(0, b"hsqs"), "a squashfs file system", INITRD),
        (marked(0x438, b"\x53\xef"), "an ext2, ext3 or ext4 file system", INITRD),
        (marked(0x8001, b"CD001", 0x9000), "an ISO 9660 file system", UNPACK),
        (gzip.compress(b"070701 in gzip\0", mtime=0), "an initramfs (cpio)", INITRD),
        (
            gzip.compress(gzip.compress(linux_image(), mtime=0), mtime=0),
            "gzip data in gzip data",
            "unpack it once",
        ),
    ],
)
def test_files_with_the_mark_of_something_else(data: bytes, what: str, remedy: str) -> None:
    assert complaint(data) == f"file: is {what}, not a program for AArch64: {remedy}"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the image is empty"),
        (b"model: virt\n", f"is a text file, not a program: {KERNEL}, an ELF file or a flat binary"),
        (efi_program(ARM64_PE), f"is an EFI program for AArch64, and no EFI is here: {KERNEL}"),
        (efi_program(X86_PE), f"is an EFI program for x86-64, and no EFI is here: {KERNEL}"),
        (efi_program(0x1234), f"is an EFI program for machine 0x1234, and no EFI is here: {KERNEL}"),
    ],
    ids=["empty", "text", "EFI", "EFI for x86", "EFI for another"],
)
def test_files_that_are_no_program(data: bytes, problem: str) -> None:
    assert complaint(data) == f"file: {problem}"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            linux_image(flags=0b1011),
            "a big-endian arm64 Linux Image; this CPU runs little-endian, "
            "build it without CONFIG_CPU_BIG_ENDIAN",
        ),
        (
            linux_image(image_size=0),
            "an arm64 Linux Image whose header does not say how much memory it needs (image_size is 0); "
            "Linux 3.17 or later does",
        ),
        (
            linux_image(image_size=8191),
            "has 8192 bytes, but its arm64 Linux header says the kernel takes 8191 (image_size): "
            "damaged, or something is appended to it",
        ),
        (
            linux_image(code0=branch(8192)),
            "truncated: an arm64 Linux Image that goes on to byte 8196 by its own headers, "
            f"and the file has 8192; {AGAIN}",
        ),
        (
            efi_image()[:4095],
            "truncated: an arm64 Linux Image that goes on to byte 8192 by its own headers, "
            f"and the file has 4095; {AGAIN}",
        ),
        (
            efi_image()[:80],
            "truncated: an arm64 Linux Image that goes on to byte 520 by its own headers, "
            f"and the file has 80; {AGAIN}",
        ),
        (
            linux_image(code0=int.from_bytes(b"MZ\0\0", "little"), code1=0, pe=b"PE\0\0")[:80],
            "truncated: an arm64 Linux Image that goes on to byte 88 by its own headers, "
            f"and the file has 80; {AGAIN}",
        ),
        (
            efi_image(RISCV_PE),
            "an arm64 Linux Image by its magic, but for RISC-V by its PE header: damaged, or not a kernel",
        ),
    ],
    ids=[
        "big-endian",
        "before 3.17",
        "longer than it says",
        "branch",
        "sections",
        "first words",
        "PE header",
        "machine",
    ],
)
def test_linux_images_that_cannot_be_used(data: bytes, problem: str) -> None:
    assert complaint(data) == f"file: {problem}"


def test_an_image_cut_anywhere_behind_its_header_is_truncated() -> None:
    whole = efi_image()
    for size in range(64, len(whole), 61):
        assert complaint(whole[:size]).startswith("file: truncated: an arm64 Linux Image")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            elf((BASE, CODE, 16), kind=3),
            "a position-independent ELF file (ET_DYN), as vmlinux and U-Boot's are, must be linked to fixed "
            "addresses (ET_EXEC): give the kernel's Image or U-Boot's u-boot.bin",
        ),
        (
            elf((BASE, CODE, 16), kind=1),
            "must be linked to fixed addresses (ET_EXEC), not ET_REL",
        ),
        (elf((BASE, CODE, 16), machine=62), "must be a little-endian ELF64 for AArch64, not x64"),
        (elf((BASE, CODE, 16), machine=62, kind=3), "must be a little-endian ELF64 for AArch64, not x64"),
        (elf((BASE, CODE, 16), machine=40), "must be a little-endian ELF64 for AArch64, not ARM"),
        (elf((BASE, CODE, 16), machine=243), "must be a little-endian ELF64 for AArch64, not RISC-V"),
    ],
    ids=["position-independent", "relocatable", "x86", "position-independent x86", "32-bit Arm", "RISC-V"],
)
def test_elf_files_that_cannot_be_used(data: bytes, problem: str) -> None:
    assert complaint(data) == f"file: {problem}"


# --- packed -----------------------------------------------------------------

PLAIN = "give the plain Image (arch/arm64/boot/Image), or build it with CONFIG_KERNEL_GZIP"


@pytest.mark.parametrize("kind", ["zstd22", "zstd", "lz4", "lzo", "", "\\xff\\n"])
def test_a_zboot_compression_that_is_not_read_is_named(kind: str) -> None:
    data = zboot(b"", kind.encode().decode("unicode_escape").encode("latin-1"))
    shown = kind.replace("\\n", "\n")
    assert complaint(data) == (
        f"file: an EFI zboot image packed with {shown!r}, and only gzip, xz and lzma are read: {PLAIN}"
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (gzip.compress(linux_image(), mtime=0)[:-9], f"truncated: its gzip data ends early; {AGAIN}"),
        (gzip.compress(b"", mtime=0), "its gzip data holds nothing"),
        (
            zboot(b"\x1f\x8b", b"gzip", size=5000),
            "truncated: its EFI zboot header says the kernel ends at byte 5512, "
            f"and the file has 518; {AGAIN}",
        ),
        (
            zboot(PACKERS[b"xzkern"](linux_image())[:-40], b"xzkern", more=b""),
            f"truncated: its xzkern data ends early; {AGAIN}",
        ),
        (
            zboot(PACKERS[b"gzip"](b"x"), b"gzip", RISCV_PE),
            "an EFI zboot kernel for RISC-V, must be for AArch64",
        ),
        (
            zboot(PACKERS[b"gzip"](CODE), b"gzip"),
            "an EFI zboot image, and what it holds is no arm64 Linux Image",
        ),
    ],
    ids=[
        "gzip cut",
        "gzip of nothing",
        "zboot cut",
        "xz cut",
        "RISC-V",
        "no Image",
    ],
)
def test_packed_files_that_cannot_be_used(data: bytes, problem: str) -> None:
    assert complaint(data) == f"file: {problem}"


@pytest.mark.parametrize(
    ("data", "kind", "why"),
    [
        (b"\x1f\x8b\x08\0 and so on", "gzip", ""),
        (zboot(b"\x1f\x8b\x07 no method", b"gzip"), "gzip", ""),
        (zboot(b"not xz at all", b"xzkern"), "xzkern", ""),
        (zboot(b"\x5d" + struct.pack("<Iq", 1 << 31, -1) + bytes(64), b"lzma"), "lzma", "Memory usage limit"),
    ],
    ids=["gzip", "gzip in zboot", "xz", "a dictionary of 2 GiB"],
)
def test_damaged_packed_data(data: bytes, kind: str, why: str) -> None:
    assert complaint(data).startswith(f"file: damaged: its {kind} data cannot be unpacked ({why}")


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_is_unpacked_no_further_than_allowed(kind: bytes) -> None:
    bomb = zboot(PACKERS[kind](bytes(32 << 20)), kind)
    assert len(bomb) < 1 << 16
    tracemalloc.start()
    with pytest.raises(BadInput) as caught:
        parse_image(bomb, "file", 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(caught.value) == f"file: its {kind.decode()} data unpacks to more than the 1 MiB allowed"
    assert peak < 16 << 20
