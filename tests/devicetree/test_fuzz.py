"""Whatever the text, a board is a tree or one clear line."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from soc.devicetree.report import board_report
from soc.devicetree.tree import load_board
from soc.errors import BadInput

REHEARSAL = Path(__file__).parents[2] / "configs/boards/rehearsal.yaml"

WORDS = [
    "reg", "ranges", "'#address-cells'", "'#size-cells'", "'#iommu-cells'", "'#interrupt-cells'",
    "interrupts", "compatible", "status", "size", "alignment", "alloc-ranges", "iommus",
    "memory-region", "no-map", "reusable", "reserved-memory", "memory@0", "soc", "aliases", "chosen",
    "stdout-path", "interrupt-parent", "dma-ranges", ": ", ": ", ": ", ", ", "[", "]", "[[", "]]", "{",
    "}", "\n", "\n", "\n  ", "\n    ", "- ", "&a ", "*a", "'&a'", "true", "0", "1", "2", "3", "4K",
    "1G", "0x1000", "0xffffffff", "0x10000000000000000", "spi", "level-high", "okay", "shared-dma-pool",
    "simple-bus", "!!str ", "<<", "? ", "#", "|", ">", "%", "@", "`", "\t",
]  # fmt: skip


def outcome(path: Path, data: bytes) -> None:
    """Load `data`; either the tree answers everything or the error is one line with a place."""
    path.write_bytes(data)
    try:
        tree = load_board(path)
    except BadInput as error:
        assert error.where is not None
        assert error.where.line >= 1
        assert "\n" not in str(error)
        assert len(str(error)) < 1000
        str(error).encode()
    else:
        assert board_report(tree, {}, {})


@given(text=st.text(max_size=200))
def test_any_text(text, tmp_path_factory):
    outcome(tmp_path_factory.getbasetemp() / "any.yaml", text.encode("utf-8", "surrogatepass"))


@given(data=st.binary(max_size=60))
def test_any_bytes(data, tmp_path_factory):
    outcome(tmp_path_factory.getbasetemp() / "bytes.yaml", data)


@given(words=st.lists(st.sampled_from(WORDS), max_size=40))
@settings(max_examples=300)
def test_any_words(words, tmp_path_factory):
    outcome(tmp_path_factory.getbasetemp() / "words.yaml", "".join(words).encode())


NUMBERS = st.sampled_from(
    ["0", "1", "2", "3", "4K", "64K", "4M", "1G", "0x80000000", "0x80001000", "0xfffff000"]
)
ODD = st.sampled_from(["true", "0", "'&a'", "abc", "'a,b'", "1T", "0x1000000000000", "[1]", "[[1, x]]"])


def rows(*columns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A property of one or two rows."""
    row = st.tuples(*columns).map(lambda items: f"[{', '.join(items)}]")
    return st.lists(row, min_size=1, max_size=2).map(lambda items: f"[{', '.join(items)}]")


SHAPES = {
    "reg": rows(NUMBERS, NUMBERS),
    "ranges": st.just("true") | rows(NUMBERS, NUMBERS, NUMBERS),
    "dma-ranges": st.just("true") | rows(NUMBERS, NUMBERS, NUMBERS),
    "alloc-ranges": rows(NUMBERS, NUMBERS),
    "size": NUMBERS,
    "alignment": NUMBERS,
    "#address-cells": st.sampled_from(["0", "1", "2", "4"]),
    "#size-cells": st.sampled_from(["0", "1", "2"]),
    "#iommu-cells": st.sampled_from(["0", "1"]),
    "#interrupt-cells": st.sampled_from(["0", "1", "3"]),
    "interrupts": rows(st.sampled_from(["spi", "ppi", "0"]), NUMBERS, st.sampled_from(["level-high", "4"])),
    "interrupt-parent": st.just("'&a'"),
    "iommus": rows(st.just("'&a'"), NUMBERS),
    "memory-region": st.just("['&a']"),
    "no-map": st.just("true"),
    "reusable": st.just("true"),
    "status": st.sampled_from(["okay", "disabled"]),
    "compatible": st.sampled_from(["shared-dma-pool", "simple-bus", "[arm,pl011, x]"]),
    "device_type": st.just("memory"),
    "stdout-path": st.sampled_from(["'&a'", "x", "/soc:1"]),
}
NAMES = ["reserved-memory", "memory@80000000", "soc", "dev@1000", "aliases", "chosen", "a"]
PROPERTY = st.sampled_from(sorted(SHAPES)).flatmap(
    lambda name: st.tuples(st.just(name), SHAPES[name] | SHAPES[name] | SHAPES[name] | ODD)
)
PROPERTIES = st.lists(PROPERTY, max_size=4).map(dict)
NODES = st.recursive(
    PROPERTIES,
    lambda inner: st.tuples(PROPERTIES, st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)).map(
        lambda pair: pair[0] | pair[1]
    ),
    max_leaves=8,
)


def flow(node: object) -> str:
    if isinstance(node, dict):
        return "{" + ", ".join(f"'{name}': {flow(value)}" for name, value in node.items()) + "}"
    return str(node)


@given(board=NODES)
@settings(max_examples=300)
def test_any_well_formed_board(board, tmp_path_factory):
    labelled = "&a {'#iommu-cells': 1, '#interrupt-cells': 3}"
    text = flow({"labelled": labelled} | board)
    outcome(tmp_path_factory.getbasetemp() / "board.yaml", text.encode())


@given(line=st.integers(0, 140), column=st.integers(0, 60), change=st.sampled_from([*WORDS, ""]))
@settings(max_examples=60, deadline=None)
def test_any_edit_of_a_good_board(line, column, change, tmp_path_factory):
    lines = REHEARSAL.read_text().splitlines()
    line %= len(lines)
    column = min(column, len(lines[line]))
    lines[line] = lines[line][:column] + change + lines[line][column + 1 :]
    outcome(tmp_path_factory.getbasetemp() / "edited.yaml", "\n".join(lines).encode())
