"""The programs of programs.S, each as an ELF file of its own."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import pytest

from soc.cpu.image import parse_elf
from soc.cpu.symbols import SymbolTable
from tests.cpu.guest import build

SOURCE = Path(__file__).parent / "programs.S"
ENTRY = 24
"""Where an ELF header has the entry."""


@dataclass(frozen=True)
class Programs:
    """`directory` is where the files go."""

    elf: bytes
    symbols: SymbolTable
    directory: Path

    def file(self, name: str) -> Path:
        """An ELF file that starts at the label `name`."""
        path = self.directory / f"{name}.elf"
        data = bytearray(self.elf)
        struct.pack_into("<Q", data, ENTRY, self.symbols.address(name))
        path.write_bytes(data)
        return path

    def place(self, name: str, offset: int = 0) -> str:
        """So far behind a label, as a report shows it."""
        address = self.symbols.address(name) + offset
        return f"{address:#018x} {self.symbols.name(address)}"


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    directory = tmp_path_factory.mktemp("programs")
    elf = build([SOURCE], directory / "programs.elf")
    return Programs(elf, parse_elf(elf).symbols, directory)
