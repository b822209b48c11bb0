"""Raw nodes as the YAML text of a board, in the style of configs/boards.

What `yaml_source` reads back is the same tree: labels are anchors, a reference to a
node further down is quoted, and so is every word that YAML or a board would take
for something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from soc.devicetree.cells import INTERRUPT_TYPES, TRIGGERS
from soc.devicetree.scalars import read_scalar
from soc.devicetree.values import MEMRESERVE, Array, Number, Property, RawNode, Reference, Row, Text, Value
from soc.errors import BadInput, Where

WIDTH = 110
PLAIN_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9,._+@/-]*|/memreserve/")
PLAIN_TEXT = re.compile(r"[A-Za-z0-9_/](?:[A-Za-z0-9_./@=+-]|[,:](?=[A-Za-z0-9])| (?=[A-Za-z0-9_/(]))*")
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
SIZED = ("reg", "ranges", "dma-ranges", "alloc-ranges", "size", "alignment", MEMRESERVE)
"""Properties whose last number is a size."""
NOWHERE = Where(Path(), 1)


def board_text(root: RawNode) -> str:
    """The lines of the board file whose root node is `root`."""
    return "\n".join(_Writer().root(root)).lstrip("\n") + "\n"


class _Writer:
    """One pass over the nodes, in the order of the file."""

    def __init__(self) -> None:
        self._anchors: set[str] = set()

    def root(self, root: RawNode) -> Iterator[str]:
        """The whole file; a label of the root goes with the mark of the document."""
        if root.label is not None:
            self._anchors.add(root.label)
            yield f"--- &{root.label}"
        if not root.properties and not root.children:
            yield "{}"
        yield from self.body(root, "")

    def body(self, node: RawNode, indent: str) -> Iterator[str]:
        """The properties and children of `node`, each line behind `indent`."""
        for prop in node.properties.values():
            yield from self._property(prop, indent)
        for child in node.children:
            if len(indent) <= 2:
                yield ""
            yield from self._node(child, indent)

    def _node(self, node: RawNode, indent: str) -> Iterator[str]:
        line = f"{indent}{_key(node.name)}:"
        if node.label is not None:
            self._anchors.add(node.label)
            line += f" &{node.label}"
        if not node.properties and not node.children:
            yield f"{line} {{}}"
            return
        yield line
        yield from self.body(node, indent + "  ")

    def _property(self, prop: Property, indent: str) -> Iterator[str]:
        key = f"{indent}{_key(prop.name)}:"
        pieces = self._pieces(prop.value, prop.name)
        rows = prop.value.items if isinstance(prop.value, Row) else ()
        if len(" ".join([key, *pieces])) <= WIDTH or not any(isinstance(row, Row) for row in rows):
            yield from _wrapped(key, pieces, indent + "  ")
            return
        yield key
        for row in rows:
            yield from _wrapped(f"{indent}  -", self._pieces(row, prop.name), indent + "    ")

    # --- values ----------------------------------------------------------------

    def _pieces(self, value: Value, name: str, inside: bool = False) -> list[str]:
        """The value of a property `name` in words that a line may break between.

        `inside` brackets, commas and colons must be quoted.
        """
        if isinstance(value, Row):
            items = [self._pieces(item, name, inside=True) for item in value.items]
            if name in ("interrupts", "interrupts-extended"):
                _spell_interrupt(value.items, items)
            elif name in SIZED and isinstance(last := value.items[-1], Number) and len(items) > 1:
                items[-1] = [_size(last)]
            return _list(items)
        if isinstance(value, Array):
            return [f"!u{value.bits}", *_list([[number.text] for number in value.numbers])]
        if isinstance(value, Reference):
            return [f"*{value.label}" if value.label in self._anchors else f'"&{value.label}"']
        if isinstance(value, Text):
            return [_text(value.value, inside)]
        if isinstance(value, Number):
            return [_size(value) if name in SIZED and not inside else value.text]
        return ["true"]


def _list(items: Sequence[list[str]]) -> list[str]:
    """The words of a list in brackets, a comma behind each item but the last."""
    words = [word + "," * (word is item[-1]) for item in items[:-1] for word in item] + items[-1]
    words[0] = f"[{words[0]}"
    words[-1] += "]"
    return words


def _spell_interrupt(values: Sequence[Value], items: list[list[str]]) -> None:
    """In a specifier, replace the numbers that have a name in a board."""
    first = sum(isinstance(value, Reference) for value in values)
    count = len(values) - first
    if count == 3:
        items[first] = _named(values[first], INTERRUPT_TYPES, items[first])
    if count >= 2:
        items[-1] = _named(values[-1], TRIGGERS, items[-1])


def _named(value: Value, names: Mapping[str, int], otherwise: list[str]) -> list[str]:
    found = [name for name, number in names.items() if isinstance(value, Number) and number == value.value]
    return found or otherwise


def _size(number: Number) -> str:
    """Whole mebibytes and gibibytes as people say them."""
    for unit, bits in (("G", 30), ("M", 20)):
        if number.value and not number.value & (1 << bits) - 1:
            return f"{number.value >> bits}{unit}"
    return number.text


def _key(name: str) -> str:
    return name if PLAIN_KEY.fullmatch(name) else f"'{name}'"


def _text(text: str, inside: bool) -> str:
    """The string, quoted unless it is plain words that a board reads as a string."""
    if PLAIN_TEXT.fullmatch(text) and not (inside and set(",:") & set(text)) and _reads_as_text(text):
        return text
    quoted = '"' + "".join(ESCAPES.get(character) or _printable(character) for character in text) + '"'
    return f"!!str {quoted}" if text.startswith("&") else quoted


def _reads_as_text(text: str) -> bool:
    try:
        return isinstance(read_scalar(text, None, True, NOWHERE), Text)
    except BadInput:
        return False


def _printable(character: str) -> str:
    code = ord(character)
    if 0x20 <= code < 0x7F:
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _wrapped(start: str, words: Sequence[str], indent: str) -> Iterator[str]:
    """`start` and `words` in lines that fit, all but the first behind `indent`."""
    line = start
    for word in words:
        if len(line) + 1 + len(word) > WIDTH and line.strip():
            yield line
            line = indent[:-1]
        line += f" {word}"
    yield line
