"""Symbols from files: System.map and ELF, and one line for everything else."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.boot import symbols as symbols_module
from soc.boot import symbols_elf
from soc.boot.symbols import parse_map, read_symbols
from soc.boot.symbols_elf import elf_symbols
from soc.cpu.image import parse_elf
from soc.errors import BadInput
from tests.boot.image_files import CODE, elf
from tests.cpu.guest import BASE, HERE, build

MAP = b"""\
0000000001ab0000 A _kernel_size_le_lo32
ffff800008000000 T _text
ffff800008000000 t .head.text
ffff800008000040 t $x
ffff800008000040 T primary_entry
ffff800008000070 t preserve_boot_args
ffff800008010000 D data_here
ffff80000a000000 B _end
"""
FILE = Path("System.map")

Give = Callable[[bytes], Path]


@pytest.fixture
def give(tmp_path: Path) -> Give:
    def write(data: bytes) -> Path:
        path = tmp_path / "symbols"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build([HERE / "programs.S"], tmp_path_factory.mktemp("elf") / "programs.elf")


def complaint(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        read_symbols(path)
    return str(caught.value)


# --- System.map -------------------------------------------------------------


def test_system_map_names_places_up_to_the_next(give: Give) -> None:
    table = read_symbols(give(MAP))
    assert len(table) == 6
    assert table.address("_end") == 0xFFFF_8000_0A00_0000
    assert [table.name(0xFFFF_8000_0000_0000 + offset) for offset in SEEN] == list(SEEN.values())


SEEN = {
    0x7FF_FFFF: "0xffff800007ffffff",
    0x800_0000: ".head.text",
    0x800_003F: ".head.text+0x3f",
    0x800_0040: "primary_entry",
    0x800_0070: "preserve_boot_args",
    0x800_FFFF: "preserve_boot_args+0xff8f",
    0x801_0000: "data_here",
    0xA00_0000: "_end",
    0xA00_0001: "0xffff80000a000001",
}


@pytest.mark.parametrize(
    "line",
    [
        b"ffff800008000000 T entry",
        b"FFFF800008000000 W entry",
        b"ffff800008000000 t entry\t[pl330]",
        b"ffff800008000000 t entry [pl330]\r",
        b"1 t entry",
    ],
)
def test_lines_of_a_system_map(line: bytes) -> None:
    [symbol] = parse_map(b"\n" + line + b"\n\n", FILE)
    assert (symbol.name, symbol.size) == ("entry", 1)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "PATH: holds no symbols"),
        (b"0 A absolute\n                 \n", "PATH: holds no symbols"),
        (
            b"0000000000000000 T _text\n0000000000000000 T _end\n",
            "PATH: holds no symbols: all addresses are 0, as /proc/kallsyms shows them to others than root",
        ),
        (
            b"ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n",
            "PATH:1: a placeholder without symbols: the real System.map is in the "
            "linux-image-<version>-dbg package",
        ),
        (
            MAP + b"not a line\n",
            "PATH:9: 'not a line' is no line of a System.map: an address, a letter and a name",
        ),
        (
            MAP + b"ffff800008000000 T two names\n",
            "PATH:9: 'ffff800008000000 T two names' is no line of a System.map: "
            "an address, a letter and a name",
        ),
        (
            MAP + b"12345678123456781 T far\n",
            "PATH:9: '12345678123456781 T far' is no line of a System.map: an address, a letter and a name",
        ),
        (
            b"\xff\x00" * 100,
            f"PATH:1: {(chr(92) + 'xff' + chr(0)) * 30!r} is no line of a System.map: "
            "an address, a letter and a name",
        ),
    ],
    ids=["empty", "absolute", "hidden", "Debian's", "text", "two names", "65 bits", "binary"],
)
def test_what_is_no_system_map(give: Give, data: bytes, problem: str) -> None:
    path = give(data)
    assert complaint(path) == problem.replace("PATH", str(path))


def test_a_system_map_has_at_most_a_million_lines(give: Give, monkeypatch: pytest.MonkeyPatch) -> None:
    assert symbols_module.MOST_LINES == 1_000_000
    monkeypatch.setattr(symbols_module, "MOST_LINES", 8)
    assert len(read_symbols(give(MAP.rstrip()))) == 6
    path = give(MAP + MAP)
    assert complaint(path) == f"{path}: more than the 8 lines of symbols allowed"


def test_files(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none").endswith("none: cannot be read: No such file or directory")
    assert complaint(tmp_path).endswith("cannot be read: Is a directory")


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: MAP + data))
def test_any_bytes_are_a_map_or_get_one_line(data: bytes) -> None:
    try:
        found = parse_map(data, FILE)
    except BadInput as error:
        assert str(error).startswith("System.map:")
        assert len(str(error).splitlines()) == 1
    else:
        assert all(symbol.size > 0 for symbol in found)


@given(
    places=st.lists(
        st.tuples(st.integers(1, (1 << 64) - 1), st.from_regex(r"[a-z_.][\w.$]{0,30}", fullmatch=True)),
        min_size=1,
    )
)
def test_every_symbol_of_a_map_is_found_at_its_place(places: list[tuple[int, str]]) -> None:
    data = "".join(f"{address:016x} T {name}\n" for address, name in places)
    found = parse_map(data.encode(), FILE)
    assert [(symbol.address, symbol.name) for symbol in found] == places
    starts = sorted({address for address, _ in places})
    for symbol in found:
        later = [start for start in starts if start > symbol.address]
        assert symbol.address + symbol.size == (later[0] if later else symbol.address + 1)


# --- ELF --------------------------------------------------------------------


def test_symbols_are_those_that_the_elf_library_reads(built: bytes, give: Give) -> None:
    table, reference = read_symbols(give(built)), parse_elf(built).symbols
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
def test_elf_files_without_usable_symbols(give: Give, data: bytes, problem: str) -> None:
    path = give(data)
    assert complaint(path) == f"{path}: {problem}"


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
