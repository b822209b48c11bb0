"""Symbols from ELF files, held against an ELF library, and one line for everything else."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.boot import symbols_elf
from soc.boot.symbols import read_symbols
from soc.boot.symbols_elf import elf_symbols
from soc.cpu.image import parse_elf
from soc.errors import BadInput
from tests.boot.image_files import CODE, elf
from tests.cpu.guest import BASE, HERE, build


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build([HERE / "programs.S"], tmp_path_factory.mktemp("elf") / "programs.elf")


def test_symbols_are_those_that_the_elf_library_reads(built: bytes, tmp_path: Path) -> None:
    path = tmp_path / "fw.elf"
    path.write_bytes(built)
    table, reference = read_symbols(path), parse_elf(built).symbols
    assert len(table) == len(reference) > 20
    for offset in range(0, 0x2000, 4):
        assert table.name(BASE + offset) == reference.name(BASE + offset)
    assert table.address("take_svc") == reference.address("take_svc")


def test_a_position_independent_file_has_symbols_too(built: bytes) -> None:
    """vmlinux is ET_DYN."""
    shared = built[:16] + b"\x03\0" + built[18:]
    assert elf_symbols(shared, "vmlinux") == elf_symbols(built, "fw")


GOOD = elf((BASE, CODE, 16))


def header(data: bytes, at: int, kind: str, value: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(f"<{kind}", changed, at, value)
    return bytes(changed)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (GOOD[:63], "truncated: an ELF file of 63 bytes; fetch or build it again"),
        (GOOD, "an ELF file without sections holds no symbols: give one that is not stripped"),
        (header(GOOD, 18, "H", 62), "must be a little-endian ELF64 for AArch64, not of machine 62"),
        (header(GOOD, 4, "B", 1), "must be a little-endian ELF64 for AArch64, not of machine 183"),
        (
            header(GOOD, 60, "H", 9),
            "truncated: its section headers end at byte 576, and the file has 128; fetch or build it again",
        ),
        (
            header(header(GOOD, 60, "H", 1), 40, "Q", 64),
            "an ELF file without a symbol table: give one that is not stripped",
        ),
    ],
    ids=["cut", "no sections", "x86", "32-bit", "sections cut", "no symbols"],
)
def test_elf_files_without_usable_symbols(data: bytes, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        elf_symbols(data, "fw")
    assert str(caught.value) == f"fw: {problem}"


def symbol_table_header(data: bytes) -> int:
    """Where the section header of .symtab is."""
    start, count = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<H", data, 60)[0]
    [found] = [
        at for at in range(start, start + 64 * count, 64) if struct.unpack_from("<I", data, at + 4)[0] == 2
    ]
    return found


@pytest.mark.parametrize(
    ("field", "kind", "value", "problem"),
    [
        (32, "Q", 1_000_000 * 24 + 1, "more than the 1000000 symbols allowed"),
        (40, "I", 1000, "not a sound ELF file: its symbols have no table of names"),
        (24, "Q", 1 << 63, "truncated: its symbols end at byte 9223372036854"),
        (4, "I", 0, "an ELF file without a symbol table: give one that is not stripped"),
    ],
    ids=["too many", "no names", "beyond the file", "no table"],
)
def test_damaged_symbol_tables(built: bytes, field: int, kind: str, value: int, problem: str) -> None:
    data = header(built, symbol_table_header(built) + field, kind, value)
    with pytest.raises(BadInput) as caught:
        elf_symbols(data, "fw")
    assert str(caught.value).startswith(f"fw: {problem}")


def test_a_file_that_lacks_one_byte_is_truncated(built: bytes) -> None:
    start, count = struct.unpack_from("<Q", built, 40)[0], struct.unpack_from("<H", built, 60)[0]
    end = start + 64 * count
    with pytest.raises(
        BadInput, match=f"truncated: its section headers end at byte {end}, and the file has {end - 1};"
    ):
        elf_symbols(built[: end - 1], "fw")


@pytest.mark.parametrize(
    ("field", "kind", "value"),
    [(6, "H", 0), (6, "H", 0xFFF1), (4, "B", 3), (4, "B", 4)],
    ids=["undefined", "absolute", "a section", "a file"],
)
def test_only_places_of_the_program_are_symbols(built: bytes, field: int, kind: str, value: int) -> None:
    table = symbol_table_header(built)
    start, size = struct.unpack_from("<QQ", built, table + 24)
    for at in range(start, start + size, 24):
        before = elf_symbols(built, "fw")
        after = elf_symbols(header(built, at + field, kind, value), "fw")
        named = [symbol for symbol in before if symbol not in after]
        if named:
            [gone] = named
            assert gone.address == struct.unpack_from("<Q", built, at + 8)[0]
            assert len(after) == len(before) - 1
            return
    pytest.fail("no symbol went away")


@settings(max_examples=200)
@given(
    changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=12),
    cut=st.none() | st.integers(0, 1 << 20),
    headers=st.booleans(),
)
def test_damaged_elf_files_give_symbols_or_one_line(
    built: bytes, changes: list[tuple[int, int]], cut: int | None, headers: bool
) -> None:
    data = bytearray(built)
    tables = struct.unpack_from("<Q", built, 40)[0]
    for place, value in changes:
        data[place % 64 if headers else tables + place % (len(built) - tables)] = value
    if cut is not None:
        del data[cut % len(data) :]
    try:
        found = elf_symbols(bytes(data), "fw")
    except BadInput as error:
        assert str(error).startswith("fw: ")
    else:
        assert all(len(symbol.name) > 0 for symbol in found)


def test_long_names_are_cut(built: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbols_elf, "LONGEST_NAME", 4)
    assert max(len(symbol.name) for symbol in elf_symbols(built, "fw")) == 4
