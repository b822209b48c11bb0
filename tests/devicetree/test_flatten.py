"""The flattened tree of a board is the one dtc makes of the same board in DTS."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from soc.devicetree.fdt import flatten
from soc.devicetree.tree import Tree, load_board
from soc.errors import BadInput
from tests.devicetree.conftest import Load
from tests.devicetree.dtc import Dtc
from tests.devicetree.twins import BOARDS, TWINS

FEW = "'#address-cells': 2\n'#size-cells': 2\n"


@pytest.mark.parametrize("name", TWINS)
def test_a_board_is_byte_for_byte_what_dtc_makes_of_its_twin(name: str, dtc: Dtc) -> None:
    yaml, dts = TWINS[name]
    ours, theirs = flatten(load_board(yaml)), dtc.compile(dts)
    assert dtc.decompile(ours) == dtc.decompile(theirs)
    assert ours == theirs


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_dtc_has_nothing_to_say_about_a_board_of_ours(board: Path, dtc: Dtc) -> None:
    ours = flatten(load_board(board))
    assert dtc.reread(ours) == (ours, "")


def test_a_mistake_in_the_twin_shows(dtc: Dtc, tmp_path: Path) -> None:
    yaml, dts = TWINS["rehearsal"]
    edited = tmp_path / "edited.dts"
    edited.write_text(dts.read_text().replace("<&smmu 0x11>", "<&smmu 0x12>"))
    ours, theirs = flatten(load_board(yaml)), dtc.compile(edited)
    assert len(ours) == len(theirs)
    assert dtc.decompile(ours) != dtc.decompile(theirs)


# --- the header, by a reader of its own ---------------------------------------


def test_the_header_and_its_blocks(load: Load) -> None:
    data = flatten(load("/memreserve/: [[0x1000, 0x2000]]\n" + FEW))
    words = struct.unpack(">10I", data[:40])
    magic, total, structure, strings, reserved, version, oldest, cpu, strings_size, size = words
    assert (magic, total, version, oldest, cpu) == (0xD00DFEED, len(data), 17, 16, 0)
    assert (reserved, structure, strings) == (40, 72, 72 + size)
    assert struct.unpack(">4Q", data[reserved:structure]) == (0x1000, 0x2000, 0, 0)
    assert data[strings:] == b"#address-cells\0#size-cells\0"
    assert len(data[strings:]) == strings_size


def test_a_name_that_ends_another_is_stored_once(load: Load) -> None:
    assert flatten(load("abcdef: 1\ndef: 2\nabc: 3\n")).endswith(b"abcdef\0abc\0")


@pytest.mark.parametrize(
    ("cpus", "boot"),
    [
        ("cpu@1: {reg: [[1]]}", 1),
        ("cpu@100: {reg: [[0x100]]}\n  cpu@0: {reg: [[0]]}", 0x100),
        ("cpu-map: {}\n  cpu@1: {reg: [[1]]}", 0),
    ],
    ids=["one", "first of two", "no reg in the first node"],
)
def test_the_boot_cpu_is_the_first(cpus: str, boot: int, load: Load) -> None:
    board = load(f"cpus:\n  '#address-cells': 1\n  '#size-cells': 0\n  {cpus}\n")
    assert flatten(board)[28:32] == boot.to_bytes(4, "big")
    assert flatten(board, boot_cpu=3)[28:32] == bytes([0, 0, 0, 3])


def test_the_cpu_of_a_64_bit_bus_is_not_the_boot_cpu(load: Load, dtc: Dtc, tmp_path: Path) -> None:
    board = load("cpus:\n  '#address-cells': 2\n  '#size-cells': 0\n  cpu@1: {reg: [[1]]}\n")
    twin = tmp_path / "twin.dts"
    twin.write_text(
        "/dts-v1/; / { cpus { #address-cells = <2>; #size-cells = <0>; cpu@1 { reg = <0 1>; }; }; };"
    )
    assert flatten(board) == dtc.compile(twin)


# --- /chosen --------------------------------------------------------------------


def chosen_of(blob: bytes, dtc: Dtc) -> list[str]:
    """The lines of /chosen in dtc's text."""
    _, _, rest = dtc.decompile(blob).partition("chosen {\n")
    return [line.strip() for line in rest.partition("}")[0].splitlines() if line.strip()]


