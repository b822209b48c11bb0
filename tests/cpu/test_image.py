"""Images: what is loaded, and one line for everything that cannot be."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.address import PhysAddr
from soc.cpu import Image, Symbol, SymbolTable, flat_image, load_image, parse_elf
from soc.cpu.image import LARGEST_FILE
from soc.errors import BadInput
from soc.memory.dram import Bank, Dram
from tests.cpu.guest import BASE, HERE, build
from tests.elf_files import elf

CODE = bytes.fromhex("7f2003d500000014")


GOOD = (BASE, BASE, CODE, 16, 5)


@pytest.fixture
def dram() -> Iterator[Dram]:
    built = Dram([Bank(BASE, 1 << 20)])
    yield built
    built.banks[0].close()


def test_segments_go_to_physical_addresses_and_bss_is_cleared(dram: Dram) -> None:
    virtual = 0xFFFF_0000_0000_0000
    image = parse_elf(elf((BASE + 0x1000, virtual, CODE, 16, 5), entry=virtual + 4))
    dram.banks[0].bytes[:] = 0xEE
    image.place(dram)
    assert image.entry == BASE + 0x1004
    assert bytes(dram.view(PhysAddr(BASE + 0xFFF), 18)) == b"\xee" + CODE + bytes(8) + b"\xee"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "fw: not an ELF file"),
        (b"hello world", "fw: not an ELF file"),
        (elf(GOOD, machine=62), "fw: must be a little-endian ELF64 for AArch64, not x64"),
        (elf(GOOD, kind=3), "fw: must be linked to fixed addresses (ET_EXEC), not ET_DYN"),
        (elf(), "fw: has nothing to load"),
        (
            elf((BASE, BASE, CODE, 4, 5)),
            "fw: the segment at 0x40000000 has more bytes in the file than in memory",
        ),
        (elf(GOOD, entry=0x1000), "fw: its entry 0x1000 lies in no executable segment"),
        (elf((BASE, BASE, CODE, 16, 6)), "fw: its entry 0x40000000 lies in no executable segment"),
        (
            elf(GOOD)[:-1],
            "fw: truncated: the segment at 0x40000000 ends at byte 128 of the file, which has 127",
        ),
        (elf(*[GOOD] * 65), "fw: has 65 program headers, at most 64 are read"),
    ],
)
def test_unusable_files_get_one_line(data: bytes, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_elf(data, "fw")
    assert str(caught.value) == problem


def test_header_cut_short() -> None:
    with pytest.raises(BadInput, match="^fw: not a sound ELF file: "):
        parse_elf(elf(GOOD)[:40], "fw")


def test_elf32_is_refused() -> None:
    with pytest.raises(BadInput, match="must be a little-endian ELF64 for AArch64"):
        parse_elf(elf(GOOD, ident=b"\x7fELF\x01\x01\x01"), "fw")


def test_image_outside_dram_names_the_banks_and_writes_nothing(dram: Dram) -> None:
    image = parse_elf(elf(GOOD, (BASE + 0xFF000, BASE + 0xFF000, b"", 0x2000, 6)), "fw")
    with pytest.raises(BadInput) as caught:
        image.place(dram)
    assert str(caught.value) == (
        "fw: the segment at 0x400ff000 (8 KiB) does not lie in DRAM (0x40000000..0x400fffff)"
    )
    assert not dram.banks[0].bytes.any()


def test_huge_memory_size_is_refused_without_allocating(dram: Dram) -> None:
    image = parse_elf(elf((BASE, BASE, CODE, 1 << 63, 5)), "fw")
    with pytest.raises(BadInput, match="does not lie in DRAM"):
        image.place(dram)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "fw.bin"
    with pytest.raises(BadInput, match=r"fw\.bin: cannot be read: No such file or directory$"):
        load_image(path)
    with pytest.raises(BadInput, match=r"cannot be read: Is a directory$"):
        load_image(tmp_path)
    path.write_bytes(CODE)
    with pytest.raises(BadInput, match=r"fw\.bin: not an ELF file$"):
        load_image(path)
    flat = load_image(path, PhysAddr(BASE))
    assert (flat.entry, flat.segments[0].data) == (BASE, CODE)
    path.write_bytes(b"")
    with pytest.raises(BadInput, match=r"fw\.bin: the image is empty$"):
        load_image(path, PhysAddr(BASE))
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(BadInput, match=r"fw.bin: more than the 64 MiB allowed$"):
        load_image(path)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build([HERE / "programs.S"], tmp_path_factory.mktemp("elf") / "programs.elf")


def test_symbols_of_a_compiled_image(programs: Image) -> None:
    symbols = programs.symbols
    assert symbols.name(symbols.address("take_svc")) == "take_svc"
    assert symbols.name(symbols.address("load_here") + 4) == "load_here+0x4"
    assert symbols.name(0x10) == "0x10"
    assert symbols.address("copy_words") == symbols.address("copy_load")


def test_symbol_sizes_end_a_name() -> None:
    table = SymbolTable([Symbol(0x100, "copy_frame", 0x20), Symbol(0x100, "label"), Symbol(0x200, "open")])
    assert [table.name(pc) for pc in (0xFF, 0x100, 0x11C, 0x120, 0x5000)] == [
        "0xff",
        "copy_frame",
        "copy_frame+0x1c",
        "0x120",
        "open+0x4e00",
    ]
    assert len(table) == 3
    with pytest.raises(KeyError):
        table.address("absent")


@settings(max_examples=150)
@given(
    changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=12),
    cut=st.none() | st.integers(0, 1 << 20),
    header=st.booleans(),
)
def test_damaged_files_load_or_get_one_line(
    built: bytes, changes: list[tuple[int, int]], cut: int | None, header: bool
) -> None:
    data = bytearray(built)
    tables = struct.unpack_from("<Q", built, 40)[0]
    for place, value in changes:
        at = place % 232 if header else tables + place % (len(built) - tables)
        data[at] = value
    if cut is not None:
        del data[cut % len(data) :]
    try:
        image = parse_elf(bytes(data), "fw")
    except BadInput as error:
        assert str(error).startswith("fw: ")
        assert "\n" not in str(error)
    else:
        assert image.segments


def test_flat_image_starts_at_its_first_byte(dram: Dram) -> None:
    image = flat_image(CODE, PhysAddr(BASE + 0x100))
    image.place(dram)
    assert image.entry == BASE + 0x100
    assert bytes(dram.view(PhysAddr(BASE + 0x100), len(CODE))) == CODE
