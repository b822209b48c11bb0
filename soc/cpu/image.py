"""Program images: ELF64 AArch64 executables and flat binaries.

Segments go to their physical addresses, the entry is turned into a physical
address, symbols keep the virtual ones. Whatever is wrong with a file is one
BadInput line. Source: ELF-64 object file format, ELF for the Arm 64-bit
architecture (AAELF64).

Not modelled: relocation, dynamic linking, compressed or big-endian images.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import Segment as ElfSegment

from soc.address import PhysAddr, human_size
from soc.cpu.symbols import Symbol, SymbolTable
from soc.errors import BadInput
from soc.memory.dram import Dram

LARGEST_FILE = 64 << 20
MOST_SEGMENTS = 64
MOST_SYMBOLS = 100_000
MOST_SECTIONS = 1000
SYMBOL_ENTRY = 24
EXECUTABLE = 1
NAMED_TYPES = ("STT_FUNC", "STT_NOTYPE", "STT_OBJECT")


@dataclass(frozen=True)
class Segment:
    """`data` at physical `address`, then zeros up to `size` bytes. `virtual` is where it is linked."""

    address: PhysAddr
    virtual: int
    data: bytes
    size: int
    executable: bool

    @property
    def end(self) -> int:
        return self.address + self.size


@dataclass(frozen=True)
class Image:
    """A program ready to be placed. `name` is what errors call it."""

    name: str
    segments: tuple[Segment, ...]
    entry: PhysAddr
    symbols: SymbolTable = field(default_factory=lambda: SymbolTable([]))

    def place(self, dram: Dram) -> None:
        """Write the image into `dram`. BadInput if a segment is not all DRAM; then nothing is written."""
        for segment in self.segments:
            if dram.bank(segment.address, segment.size) is None:
                banks = ", ".join(f"{bank.base:#x}..{bank.end - 1:#x}" for bank in dram.banks)
                raise BadInput(
                    f"{self.name}: the segment at {segment.address:#x} ({human_size(segment.size)}) "
                    f"does not lie in DRAM ({banks})"
                )
        for segment in self.segments:
            view = dram.view(segment.address, segment.size)
            view[: len(segment.data)] = np.frombuffer(segment.data, dtype=np.uint8)
            view[len(segment.data) :] = 0


def read_file(path: Path, largest: int = LARGEST_FILE) -> bytes:
    """The bytes of the file at `path`. BadInput if it cannot be read or has more than `largest`."""
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"{str(path)!r} is not a file's name: {error}") from error
    if len(data) > largest:
        raise BadInput(f"{path}: more than the {human_size(largest)} allowed")
    return data


def load_image(path: Path, flat_base: PhysAddr | None = None) -> Image:
    """Read an ELF file, or with `flat_base` a flat binary that starts at its first byte. BadInput."""
    data = read_file(path)
    return parse_elf(data, str(path)) if flat_base is None else flat_image(data, flat_base, str(path))


def flat_image(data: bytes, base: PhysAddr, name: str = "image") -> Image:
    """A flat binary at `base`, entered at its first byte. BadInput if it is empty."""
    if not data:
        raise BadInput(f"{name}: the image is empty")
    return Image(name, (Segment(base, base, data, len(data), executable=True),), base)


def parse_elf(data: bytes, name: str = "image") -> Image:
    """An ELF64 AArch64 executable. BadInput for anything else."""
    try:
        return _parse(data, name)
    except BadInput:
        raise
    except Exception as error:  # the parser raises whatever a hostile file leads it into
        detail = f"{type(error).__name__}: {error}".rstrip(": ")
        raise BadInput(f"{name}: not a sound ELF file: {detail}") from error


def _parse(data: bytes, name: str) -> Image:
    if data[:4] != b"\x7fELF":
        raise BadInput(f"{name}: not an ELF file")
    elf = ELFFile(io.BytesIO(data))
    if elf.elfclass != 64 or not elf.little_endian or elf["e_machine"] != "EM_AARCH64":
        raise BadInput(f"{name}: must be a little-endian ELF64 for AArch64, not {elf.get_machine_arch()}")
    if elf["e_type"] != "ET_EXEC":
        raise BadInput(f"{name}: must be linked to fixed addresses (ET_EXEC), not {elf['e_type']}")
    if elf.num_segments() > MOST_SEGMENTS:
        raise BadInput(f"{name}: has {elf.num_segments()} program headers, at most {MOST_SEGMENTS} are read")
    segments = [_segment(header, data, name) for header in elf.iter_segments("PT_LOAD") if header["p_memsz"]]
    if not segments:
        raise BadInput(f"{name}: has nothing to load")
    entry = _entry(int(elf["e_entry"]), segments, name)
    return Image(name, tuple(segments), entry, SymbolTable(_symbols(elf, data)))


def _segment(header: ElfSegment, data: bytes, name: str) -> Segment:
    offset, length, size = (int(header[key]) for key in ("p_offset", "p_filesz", "p_memsz"))
    address = int(header["p_paddr"])
    if offset + length > len(data):
        raise BadInput(
            f"{name}: truncated: the segment at {address:#x} ends at byte {offset + length} of the file, "
            f"which has {len(data)}"
        )
    if length > size:
        raise BadInput(f"{name}: the segment at {address:#x} has more bytes in the file than in memory")
    executable = bool(int(header["p_flags"]) & EXECUTABLE)
    content = data[offset : offset + length]
    return Segment(PhysAddr(address), int(header["p_vaddr"]), content, size, executable)


def _entry(entry: int, segments: list[Segment], name: str) -> PhysAddr:
    for segment in segments:
        if segment.executable and segment.virtual <= entry < segment.virtual + segment.size:
            return PhysAddr(entry - segment.virtual + segment.address)
    raise BadInput(f"{name}: its entry {entry:#x} lies in no executable segment")


def _symbols(elf: ELFFile, data: bytes) -> list[Symbol]:
    """Functions, objects and labels; the mapping symbols ($x, $d) are left out."""
    if elf.num_sections() > MOST_SECTIONS:
        return []
    section = elf.get_section_by_name(".symtab")
    if not isinstance(section, SymbolTableSection) or section["sh_entsize"] != SYMBOL_ENTRY:
        return []
    if section["sh_size"] > min(len(data), MOST_SYMBOLS * SYMBOL_ENTRY):
        return []
    return [
        Symbol(int(symbol["st_value"]), str(symbol.name), int(symbol["st_size"]))
        for symbol in section.iter_symbols()
        if symbol.name
        and not symbol.name.startswith("$")
        and symbol["st_info"]["type"] in NAMED_TYPES
        and symbol["st_shndx"] not in ("SHN_UNDEF", "SHN_ABS")
    ]
