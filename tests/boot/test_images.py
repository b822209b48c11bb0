"""Images that can run: every kind, and everything that may be around one."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from soc.address import PhysAddr
from soc.boot.images import ElfImage, FlatImage, LinuxImage, parse_image, read_image, read_initrd
from soc.boot.images_linux import LinuxHeader
from soc.errors import BadInput
from soc.memory.dram import Bank, Dram
from tests.boot.image_files import BASE, CODE, GOOD_ELF, NOP, PACKERS, branch, efi_image, linux_image, zboot
from tests.cpu.guest import HERE, build


def test_the_header_of_a_linux_image_is_read() -> None:
    data = linux_image(image_size=0x20000, text_offset=0x80000, flags=0b0100)
    image = parse_image(data, "Image")
    assert image == LinuxImage("Image", (), data, LinuxHeader(0x80000, 0x20000, 16384, anywhere=False))
    assert len(image.symbols) == 0


@pytest.mark.parametrize(
    ("flags", "page_size", "anywhere"),
    [
        (0b0000, None, False),
        (0b0010, 4096, False),
        (0b1100, 16384, True),
        (0b1110, 65536, True),
        (0xFFFF_FFFF_FFFF_FFF2, 4096, False),
        (0xFFFF_FFFF_FFFF_FFFA, 4096, True),
    ],
    ids=["none", "4K", "16K anywhere", "64K anywhere", "later flags", "later flags, anywhere"],
)
def test_flags_of_a_linux_image(flags: int, page_size: int | None, anywhere: bool) -> None:
    image = parse_image(linux_image(flags=flags), "Image")
    assert isinstance(image, LinuxImage)
    assert (image.header.page_size, image.header.anywhere) == (page_size, anywhere)


@pytest.mark.parametrize(
    "data",
    [
        linux_image(code0=NOP, code1=branch(256)),
        linux_image(code0=NOP, code1=NOP),
        linux_image(code0=branch(-4)),
        linux_image(code0=branch(8192 - 4)),
        linux_image(image_size=8192),
        efi_image(),
        efi_image(sections=((4096, 4096), (0, 1 << 30))),
    ],
    ids=[
        "second",
        "no branch",
        "backwards",
        "to the last word",
        "no bss",
        "EFI stub",
        "section without data",
    ],
)
def test_a_linux_image_that_is_all_there(data: bytes) -> None:
    assert isinstance(parse_image(data, "Image"), LinuxImage)


def test_gzip_is_taken_off() -> None:
    plain = linux_image()
    image = parse_image(gzip.compress(plain, mtime=0), "Image.gz")
    assert isinstance(image, LinuxImage)
    assert (image.data, image.packing) == (plain, ("gzip",))
    assert str(image) == "arm64 Linux Image, 8 KiB, 4 KiB pages, unpacked (gzip)"


def test_gzip_is_taken_off_other_software_too() -> None:
    assert isinstance(parse_image(gzip.compress(GOOD_ELF, mtime=0), "fw.gz"), ElfImage)
    assert isinstance(parse_image(gzip.compress(CODE, mtime=0), "fw.gz"), FlatImage)


@pytest.mark.parametrize("kind", PACKERS)
def test_efi_zboot_is_taken_off(kind: bytes) -> None:
    plain = efi_image()
    image = parse_image(zboot(PACKERS[kind](plain), kind), "vmlinuz.efi")
    assert isinstance(image, LinuxImage)
    assert (image.data, image.packing) == (plain, (f"EFI zboot, {kind.decode()}",))


def test_efi_zboot_in_gzip() -> None:
    packed = gzip.compress(zboot(PACKERS[b"xzkern"](linux_image()), b"xzkern"))
    image = parse_image(packed, "vmlinuz")
    assert image.packing == ("gzip", "EFI zboot, xzkern")
    assert str(image) == "arm64 Linux Image, 8 KiB, 4 KiB pages, unpacked (gzip; EFI zboot, xzkern)"


def test_unpacked_images_may_be_as_large_as_allowed() -> None:
    plain = linux_image()
    assert parse_image(gzip.compress(plain, mtime=0), "Image.gz", len(plain)).packing == ("gzip",)
    with pytest.raises(BadInput, match=r"^Image\.gz: its gzip data unpacks to more than the 8191 B allowed$"):
        parse_image(gzip.compress(plain, mtime=0), "Image.gz", len(plain) - 1)


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (branch(64).to_bytes(4, "little"), "it begins with an AArch64 branch"),
        (bytes.fromhex("060000ea"), "it begins like 32-bit Arm code"),
        (bytes.fromhex("18f09fe5"), "it begins like 32-bit Arm code"),
        (bytes(64), "it begins with zeros, which is no instruction"),
        (CODE, "its first instruction says nothing about what it is"),
        (b"\xd5", "its first instruction says nothing about what it is"),
    ],
)
def test_anything_else_is_a_flat_binary_with_a_hint(data: bytes, hint: str) -> None:
    image = parse_image(data, "fw.bin")
    assert image == FlatImage("fw.bin", (), data, hint)
    assert str(image) == f"flat binary, {len(data)} B ({hint})"


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "kernel"
    with pytest.raises(BadInput, match=r"kernel: cannot be read: No such file or directory$"):
        read_image(path)
    with pytest.raises(BadInput, match=r"cannot be read: Is a directory$"):
        read_image(tmp_path)
    with path.open("wb") as file:
        file.truncate((256 << 20) + 1)
    with pytest.raises(BadInput, match=r"kernel: more than the 256 MiB allowed$"):
        read_image(path)
    path.write_bytes(linux_image())
    assert read_image(path).name == str(path)


def test_an_initrd_is_any_bytes_but_none(tmp_path: Path) -> None:
    path = tmp_path / "initrd"
    with pytest.raises(BadInput, match=r"initrd: cannot be read: No such file or directory$"):
        read_initrd(path)
    path.write_bytes(b"")
    with pytest.raises(BadInput) as caught:
        read_initrd(path)
    assert str(caught.value) == (
        f"{path}: the initrd is empty: give an initramfs (cpio) or leave --initrd out"
    )
    path.write_bytes(b"070701 or not")
    assert read_initrd(path) == b"070701 or not"


def zig(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "ziglang", *map(str, arguments)], check=True, capture_output=True)


def test_a_compiled_program_is_the_same_as_elf_and_as_flat_binary(tmp_path: Path) -> None:
    """The linker's ELF, and the flat binary that it writes itself, fill memory alike."""
    source, object_file = HERE / "programs.S", tmp_path / "fw.o"
    build([source], tmp_path / "fw.elf")
    zig("cc", "-target", "aarch64-freestanding-none", "-mcpu=cortex_a72", "-c", source, "-o", object_file)
    zig("ld.lld", "--oformat=binary", "-T", HERE / "guest.ld", object_file, "-o", tmp_path / "fw.bin")
    program, flat = read_image(tmp_path / "fw.elf"), read_image(tmp_path / "fw.bin")
    assert isinstance(program, ElfImage) and isinstance(flat, FlatImage)
    assert program.symbols.name(program.symbols.address("take_svc")) == "take_svc"
    dram = Dram([Bank(PhysAddr(BASE), 1 << 20)])
    program.program.place(dram)
    assert dram.banks[0].bytes[: len(flat.data)].tobytes() == flat.data
    dram.banks[0].close()
