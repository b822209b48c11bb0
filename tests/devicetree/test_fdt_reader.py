"""Flattened trees from anywhere: a tree or one line with its file and offset."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.devicetree.fdt import flatten
from soc.devicetree.fdt.blob import NOP, Writer
from soc.devicetree.report import board_report
from soc.devicetree.tree import load_board, read_board
from soc.devicetree.yaml_writer import board_text
from soc.errors import BadInput
from tests.conftest import CountFuzz
from tests.devicetree.dts_text import complaint, read
from tests.devicetree.twins import TWINS

BLOB = flatten(load_board(TWINS["properties"][0]))
STRUCTURE, STRINGS = struct.unpack(">2I", BLOB[8:16])


def patched(at: int, word: int, blob: bytes = BLOB) -> bytes:
    return blob[:at] + struct.pack(">I", word) + blob[at + 4 :]


def built(build: Callable[[Writer], None]) -> bytes:
    """A flattened tree whose root has what `build` writes."""
    writer = Writer()
    writer.begin_node("")
    build(writer)
    writer.end_node()
    return writer.blob()


def nested(levels: int) -> bytes:
    def build(writer: Writer) -> None:
        for _ in range(levels):
            writer.begin_node("n")
        for _ in range(levels):
            writer.end_node()

    return built(build)


def test_what_it_reads_it_writes(tmp_path: Path) -> None:
    file = tmp_path / "board.dtb"
    for yaml, _ in TWINS.values():
        blob = flatten(load_board(yaml))
        file.write_bytes(blob)
        assert flatten(read(file)) == blob


def test_tokens_that_say_nothing_are_passed_over(tmp_path: Path) -> None:
    blob = BLOB[:STRUCTURE] + struct.pack(">I", NOP) * 3 + BLOB[STRUCTURE:]
    for at, change in ((4, 12), (12, 12), (36, 12)):
        blob = patched(at, struct.unpack(">I", blob[at : at + 4])[0] + change, blob)
    file = tmp_path / "board.dtb"
    file.write_bytes(blob)
    assert flatten(read(file)) == BLOB


HUGE = 0xFFFF_FFFC
NOT_ONE = "0x0: not a flattened device tree: it begins with d00dfeed and 36 more bytes"
BEYOND = f"0x4: a block reaches beyond the {len(BLOB)} bytes of the tree"
TORN = built(lambda writer: writer.begin_node("abcdefg"))
MALFORMED = {
    "empty": (b"", NOT_ONE),
    "no header": (BLOB[:39], NOT_ONE),
    "text": (b"/dts-v1/;" * 9, NOT_ONE),
    "little-endian": (
        patched(0, 0xEDFE0DD0),
        NOT_ONE,
    ),
    "old": (patched(20, 16), "0x14: version 16 of a flattened tree, only 17 is read"),
    "new": (patched(24, 18), "0x14: version 17 of a flattened tree, only 17 is read"),
    "truncated": (BLOB[:-1], f"0x4: truncated: {len(BLOB) - 1} of {len(BLOB)} bytes are there"),
    "huge": (patched(4, HUGE), f"0x4: truncated: {len(BLOB)} of {HUGE} bytes are there"),
    "structure beyond the end": (
        patched(8, HUGE),
        BEYOND,
    ),
    "structure too long": (patched(36, HUGE), BEYOND),
    "strings too long": (patched(32, HUGE), BEYOND),
    "structure not on a word": (patched(8, 0x5A), "0x8: the structure at 0x5a is not on a word"),
    "structure over the header": (patched(8, 0), "0x8: the blocks overlap"),
    "strings over the structure": (patched(12, STRUCTURE), "0x8: the blocks overlap"),
    "reservations over the header": (patched(16, 0), "0x8: the blocks overlap"),
    "reservations without an end": (patched(16, len(BLOB) - 8), "0x10: the reservations never end"),
    "reservations beyond the end": (patched(16, HUGE), "0x10: the reservations never end"),
    "no root": (patched(STRUCTURE, 2), f"{STRUCTURE:#x}: the structure does not begin with a node"),
    "a root with a name": (patched(STRUCTURE + 4, 0x61000000), f"{STRUCTURE:#x}: the root has a name"),
    "no such token": (
        patched(STRUCTURE + 8, 5),
        f"{STRUCTURE + 8:#x}: 0x5 is no token of a flattened tree",
    ),
    "an early end": (patched(STRUCTURE + 8, 9), f"{STRUCTURE + 8:#x}: 0x9 is no token of a flattened tree"),
    "a huge property": (
        patched(STRUCTURE + 12, HUGE),
        f"{STRUCTURE + 20:#x}: {HUGE} bytes reach beyond the structure",
    ),
    "a property of 2^32 - 1 bytes": (
        patched(STRUCTURE + 12, 0xFFFF_FFFF),
        f"{STRUCTURE + 20:#x}: {0xFFFFFFFF} bytes reach beyond the structure",
    ),
    "a name beyond the strings": (
        patched(STRUCTURE + 16, HUGE),
        f"{STRUCTURE + 8:#x}: a property's name at {HUGE:#x} is beyond the strings",
    ),
    "no end": (
        BLOB[: STRINGS - 4] + b"\0\0\0\4" + BLOB[STRINGS:],
        f"{STRINGS:#x}: 4 bytes reach beyond the structure",
    ),
    "a second root": (
        BLOB[: STRINGS - 4] + b"\0\0\0\1" + BLOB[STRINGS:],
        f"{STRINGS - 4:#x}: something stands behind the root",
    ),
    "a name without an end": (patched(36, 16, TORN), "0x44: a name never ends"),
    "too deep": (nested(30), f"{56 + 8 + 29 * 8:#x}: nested deeper than 30 levels"),
    "a bad node name": (built(lambda w: w.begin_node("a b")), "0x40: 'a b' is not a node name"),
    "a bad property name": (built(lambda w: w.property("a b", b"")), "0x40: 'a b' is not a property name"),
    "an empty name": (built(lambda w: w.property("", b"")), "0x40: '' is not a property name"),
    "a property twice": (
        built(lambda w: (w.property("a", b""), w.property("a", b""))),
        "0x4c: duplicate property a",
    ),
    "a node twice": (
        built(lambda w: (w.begin_node("a"), w.end_node(), w.begin_node("a"), w.end_node())),
        "0x4c: duplicate node a",
    ),
    "a property behind a node": (
        built(lambda w: (w.begin_node("a"), w.end_node(), w.property("b", b""))),
        "0x4c: a property stands behind a node: properties come first",
    ),
    "bad cells": (
        built(lambda w: (w.begin_node("a"), w.property("reg", bytes(8)), w.end_node())),
        "0x48: bad cell count: reg of /a has 2 cells, not rows of 3 (#address-cells 2, #size-cells 1 of /)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("blob", "message"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_tree_is_refused_at_its_offset(blob: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "board.dtb"
    file.write_bytes(blob)
    assert complaint(file) == f"board.dtb:{message}"


def test_thirty_levels_are_read(tmp_path: Path) -> None:
    file = tmp_path / "board.dtb"
    file.write_bytes(nested(29))
    assert flatten(read(file)) == nested(29)


def test_a_missing_or_large_file(tmp_path: Path) -> None:
    large = tmp_path / "large.dtb"
    large.write_bytes(bytes((2 << 20) + 1))
    assert complaint(large) == "large.dtb:0x0: the file is bigger than 2 MiB: no board needs that"
    with pytest.raises(BadInput, match="none.dtb:0x0: cannot read the board: No such file or directory$"):
        read(tmp_path / "none.dtb")


@given(
    changes=st.lists(st.tuples(st.integers(0, len(BLOB) - 1), st.integers(0, 255)), min_size=1, max_size=4)
)
@settings(max_examples=400)
def test_any_damage_is_one_line(
    changes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory, count_fuzz: CountFuzz
) -> None:
    blob = bytearray(BLOB)
    for at, value in changes:
        blob[at] = value
    outcome(bytes(blob), tmp_path_factory.getbasetemp() / "damaged.dtb", count_fuzz)


@given(
    word=st.integers(0, len(BLOB) // 4 - 1), value=st.sampled_from([0, 1, 2, 3, 4, 9, 0x7FFFFFFF, 0xFFFFFFFF])
)
@settings(max_examples=400)
def test_any_damaged_word_is_one_line(
    word: int, value: int, tmp_path_factory: pytest.TempPathFactory, count_fuzz: CountFuzz
) -> None:
    outcome(patched(4 * word, value), tmp_path_factory.getbasetemp() / "word.dtb", count_fuzz)


def outcome(blob: bytes, file: Path, count_fuzz: CountFuzz) -> None:
    """Load `blob` and do all one can do with it: all of it works, or the error is one line with a place."""
    file.write_bytes(blob)
    try:
        tree = load_board(file)
        board_report(tree, {}, {})
        flatten(tree)
        board_text(read_board(file))
    except BadInput as error:
        assert str(error).startswith(f"{file}:0x")
        assert "\n" not in str(error)
        count_fuzz("flattened trees", refused=1)
    else:
        count_fuzz("flattened trees", read=1)
