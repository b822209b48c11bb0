"""What is wrong with the text itself: one line, with file and line number."""

from __future__ import annotations

from pathlib import Path

import pytest

from soc.devicetree.tree import load_board
from soc.devicetree.yaml_events import MAX_BYTES
from soc.errors import BadInput

CASES = {
    "empty": ("", "1: the file is empty: a board is a mapping of nodes and properties"),
    "only a comment": ("# no board\n", "1: the file is empty: a board is a mapping of nodes and properties"),
    "list": ("- a\n- b\n", "1: a board is a mapping of nodes and properties, not a list"),
    "scalar": ("\n\nboard\n", "3: a board is a mapping of nodes and properties, not a single value"),
    "two documents": (
        "model: a\n---\nmodel: b\n",
        "2: a second document starts here: a board is one document",
    ),
    "duplicate property": ("soc:\n  reg: 1\n  reg: 2\n", "3: duplicate property reg, first at board.yaml:2"),
    "duplicate node": (
        "camera@10: {a: 1}\nb: 1\ncamera@10: {}\n",
        "3: duplicate node camera@10, first at board.yaml:1",
    ),
    "node after property": ("soc: 1\nsoc: {}\n", "2: duplicate node soc, first at board.yaml:1"),
    "duplicate label": ("a: &x {}\nb: &x {}\n", "2: duplicate label &x, first at board.yaml:1"),
    "unsafe tag": (
        "a: 1\nb: !!python/object/apply:os.system ['true']\n",
        "2: tag '!!python/object/apply:os.system' is not allowed: only plain data is",
    ),
    "unsafe tag on a node": (
        "a: !!python/object:builtins.dict {}\n",
        "1: tag '!!python/object:builtins.dict' is not allowed: only plain data is",
    ),
    "local tag": ("a: !phandle 1\n", "1: tag '!phandle' is not allowed: only plain data is"),
    "tag of another kind": ("a: !!map 1\n", "1: tag '!!map' is not allowed: only plain data is"),
    "tag that lies": ("a: !!int soon\n", "1: 'soon' is tagged !!int but is none"),
    "merge key": (
        "a: &a {x: 1}\nb:\n  <<: *a\n",
        "3: merge keys (<<) have no place in a board: write the properties out",
    ),
    "syntax": (
        "a: 1\nreg: [[1, 2]\n",
        "2: not YAML: expected ',' or ']', but got '<stream end>'"
        " while parsing a flow sequence that starts at line 2",
    ),
    "tab": (
        "a:\n\tb: 1\n",
        "2: not YAML: found character '\\t' that cannot start any token while scanning for the next token",
    ),
    "control character": ("a: 1\nb: \x07\n", "2: not YAML: character 0x7 is not allowed"),
    "escape out of range": (
        'a: 1\nb: "\\UFFFFFFFF"\n',
        "2: not YAML: an escape or directive holds a number out of range",
    ),
    "missing value": (
        "pool:\n  no-map:\n",
        "2: a value is missing: write true for an empty property, {} for an empty node",
    ),
    "false": ("no-map: false\n", "1: false is no property value: leave the property out"),
    "yes": ("no-map: yes\n", "1: yes is a boolean to YAML: write true, or quote it for a string"),
    "octal": ("reg: 010\n", "1: 010 may be read as octal: drop the leading zero, or quote it for a string"),
    "many digits": (f"a: {'9' * 5000}\n", "1: a number of 5000 digits fits no cell"),
    "too wide": ("a: 0x100000000000000000000000000000000\n", None),
    "empty list": ("a: []\n", "1: an empty list: write true for an empty property"),
    "true in a list": ("a: [1,\n true]\n", "2: true stands alone: it cannot be in a list"),
    "node in a list": ("a:\n- b: 1\n", "2: a node cannot stand inside a list"),
    "label on a value": ("a: &x 5\n", "1: label &x is on a value: only nodes have labels"),
    "label on a list": ("a: &x [5]\n", "1: label &x is on a value: only nodes have labels"),
    "label of bad form": (
        "a: &fb-pool {}\n",
        "1: label 'fb-pool' must be letters, digits and _, as in a DTS",
    ),
    "complex key": ("? [a, b]\n: 1\n", "1: a key must be the name of a node or property"),
    "node name": ("'a b': {}\n", "1: 'a b' is not a node name: use name or name@unit-address"),
    "property name": (
        "camera@10: 5\n",
        "1: 'camera@10' is not a property name (a node needs a mapping)",
    ),
    "deep nodes": (
        "".join(f"{' ' * i}n:\n" for i in range(40)) + f"{' ' * 40}a: 1\n",
        "32: nested deeper than 32 levels",
    ),
    "deep lists": (f"a: {'[' * 5000}\n", "1: nested deeper than 32 levels"),
    "unknown phandle": (
        "lcdif: &lcdif {}\nx:\n  panel: '&lcdiff'\n",
        "3: unknown phandle &lcdiff: no node has that label, did you mean &lcdif?",
    ),
    "unknown alias": ("a: {b: [1, *gone]}\n", "1: unknown phandle &gone: no node has that label"),
    "alias before its anchor": (
        "a: {b: *late}\nc: &late {}\n",
        '1: *late comes before its anchor: write "&late" in quotes',
    ),
}
CASES["too wide"] = (CASES["too wide"][0], f"1: 0x1{'0' * 32} is wider than 128 bits")


@pytest.mark.parametrize("name", CASES)
def test_message(name, complain):
    text, message = CASES[name]
    assert complain(text) == f"board.yaml:{message}"


def test_missing_file(tmp_path: Path):
    with pytest.raises(BadInput) as caught:
        load_board(tmp_path / "none.yaml")
    assert str(caught.value) == f"{tmp_path}/none.yaml:1: cannot read the board: No such file or directory"


def test_directory(tmp_path: Path):
    with pytest.raises(BadInput, match=r":1: cannot read the board: Is a directory$"):
        load_board(tmp_path)


def test_name_no_file_can_have():
    with pytest.raises(BadInput, match=":1: cannot read the board: embedded null byte$"):
        load_board(Path("a\0b"))


def test_not_utf8(tmp_path: Path):
    file = tmp_path / "board.yaml"
    file.write_bytes(b"model: a\nx: \xff\n")
    with pytest.raises(BadInput) as caught:
        load_board(file)
    assert str(caught.value) == f"{file}:2: not UTF-8: byte 0xff"


def test_too_big(tmp_path: Path):
    file = tmp_path / "board.yaml"
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(BadInput) as caught:
        load_board(file)
    assert str(caught.value) == f"{file}:1: the file is bigger than 1 MiB: no board needs that"


def test_billion_laughs_is_a_handful_of_phandles(load):
    """Aliases are names, so nothing multiplies."""
    levels = [f"l{n}: &l{n} {{of: [{', '.join([f'*l{n - 1}'] * 9)}]}}" for n in range(1, 30)]
    tree = load("l0: &l0 {}\n" + "\n".join(levels) + "\n")
    assert len(list(tree.walk())) == 31
    assert len(tree.root.children[29].phandles("of")) == 9


def test_long_values_are_cut_in_messages(complain):
    message = complain(f"status: [{', '.join(['1'] * 5000)}]\n")
    assert len(message) < 200
    assert message.startswith("board.yaml:1: status must be a string or a list of strings, not [1, 1,")
