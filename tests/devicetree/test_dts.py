"""DTS text means to us what it means to dtc: the flattened trees are the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.devicetree.dtc import Dtc
from tests.devicetree.dts_text import ours, read, write

VALUES = {
    "no value": "a;",
    "decimal, hexadecimal, octal": "a = <10 0x1F 0XaB 017 0 00>;",
    "suffixes": "a = <1U 2L 3UL 4LL 0x5ULL>;",
    "negative": "a = <(-1) (-0x80000000)>;",
    "characters": r"""a = <'a' '\n' '\0' '\x41' '\'' '"' '\377'>;""",
    "expressions": "a = <((1 << 3) | 2) (7 / 2 * 2 + 7 % 4) (~0 & 0xff) (!5 + !0)>;",
    "comparisons": "a = <(1 < 2) (2 <= 1) (3 > 2) (3 >= 4) (1 == 1) (1 != 1) (1 && 0) (1 || 0)>;",
    "ternary": "a = <(1 ? 2 : 3) (0 ? 2 : 0 ? 3 : 4) (1 ? (0 ? 5 : 6) : 7)>;",
    "precedence": "a = <(1 | 2 ^ 3 & 4) (1 + 2 << 1 + 1) (10 - 3 - 2) (100 / 10 / 5) (- - 3) (1 - -1)>;",
    "shifts beyond the word": "a = /bits/ 64 <(1 << 63) (1 << 64) (1 >> 64) (-1 >> 60)>;",
    "wrapping": "a = /bits/ 64 <(0 - 1) (0xffffffffffffffff + 2) (1 << 32 << 31 << 1)>;",
    "sizes": "a = /bits/ 8 <0 0xff (-1)>, /bits/ 16 <1 0xffff>, /bits/ 32 <1>, /bits/ 64 <1>;",
    "nothing in brackets": "a = <>; b = []; c = /bits/ 8 <>; d = <>, [], <1>;",
    "bytes": "a = [00 11 aB], [001122], [0 0];".replace("[0 0]", "[00]"),
    "strings": r'a = "x"; b = "", "y"; c = "\a\b\t\n\v\f\r\"\\\'\q"; d = "\101\x4a\x4\60";',
    "a string with a NUL": r'a = "x\0y"; b = "x\0"; c = "\0";',
    "a string that is not UTF-8": r'a = "\xff\xfe", "b";',
    "UTF-8": 'a = "Größe 🙂";',
    "a string over two lines": 'a = "x\ny";',
    "mixed": 'a = "x", <1 2>, [00 11 22], <&n>, &n;',
    "labels in values": 'l0: a = l1: <l2: 1 l3: 2 l4:> l5: , l6: "x" l7:, [l8: 00 l9: 11 ab: 22];',
    "phandles": "a = <&n>, <1 &m 2>; b = <&{/n} &{/n/m}>;",
    "paths": "a = &n; b = &{/n/m}, &m; c = &{/};",
    "strange names": "a,b._+?#-0 = <1>; 123 = <2>; -x; #y;",
    "a property named as a directive": "#include = <1>; #define; #if-cells = <3>; #line = <1>;",
}

TREES = {
    "comments": "/* a */ /dts-v1/ /* b\n */ ; // c\n/ { a /**/ = // d\n <1 /* e */ 2>; /* { */ };",
    "twice v1": "/dts-v1/; /dts-v1/; / { };",
    "reservations": "/dts-v1/; /memreserve/ 0x1000 (1 << 40); l: /memreserve/ 5 6; / { };",
    "two roots": "/dts-v1/; / { a = <1>; b; c { x; }; }; / { d; a = <2>; c { y; x = <1>; }; e { }; };",
    "extension": "/dts-v1/; / { l: n { a; m { }; }; }; &l { b; a = <1>; m { c; }; k { }; };",
    "extension by path": "/dts-v1/; / { n { m { a; }; }; }; &{/n/m} { b; };",
    "a second label": "/dts-v1/; / { x = <&a &b &c>; a: b: n { }; }; c: &a { };",
    "delete a property": "/dts-v1/; / { l: n { a; b; c; }; }; &l { /delete-property/ b; };",
    "a property comes back": "/dts-v1/; / { l: n { a; b; }; }; &l { /delete-property/ a; }; &l { a = <1>; };",
    "delete a node": "/dts-v1/; / { n { }; m { }; }; / { /delete-node/ n; };",
    "delete by label": "/dts-v1/; / { l: n { k { }; }; m { }; }; /delete-node/ &l;",
    "delete by path": "/dts-v1/; / { n { k { }; }; }; /delete-node/ &{/n/k};",
    "a node comes back": "/dts-v1/; / { l: n { a; b; k { c; }; }; m { }; }; /delete-node/ &l;"
    " / { n { b; d; }; };",
    "its label is free again": "/dts-v1/; / { l: n { }; }; /delete-node/ &l; / { l: m { x = <&l>; }; };",
    "delete what is not there": "/dts-v1/; / { /delete-node/ n; }; / { /delete-property/ a; };",
    "omit": "/dts-v1/; / { x = <&b>; y = &c; /omit-if-no-ref/ a: a { }; /omit-if-no-ref/ b: b { };"
    " /omit-if-no-ref/ c: c { }; /omit-if-no-ref/ d { }; e: e { }; }; /omit-if-no-ref/ &e;",
    "explicit phandles": "/dts-v1/; / { x = <&a &b &c 0x1>; a: a { }; b: b { phandle = <1>; }; c: c { }; };",
    "aliases": "/dts-v1/; / { aliases { a = &x; b = &{/y}; c = <&x>; }; chosen { stdout-path = &x; };"
    " x: x { }; y { }; };",
    "short names": "/dts-v1/; / { a@0 { }; a@1,2 { }; b,c._+- { }; };",
}


@pytest.mark.parametrize("text", VALUES.values(), ids=VALUES)
def test_a_value_is_what_dtc_makes_of_it(text: str, dtc: Dtc, tmp_path: Path) -> None:
    file = write(tmp_path, f"/dts-v1/; / {{ {text} n: n {{ m: m {{ }}; }}; }};")
    assert ours(file) == dtc.compile(file)


@pytest.mark.parametrize("text", TREES.values(), ids=TREES)
def test_a_tree_is_what_dtc_makes_of_it(text: str, dtc: Dtc, tmp_path: Path) -> None:
    file = write(tmp_path, text)
    assert ours(file) == dtc.compile(file)


# --- includes -------------------------------------------------------------------

HEAD = "/dts-v1/;\n"
INCLUDES = {
    "of a file": {"board.dts": HEAD + '/include/ "soc.dtsi"\n&l { b; };', "soc.dtsi": "/ { l: n { a; }; };"},
    "as for the preprocessor": {"board.dts": HEAD + '  # include "soc.dtsi"\n', "soc.dtsi": "/ { a; };"},
    "in the middle of a node": {"board.dts": HEAD + '/ { a; /include/ "b" c; };', "b": "b = <1>;"},
    "in the middle of a value": {"board.dts": HEAD + '/ { a = <1 /include/ "b" 3>; };', "b": "2"},
    "that leaves a node open": {"board.dts": HEAD + '/include/ "b" c; };', "b": "/ { n { }; }; / { b;"},
    "nested, each beside its own": {
        "board.dts": HEAD + '/include/ "sub/a.dtsi"',
        "sub/a.dtsi": '/include/ "b.dtsi" / { a; };',
        "sub/b.dtsi": '/include/ "../c.dtsi"',
        "c.dtsi": "/ { c; };",
    },
    "twice": {"board.dts": HEAD + '/include/ "a"\n/include/ "a"', "a": "/ { a; };"},
    "of an empty file": {"board.dts": HEAD + '/include/ "a" / { };', "a": ""},
    "with the header": {"board.dts": '/include/ "a" / { a; };', "a": "/dts-v1/;"},
}


@pytest.mark.parametrize("files", INCLUDES.values(), ids=INCLUDES)
def test_an_include(files: dict[str, str], dtc: Dtc, tmp_path: Path) -> None:
    file = write(tmp_path, files)
    for_dtc = write(tmp_path, {name: text.replace("# include", "/include/") for name, text in files.items()})
    theirs = dtc.compile(for_dtc)
    write(tmp_path, files)
    assert ours(file) == theirs


def test_what_a_preprocessor_leaves_keeps_its_places(tmp_path: Path) -> None:
    lines = [
        '# 1 "board.dts"',
        '# 1 "<built-in>"',
        '#line 4 "soc.dtsi" 1',
        "/dts-v1/;",
        "/ {",
        '# 9 "board.dts" 2',
        "a;",
        "b {",
        "# 7",
        "c; }; };",
    ]
    file = write(tmp_path, "\n".join(lines))
    root = read(file).root
    assert str(root.where) == "soc.dtsi:5"
    assert str(root.properties["a"].where) == "board.dts:9"
    assert str(root.children[0].where) == "board.dts:10"
    assert str(root.children[0].properties["c"].where) == "board.dts:7"


def test_a_value_knows_the_file_it_comes_from(tmp_path: Path) -> None:
    files = {"board.dts": HEAD + '/ {\n/include/ "soc.dtsi"\nb; };', "soc.dtsi": "\na = <1\n2>;"}
    root = read(write(tmp_path, files)).root
    assert str(root.properties["a"].where) == f"{tmp_path}/soc.dtsi:2"
    assert str(root.properties["b"].where) == f"{tmp_path}/board.dts:4"


# --- arithmetic -------------------------------------------------------------------

OPERATORS = ["+", "-", "*", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">=", "&&", "||"]
NUMBERS = st.sampled_from(
    ["0", "1", "2", "3", "7", "010", "31", "32", "63", "64", "0xffffffff", "0x123456789"]
)
EXPRESSIONS = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(" ".join),
        st.tuples(inner, st.sampled_from(["/", "%"]), st.sampled_from(["1", "3", "0x10"])).map(" ".join),
        st.tuples(st.sampled_from("-~!"), inner).map(lambda pair: f"{pair[0]} {pair[1]}"),
        st.tuples(inner, inner, inner).map(lambda three: f"({three[0]} ? {three[1]} : {three[2]})"),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=8,
)


@given(expressions=st.lists(EXPRESSIONS, min_size=30, max_size=60))
@settings(max_examples=25)
def test_any_expression(expressions: list[str], dtc: Dtc, tmp_path_factory: pytest.TempPathFactory) -> None:
    cells = " ".join(f"({text})" for text in expressions)
    file = write(tmp_path_factory.getbasetemp(), f"/dts-v1/; / {{ a = /bits/ 64 <{cells}>; }};")
    assert ours(file) == dtc.compile(file)
