"""Software to boot, read from a file: an arm64 Linux Image, an ELF file or a flat binary.

gzip and EFI zboot around it are taken off. What is of another architecture,
truncated, too large or no program at all is one BadInput line that says what
was given and what to do.

Not modelled: U-Boot's uImage and FIT, Android boot images, position-independent ELF files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from soc.address import human_size
from soc.boot.images_foreign import looks_like, refuse_foreign
from soc.boot.images_linux import LinuxHeader, is_linux, parse_header
from soc.boot.images_unpack import gunzip, is_gzip, is_zboot, unpack_zboot
from soc.cpu.image import Image, parse_elf, read_file
from soc.cpu.symbols import SymbolTable
from soc.errors import BadInput

LARGEST_FILE = 256 << 20
LARGEST_INITRD = 1 << 30
ELF = b"\x7fELF"
ELF_TYPE_AND_MACHINE = slice(16, 20)
DYNAMIC_AARCH64 = b"\x03\0\xb7\0"


@dataclass(frozen=True)
class Software:
    """What every kind is: `name` is what errors call it, `packing` what was taken off around it."""

    name: str
    packing: tuple[str, ...]

    @property
    def symbols(self) -> SymbolTable:
        """Empty for a kind without a symbol table."""
        return SymbolTable([])

    @property
    def unpacked(self) -> str:
        """The packing in words, as the end of a line."""
        return f", unpacked ({'; '.join(self.packing)})" if self.packing else ""


@dataclass(frozen=True)
class LinuxImage(Software):
    """An arm64 Linux kernel: `data` is the Image itself."""

    data: bytes
    header: LinuxHeader

    def __str__(self) -> str:
        page = f", {human_size(self.header.page_size)} pages" if self.header.page_size else ""
        return f"arm64 Linux Image, {human_size(len(self.data))}{page}{self.unpacked}"


@dataclass(frozen=True)
class ElfImage(Software):
    """An AArch64 ELF executable; `program` has its segments at physical addresses."""

    program: Image

    @property
    def symbols(self) -> SymbolTable:
        return self.program.symbols

    def __str__(self) -> str:
        return f"AArch64 ELF, entry {self.program.entry:#x}{self.unpacked}"


@dataclass(frozen=True)
class FlatImage(Software):
    """Bytes entered at the first; `looks_like` says what they suggest."""

    data: bytes
    looks_like: str

    def __str__(self) -> str:
        return f"flat binary, {human_size(len(self.data))}{self.unpacked} ({self.looks_like})"


BootImage: TypeAlias = LinuxImage | ElfImage | FlatImage


def read_image(path: Path) -> BootImage:
    """The software in the file at `path`. BadInput if there is none that can run here."""
    return parse_image(read_file(path, LARGEST_FILE), str(path))


def read_initrd(path: Path) -> bytes:
    """The file at `path`, whatever is in it. BadInput if it is empty, too large or cannot be read."""
    data = read_file(path, LARGEST_INITRD)
    if not data:
        raise BadInput(f"{path}: the initrd is empty: give an initramfs (cpio) or leave --initrd out")
    return data


def parse_image(data: bytes, name: str, largest: int = LARGEST_FILE) -> BootImage:
    """The software that `data` is, of at most `largest` bytes unpacked. BadInput."""
    if not data:
        raise BadInput(f"{name}: the image is empty")
    packing: list[str] = []
    if is_gzip(data):
        data = gunzip(data, name, largest)
        packing.append("gzip")
    if is_zboot(data):
        kind, data = unpack_zboot(data, name, largest)
        packing.append(f"EFI zboot, {kind}")
        if not is_linux(data):
            raise BadInput(f"{name}: an EFI zboot image, and what it holds is no arm64 Linux Image")
    if is_linux(data):
        return LinuxImage(name, tuple(packing), data, parse_header(data, name))
    if data[:4] == ELF:
        return ElfImage(name, tuple(packing), _parse_elf(data, name))
    refuse_foreign(data, name)
    return FlatImage(name, tuple(packing), data, looks_like(data))


def _parse_elf(data: bytes, name: str) -> Image:
    if data[ELF_TYPE_AND_MACHINE] == DYNAMIC_AARCH64:
        raise BadInput(
            f"{name}: a position-independent ELF file (ET_DYN), as vmlinux and U-Boot's are, must be linked "
            "to fixed addresses (ET_EXEC): give the kernel's Image or U-Boot's u-boot.bin"
        )
    return parse_elf(data, name)