def test_chosen_is_overridden_in_place_and_added_to(load: Load, dtc: Dtc) -> None:
    board = load("chosen: {bootargs: quiet, stdout-path: '&uart'}\nserial: &uart {}\n")
    chosen = {
        "linux,initrd-start": 0x48000000,
        "bootargs": "console=ttyAMA0",
        "kaslr-seed": 0xFEDCBA9876543210,
        "rng-seed": b"\x01\x02\x03",
    }
    assert chosen_of(flatten(board, chosen), dtc) == [
        'bootargs = "console=ttyAMA0";',
        'stdout-path = "/serial";',
        "linux,initrd-start = <0x00 0x48000000>;",
        "kaslr-seed = <0xfedcba98 0x76543210>;",
        "rng-seed = [01 02 03];",
    ]
    assert chosen_of(flatten(board), dtc) == ['bootargs = "quiet";', 'stdout-path = "/serial";']


def test_chosen_is_made_when_a_board_has_none(load: Load, dtc: Dtc) -> None:
    board = load("serial: {}\n")
    assert chosen_of(flatten(board, {"bootargs": ""}), dtc) == ["bootargs = [00];"]
    assert b"chosen" not in flatten(board)
    assert flatten(board, {}) == flatten(board)


# --- what cannot be flattened ---------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 1\nb: 0x100000000\n",
            "board.yaml:2: b: 0x100000000 does not fit 1 cell of 32 bits; "
            "a number of 64 bits is b: !u64 [0x100000000]",
        ),
        (
            "a: [1,\n  0x100000000]\n",
            "board.yaml:2: a: 0x100000000 does not fit 1 cell of 32 bits; "
            "a number of 64 bits is a: !u64 [0x100000000]",
        ),
        (
            'a: "x\\0y"\n',
            "board.yaml:1: a: 'x\\x00y' has a NUL inside, which would end the string",
        ),
        ("a: {phandle: 0}\n", "board.yaml:1: phandle of /a is 0x0, which is no phandle"),
        ("a: {phandle: 0xffffffff}\n", "board.yaml:1: phandle of /a is 0xffffffff, which is no phandle"),
        (
            "a: {phandle: 3}\nb:\n  phandle: 3\n",
            "board.yaml:3: phandle of /b is 0x3, as that of /a",
        ),
        (
            "a: {phandle: 3, 'linux,phandle': 4}\n",
            "board.yaml:1: phandle and linux,phandle of /a differ: 0x3 and 0x4",
        ),
        (
            "reserved-memory:\n  ranges: true\n  a: &a\n    iommu-addresses: [[*a, 1]]\n"
            "    reg: [[0x1000, 0x1000]]\nmemory@0: {reg: [[0, 1M]]}\n",
            "board.yaml:4: iommu-addresses of /reserved-memory/a is a list of rows [&device, address, size]",
        ),
        (
            "reserved-memory:\n  ranges: true\n  a: &a\n    iommu-addresses: [[*a, 1, x]]\n"
            "    reg: [[0x1000, 0x1000]]\nmemory@0: {reg: [[0, 1M]]}\n",
            "board.yaml:4: iommu-addresses: 'x' stands where a number is needed",
        ),
    ],
)
def test_what_no_bytes_can_hold_is_refused_with_its_line(
    text: str, message: str, load: Load, tmp_path: Path
) -> None:
    board = load(text)
    with pytest.raises(BadInput) as caught:
        flatten(board)
    assert str(caught.value).replace(f"{tmp_path}/", "") == message


def test_a_lone_surrogate_has_no_bytes(load: Load, tmp_path: Path) -> None:
    board = load('a: "\\ud800"\n')
    with pytest.raises(BadInput, match="a: '.ud800' has a character that UTF-8 has no bytes for$"):
        flatten(board)


# --- phandles --------------------------------------------------------------------


def phandles_of(board: Tree, dtc: Dtc) -> list[str]:
    return [line.strip() for line in dtc.decompile(flatten(board)).splitlines() if "phandle" in line]


def test_phandles_count_up_past_those_that_are_taken(load: Load, dtc: Dtc) -> None:
    board = load(
        "x: ['&c', '&a', '&b', '&c']\na: &a {}\nb: &b {phandle: 2}\nc: &c {}\nd: &d {}\n"
        "e: {x: '&d'}\naliases: {e: '&e2'}\nf: &e2 {}\n"
    )
    assert phandles_of(board, dtc) == [
        "phandle = <0x03>;",
        "phandle = <0x02>;",
        "phandle = <0x01>;",
        "phandle = <0x04>;",
    ]


def test_an_old_phandle_stays_alone(load: Load, dtc: Dtc) -> None:
    board = load("x: '&a'\na: &a {'linux,phandle': 9}\n")
    assert phandles_of(board, dtc) == ["linux,phandle = <0x09>;"]


def test_a_reference_in_a_list_of_chosen_is_a_phandle(load: Load, dtc: Dtc) -> None:
    board = load("chosen: {path: '&a', phandles: ['&a']}\na: &a {}\n")
    assert chosen_of(flatten(board), dtc) == ['path = "/a";', "phandles = <0x01>;"]
