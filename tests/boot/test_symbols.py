"""Symbols from System.map files, and one line for everything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.boot import symbols as symbols_module
from soc.boot.symbols import parse_map, read_symbols
from soc.errors import BadInput

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


def complaint(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        read_symbols(path)
    return str(caught.value)


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
