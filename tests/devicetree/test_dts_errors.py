"""A mistake in a DTS is one line with its file and line, and dtc refuses what we refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from soc.errors import BadInput
from tests.devicetree.dtc import Dtc
from tests.devicetree.dts_text import complaint, read, write

HEAD = "/dts-v1/;\n"
CPP = "run cpp -nostdinc -undef -x assembler-with-cpp -I INCLUDE_DIR first"
CIRCLE = "which includes this file: that never ends"
BEHIND = "a property stands behind a node: properties come first"
CELL = "a number, a reference or >"
VALUE = 'a value ("string", <cells>, [bytes] or &label) must come here'

REFUSED_BY_DTC_TOO = [
    ("", "1: a DTS begins with /dts-v1/;"),
    ("/ { };", "1: a DTS begins with /dts-v1/;"),
    ("/dts-v1/ / { };", "1: ; must follow /dts-v1/, not '/'"),
    (HEAD, "2: / { ... }; must come here, not the end of the file"),
    (HEAD + "/ {\n a\n};", "4: ; must follow the property a, not '}'"),
    (HEAD + "/ {\n a = ;\n};", f"3: {VALUE}, not ';'"),
    (HEAD + "/ {\n a = <1>, ; };", f"3: {VALUE}, not ';'"),
    (HEAD + '/ { a = "x" "y"; };', "2: ; must follow the property a, not '\"'"),
    (HEAD + "/ {\n a = <1\n};", f"4: {CELL} must come here, not '}}'"),
    (HEAD + "/ {\n a = <X>; };", f"3: X stands where {CELL} is needed; if a macro, {CPP}"),
    (HEAD + "/ { a = <(1 + )>; };", "2: a number must come here, not ')'"),
    (HEAD + "/ { a = <(1 + X)>; };", f"2: X stands where a number is needed; if a macro, {CPP}"),
    (HEAD + "/ { a = <(1 /\n 0)>; };", "2: division by zero"),
    (HEAD + "/ { a = <(1 % (2 - 2))>; };", "2: division by zero"),
    (HEAD + "/ { a = <(1 ? 2)>; };", "2: : must follow the first value of ?:, not ')'"),
    (HEAD + "/ { a = <(1; };", "2: ) must follow an expression, not ';'"),
    (HEAD + "/ { a = <0x100000000>; };", "2: 0x100000000 does not fit 32 bits"),
    (HEAD + "/ { a = <1\n(-0x80000001 - 0x80000000)>; };", "3: 0xfffffffeffffffff does not fit 32 bits"),
    (HEAD + "/ { a = /bits/ 8 <256>; };", "2: 256 does not fit 8 bits"),
    (HEAD + "/ { a = /bits/ 12 <1>; };", "2: /bits/ 12: a number has 8, 16, 32 or 64 bits"),
    (HEAD + "/ { a = /bits/ 8 1; };", "2: < must follow /bits/ 8, not '1'"),
    (
        HEAD + "/ { a = /bits/ 64 <&n>; n: n { }; };",
        "2: &n stands in numbers of 64 bits: a phandle has 32",
    ),
    (HEAD + "/ { a = <089>; };", "2: 089 is no number"),
    (HEAD + "/ { a = <12ab>; };", "2: 12ab is no number"),
    (HEAD + "/ { a = <0x10000000000000000>; };", "2: 0x10000000000000000 is wider than 64 bits"),
    (HEAD + "/ { a = <'ab'>; };", "2: 'ab' is 2 bytes, not one character"),
    (HEAD + "/ { a = <''>; };", "2: '' is 0 bytes, not one character"),
    (HEAD + "/ { a = [00 1]; };", "2: two hexadecimal digits or ] must come here, not '1'"),
    (HEAD + "/ { a = [zz]; };", "2: two hexadecimal digits or ] must come here, not 'zz'"),
    (HEAD + '/ { a = "x; };\n', "2: a string starts here and never ends"),
    (HEAD + '/ { a = "\\xg"; };', "2: \\x must be followed by hexadecimal digits"),
    (HEAD + "/ { a;\n a; };", "3: duplicate a in one node, first at board.dts:2"),
    (HEAD + "/ { n { };\n n { }; };", "3: duplicate n in one node, first at board.dts:2"),
    (HEAD + "/ { n { }; a; };", f"2: {BEHIND}"),
    (HEAD + "/ { n { }; /delete-property/ a; };", f"2: {BEHIND}"),
    (HEAD + "/ { n { }; /delete-node/ n; };", "2: /delete-node/ of n, which this body has at board.dts:2"),
    (HEAD + "/ { n { } };", "2: ; must follow the end of /n, not '}'"),
    (HEAD + "/ { n { };\n\n", "4: a property, a node or } must come here, not the end of the file"),
    (HEAD + "/ { };\n}", "3: / { ... }; or &label { ... }; must come here, not '}'"),
    (HEAD + "n { };", "2: / { ... }; or &label { ... }; must come here, not 'n'"),
    (HEAD + "l: / { };", "2: / { ... }; or &label { ... }; must come here, not '/'"),
    (HEAD + "/ { a = <1\n&n>; };", "3: unknown label &n: no node has it"),
    (HEAD + "/ { l: n { };\n };\n&m { };", "4: unknown label &m: no node has it"),
    (HEAD + "/ { uart: n { }; };\n&uarx { };", "3: unknown label &uarx: no node has it, did you mean &uart?"),
    (HEAD + "/ { l: n { }; };\n/delete-node/ &l;\n&l { };", "4: unknown label &l: no node has it"),
    (HEAD + "/ { a = <&{/n}>; };", "2: no node has the path /n"),
    (HEAD + "/ { a = &{/n}; };", "2: no node has the path /n"),
    (HEAD + "/ { };\n/delete-node/ &n;", "3: unknown label &n: no node has it"),
    (HEAD + "/ { };\n/delete-node/ n;", "3: &label after /delete-node/ must come here, not 'n'"),
    (HEAD + "/ { l: a { };\n l: b { }; };", "3: duplicate label l, on /a at board.dts:2"),
    (HEAD + "/ { };\n/memreserve/ 1 2;", "3: /memreserve/ must come before the first node"),
    (HEAD + "/memreserve/ 1;\n/ { };", "2: a size must come here, not ';'"),
    (HEAD + "/ { n#x { }; };", "2: 'n#x' is not a node name: use name or name@unit-address"),
    (HEAD + "\n/* never\n\n", "3: a comment starts here and never ends"),
    (HEAD + "#define X 1\n/ { };", f"2: #define is for the C preprocessor: {CPP}"),
    (HEAD + "/ {\n  #ifdef X\n a; };", f"3: #ifdef is for the C preprocessor: {CPP}"),
    (HEAD + "/ {\n# endif\n a; };", f"3: # endif is for the C preprocessor: {CPP}"),
    (HEAD + "#include <gic.h>\n", f"2: include of 'gic.h', a header of the system: {CPP}"),
    (HEAD + '/include/ "none"\n', "2: include of 'none': there is no such file"),
    (HEAD + '/include/ "."\n', "2: include of '.': there is no such file"),
    (HEAD + "/include/ none\n", '2: /include/ must be followed by "FILE"'),
    (HEAD + '/include/ "board.dts"\n', f"2: include of 'board.dts', {CIRCLE}"),
    (HEAD + "/ { /omit-if-no-ref/ a; };", "2: { after a must come here, not ';'"),
    (HEAD + "/ { /delete-node/ ; };", "2: the name of a node must come here, not ';'"),
    (HEAD + "/ { \x01 };", "2: a property, a node or } must come here, not '\\x01'"),
    (HEAD + "/ { ä; };", "2: a property, a node or } must come here, not 'ä'"),
    (HEAD + "/ { phandle = <0>; };", "2: phandle of / is 0x0, which is no phandle"),
    (HEAD + "/ { a { phandle = <3>; }; b {\nphandle = <3>; }; };", "3: phandle of /b is 0x3, as that of /a"),
]  # fmt: skip

REFUSED_BY_US = [
    (HEAD + "/plugin/;\n/ { };", "2: /plugin/ makes an overlay of this file: it is no board"),
    (HEAD + "/ { a;\n a { }; };", "3: duplicate a in one node, first at board.dts:2"),
    (HEAD + "/ {a; /delete-property/ a; };", "2: /delete-property/ of a, which this body has at board.dts:2"),
    (HEAD + "/ { };\n/delete-node/ &{/};", "3: /delete-node/ of the root: a tree needs one"),
    (HEAD + "/ { a*b; };", "2: 'a*b' is not a property name"),
    (HEAD + "/ { n@ { }; };", "2: 'n@' is not a node name: use name or name@unit-address"),
    (HEAD + '/ { a = /incbin/("x"); };', "2: /incbin/ is not read: write the bytes out in [..]"),
    (HEAD + "/ {" + " n {" * 30 + " };" * 31, "2: nested deeper than 30 levels"),
    (HEAD + f"/ {{ a = <{'(' * 65}1{')' * 65}>; }};", "2: an expression nested deeper than 64 levels"),
    (HEAD + f"/ {{ {'l' * 64}: n {{ }}; }};", f"2: label {'l' * 57}... is longer than 63 letters"),
    (HEAD + f"/ {{ {'a' * 64}; }};", f"2: '{'a' * 56}... is not a property name"),
    (
        HEAD + "/ { reg = <1>; n { reg = <1 2 3\n4>; }; };",
        "2: bad cell count: reg of /n has 4 cells, not rows of 3 (#address-cells 2, #size-cells 1 of /)",
    ),
    (
        HEAD + "/ { #address-cells = <0>; #size-cells = <0>; n { reg = <1>; }; };",
        "2: bad cell count: reg of /n has 1 cell, not rows of 0 (#address-cells 0, #size-cells 0 of /)",
    ),
    (
        HEAD + "/ { n { ranges = <1>; }; };",
        "2: bad cell count: ranges of /n has 1 cell, not rows of 5 "
        "(#address-cells 2, #size-cells 1 of /n and above)",
    ),
    (HEAD + "/ { n {\ninterrupts = <1>; }; };", "3: interrupts of /n: no interrupt-parent here or above"),
    (
        HEAD + "/ { interrupt-parent = <&g>; g: g { #interrupt-cells = <3>; }; n { interrupts = <1 2>; }; };",
        "2: bad cell count: interrupts of /n has 2 cells, #interrupt-cells of /g is 3",
    ),
    (
        HEAD + "/ { n { interrupts-extended = <&g 1>; }; g: g { #interrupt-cells = <3>; }; };",
        "2: bad cell count: interrupts-extended of /n has 1 cell after &g, #interrupt-cells of /g is 3",
    ),
    (
        HEAD + "/ { n { reset-gpios = <&g 1 2>,\n<&g>; }; g: g { #gpio-cells = <2>; }; };",
        "3: bad cell count: reset-gpios of /n has 0 cells after &g, #gpio-cells of /g is 2",
    ),
    (
        HEAD + "/ { l: n { reg = <0 0 &l>; }; };",
        "2: reg: &l stands where a number is needed",
    ),
    (
        HEAD + "/ { reserved-memory { #size-cells = <2>; n { size = <1>; }; }; };",
        "2: bad cell count: size of /reserved-memory/n has 1 cell, not 2 "
        "(Linux would log \"invalid size property in 'n' node\")",
    ),
    (
        HEAD + "/ { reserved-memory { l: n { reg = <0 0 0>; iommu-addresses = <&l 1 2>; }; }; };",
        "2: bad cell count: iommu-addresses has 2 cells after &l, not 3 "
        "(#address-cells 2, #size-cells 1 of /reserved-memory)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED_BY_DTC_TOO, ids=[m for _, m in REFUSED_BY_DTC_TOO])
def test_what_dtc_refuses(text: str, message: str, dtc: Dtc, tmp_path: Path) -> None:
    file = write(tmp_path, text)
    assert complaint(file) == f"board.dts:{message}"
    assert dtc.refuses(file)


@pytest.mark.parametrize(("text", "message"), REFUSED_BY_US, ids=[message for _, message in REFUSED_BY_US])
def test_what_only_we_refuse(text: str, message: str, tmp_path: Path) -> None:
    assert complaint(write(tmp_path, text)) == f"board.dts:{message}"


def test_dtc_takes_what_is_right(dtc: Dtc, tmp_path: Path) -> None:
    assert not dtc.refuses(write(tmp_path, HEAD + "/ { };"))


# --- includes ---------------------------------------------------------------------


def test_an_error_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    files = {"board.dts": HEAD + '/ { };\n/include/ "sub/soc.dtsi"\n', "sub/soc.dtsi": "\n&none { };"}
    assert complaint(write(tmp_path, files)) == "sub/soc.dtsi:2: unknown label &none: no node has it"


def test_a_circle_of_includes_is_found(tmp_path: Path) -> None:
    files = {"board.dts": HEAD + '/include/ "a"', "a": '\n/include/ "b"', "b": '/include/ "./a"'}
    assert (
        complaint(write(tmp_path, files))
        == "b:1: include of './a', which includes this file: that never ends"
    )


def test_includes_have_a_depth(tmp_path: Path) -> None:
    files = {"board.dts": HEAD + '/include/ "1"'} | {str(n): f'/include/ "{n + 1}"' for n in range(1, 20)}
    assert complaint(write(tmp_path, files)) == "16:1: includes nested deeper than 16 levels"


def test_includes_have_a_number(tmp_path: Path) -> None:
    files = {"board.dts": HEAD + '/include/ "a"\n' * 1001, "a": "\n"}
    assert complaint(write(tmp_path, files)) == "board.dts:1002: more than 1000 includes"


def test_includes_have_a_size(tmp_path: Path) -> None:
    files = {"board.dts": HEAD + '/include/ "a"\n' * 10, "a": " " * ((1 << 20) - 1)}
    assert complaint(write(tmp_path, files)) == "board.dts:9: more than 8 MiB of text with all includes"


def test_a_file_has_a_size_and_must_be_text(tmp_path: Path) -> None:
    large, binary = tmp_path / "large.dts", tmp_path / "binary.dts"
    large.write_bytes(b" " * ((1 << 20) + 1))
    binary.write_bytes(b"/dts-v1/;\n\xff")
    assert complaint(large) == "large.dts:1: the file is bigger than 1 MiB: no board needs that"
    assert complaint(binary) == "binary.dts:2: not UTF-8: byte 0xff"
    with pytest.raises(BadInput, match="none.dts:1: cannot read the board: No such file or directory$"):
        read(tmp_path / "none.dts")
