"""Random trees: out to dtc and back as text, and out as YAML and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.devicetree.dts.source import read_dts
from soc.devicetree.fdt import flatten
from soc.devicetree.names import MAX_NODE_DEPTH
from soc.devicetree.tree import Tree, read_board
from soc.devicetree.values import Array, Flag, Number, Property, RawNode, Reference, Row, Text, Value
from soc.devicetree.yaml_source import parse
from soc.devicetree.yaml_writer import board_text
from soc.errors import BadInput, Where
from tests.conftest import CountFuzz
from tests.devicetree.dtc import Dtc
from tests.devicetree.dts_text import ours, read
from tests.devicetree.twins import TWINS

HERE = Where(Path("random"), 1)
LABELS = ["a", "b_1", "_C"]
NAME = "abz09,._+-"

CELLS = st.integers(0, 0xFFFF) | st.integers(0, 0xFFFF_FFFF)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
LOOKALIKES = st.sampled_from(
    ["true", "0x10", "12", "010", "yes", "~", "&a", "*a", "[1]", "a: b", "a #b", "- x"]
)

numbers = CELLS.map(lambda value: Number(value, hex(value), HERE))
texts = (WORDS | LOOKALIKES).map(lambda text: Text(text, HERE))
references = st.sampled_from(LABELS).map(lambda label: Reference(label, HERE))
arrays = st.sampled_from([8, 16, 64]).flatmap(
    lambda bits: st.lists(st.integers(0, (1 << bits) - 1), min_size=1, max_size=9).map(
        lambda values: Array(bits, tuple(Number(value, hex(value), HERE) for value in values), HERE)
    )
)


def rows(items: st.SearchStrategy[Value]) -> st.SearchStrategy[Row]:
    return st.lists(items, min_size=1, max_size=4).map(lambda values: Row(tuple(values), HERE))


cells = rows(numbers | references)
simple = st.just(Flag(HERE)) | numbers | texts | references | arrays | cells | rows(texts)
values = simple | rows(cells) | rows(numbers | texts | references | arrays | cells)
words_of_names = st.text(NAME, min_size=1, max_size=6)
property_names = words_of_names | st.sampled_from(["x#", "#y-cells?", "compatible", "status", "z-names"])
node_names = st.tuples(
    words_of_names, st.just("") | st.text(NAME, min_size=1, max_size=4).map("@{}".format)
).map("".join)
bodies = st.tuples(
    st.dictionaries(property_names, values, max_size=4),
    st.sampled_from([None, None, *LABELS]),
)


@st.composite
def trees(draw: st.DrawFn) -> RawNode:
    """A tree in which every label stands once, and which has no property that a node is named as."""
    free = list(LABELS)

    def body(name: str, depth: int) -> RawNode:
        properties, label = draw(bodies)
        children = draw(st.lists(node_names, max_size=3, unique=True)) if depth < 4 else []
        node = RawNode(name, label if label in free else None, HERE)
        if node.label:
            free.remove(node.label)
        node.properties = {key: Property(key, value, HERE) for key, value in properties.items()}
        node.children = [body(child, depth + 1) for child in children if child not in properties]
        return node

    root = body("", 1)
    taken = {child.name for child in root.children} | set(root.properties)
    spare = iter(name for name in (f"spare{n}" for n in range(9)) if name not in taken)
    root.children += [RawNode(next(spare), label, HERE) for label in free]
    return root


@given(root=trees())
@settings(max_examples=150)
def test_any_tree_comes_back_from_dtc(
    root: RawNode, dtc: Dtc, tmp_path_factory: pytest.TempPathFactory, count_fuzz: CountFuzz
) -> None:
    """As dtc reads its own text, which is not always what it wrote: it shows 0x00313200 as "\\012"."""
    blob = flatten(Tree(Path("random"), root))
    assert dtc.reread(blob)[0] == blob
    text = tmp_path_factory.getbasetemp() / "random.dts"
    text.write_text(dtc.decompile(blob), encoding="ascii")
    again = flatten(Tree(text, read_dts(text)))
    assert again == dtc.compile(text)
    count_fuzz("trees by way of dtc", same=again == blob)


@given(root=trees())
@settings(max_examples=200)
def test_any_tree_comes_back_from_yaml(root: RawNode) -> None:
    blob = flatten(Tree(Path("random"), root))
    again = parse(Path("random.yaml"), board_text(root))
    assert flatten(Tree(Path("random.yaml"), again)) == blob


@given(root=trees())
@settings(max_examples=100)
def test_any_tree_comes_back_from_its_bytes(root: RawNode, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "random.dtb"
    blob = flatten(Tree(Path("random"), root))
    file.write_bytes(blob)
    assert ours(file) == blob
    again = parse(Path("random.yaml"), board_text(read_board(file)))
    assert flatten(Tree(Path("random.yaml"), again)) == blob


def test_the_deepest_tree_of_a_dts_fits_a_board(tmp_path: Path) -> None:
    file = tmp_path / "deep.dts"
    levels = MAX_NODE_DEPTH - 1
    file.write_text("/dts-v1/; / {" + " n {" * levels + " a = <1>, <2>;" + " };" * (levels + 1))
    again = parse(Path("deep.yaml"), board_text(read_board(file)))
    assert flatten(Tree(Path("deep.yaml"), again)) == ours(file)


# --- hostile text ------------------------------------------------------------------

PIECES = [
    "/dts-v1/;", "/ {", "};", "}", "{", ";", "a", "b@1", "l:", "&l", "&{/a}", "= ", "<", ">", "[", "]", "(",
    ")", ",", "1", "0x10", "-1", "1 <<", "?", ":", '"x"', '"', "\\", "'", "'c'", "/bits/ 8",
    "/memreserve/ 1 2;",
    "/include/", '/include/ "fuzz.dts"', "/delete-node/", "/delete-property/", "/omit-if-no-ref/",
    "/plugin/;", "#define", "\n# 3", "reg", "#address-cells = <1>;", "interrupts", "interrupt-parent = <&l>;",
    "phandle = <1>;", "//", "/*", "*/", "\n",
]  # fmt: skip
SOURCE = TWINS["properties"][1].read_text(encoding="utf-8")


def outcome(path: Path, data: bytes, count_fuzz: CountFuzz) -> None:
    """Read `data`; either the tree has bytes and YAML, or the error is one line with a place."""
    path.write_bytes(data)
    try:
        flatten(read(path))
        board_text(read_board(path))
    except BadInput as error:
        assert error.where is not None
        assert error.where.line >= 1
        assert "\n" not in str(error)
        assert len(str(error)) < 1000
        count_fuzz("DTS text", refused=1)
    else:
        count_fuzz("DTS text", read=1)


@given(text=st.text(max_size=100) | st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join))
@settings(max_examples=500)
def test_any_words(text: str, tmp_path_factory: pytest.TempPathFactory, count_fuzz: CountFuzz) -> None:
    data = ("/dts-v1/;" + text).encode("utf-8", "surrogatepass")
    outcome(tmp_path_factory.getbasetemp() / "fuzz.dts", data, count_fuzz)


@given(at=st.integers(0, len(SOURCE)), length=st.integers(0, 20), change=st.sampled_from(["", *PIECES]))
@settings(max_examples=300)
def test_any_edit_of_a_good_source(
    at: int, length: int, change: str, tmp_path_factory: pytest.TempPathFactory, count_fuzz: CountFuzz
) -> None:
    data = (SOURCE[:at] + change + SOURCE[at + length :]).encode()
    outcome(tmp_path_factory.getbasetemp() / "fuzz.dts", data, count_fuzz)
