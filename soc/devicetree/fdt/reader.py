"""A flattened tree as raw nodes, as if its author had written a board file.

Bytes have no types: what has no known binding is strings if it looks like
strings, else cells, else bytes, as dtc guesses. A place in the file is the
offset of a node or property, in hexadecimal.

Source: Devicetree Specification v0.4 chapter 5.
Not modelled: versions before 17.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from struct import unpack_from

from soc.devicetree.fdt import blob
from soc.devicetree.names import MAX_NODE_DEPTH, NODE_NAME, PROPERTY_NAME
from soc.devicetree.values import (
    MEMRESERVE,
    Array,
    Flag,
    Number,
    Property,
    RawNode,
    Row,
    Text,
    Value,
    brief,
)
from soc.errors import BadInput, Where

MAX_BYTES = 2 << 20
PRINTABLE = frozenset(b"\0\a\b\t\n\v\f\r") | frozenset(range(0x20, 0x7F))


@dataclass(frozen=True, order=True)
class At(Where):
    """A place in a flattened tree; `line` is the offset of a byte."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line:#x}"


def read_dtb(path: Path) -> RawNode:
    """The root node of the flattened tree in `path`. BadInput, with file and offset, for every mistake."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"cannot read the board: {reason}", At(path, 0)) from None
    if len(data) > MAX_BYTES:
        raise BadInput(f"the file is bigger than {MAX_BYTES >> 20} MiB: no board needs that", At(path, 0))
    return _Reader(path, data).root()


class _Reader:
    """One pass over the structure block of `data`."""

    def __init__(self, path: Path, data: bytes) -> None:
        self._path = path
        self._data = data
        self._header()
        self._at = self._first

    def _header(self) -> None:
        """Find the blocks: the structure in [_first, _beyond), the strings, the reservations."""
        if len(self._data) < blob.HEADER_SIZE or self._word(0) != blob.MAGIC:
            raise self._error("not a flattened device tree: it begins with d00dfeed and 36 more bytes", 0)
        total, structure, names, reserved = (self._word(at) for at in range(4, 20, 4))
        version, oldest, _, names_size, size = (self._word(at) for at in range(20, 40, 4))
        if not oldest <= blob.VERSION <= version:
            raise self._error(f"version {version} of a flattened tree, only {blob.VERSION} is read", 20)
        if total > len(self._data):
            raise self._error(f"truncated: {len(self._data)} of {total} bytes are there", 4)
        if structure % 4:
            raise self._error(f"the structure at {structure:#x} is not on a word", 8)
        self._reservations = self._reserved(reserved, total)
        reserved_size = blob.RESERVATION_SIZE * (len(self._reservations) + 1)
        blocks = sorted(
            [(0, blob.HEADER_SIZE), (structure, size), (names, names_size), (reserved, reserved_size)]
        )
        ends = [start + length for start, length in blocks]
        if ends[-1] > total or max(ends) > total:
            raise self._error(f"a block reaches beyond the {total} bytes of the tree", 4)
        if any(end > start for end, (start, _) in zip(ends, blocks[1:], strict=False)):
            raise self._error("the blocks overlap", 8)
        self._first, self._beyond = structure, structure + size
        self._names = self._data[names : names + names_size]

    def _reserved(self, at: int, total: int) -> list[Value]:
        """The rows of the reservation block at `at`."""
        rows: list[Value] = []
        while at + blob.RESERVATION_SIZE <= total:
            address, size = unpack_from(">QQ", self._data, at)
            if not size:
                return rows
            where = At(self._path, at)
            rows.append(Row((Number(address, hex(address), where), Number(size, hex(size), where)), where))
            at += blob.RESERVATION_SIZE
        raise self._error("the reservations never end", 16)

    # --- structure -----------------------------------------------------------

    def root(self) -> RawNode:
        """The tree. The structure is read forwards only, so it ends."""
        if self._token() != blob.BEGIN_NODE:
            raise self._error("the structure does not begin with a node", self._first)
        root = RawNode("", None, At(self._path, self._first))
        if self._name():
            raise self._error("the root has a name", self._first)
        if self._reservations:
            where = self._reservations[0].where
            root.properties[MEMRESERVE] = Property(MEMRESERVE, Row(tuple(self._reservations), where), where)
        self._body(root, 1)
        if self._token() != blob.END:
            raise self._error("something stands behind the root", self._at - 4)
        return root

    def _body(self, node: RawNode, depth: int) -> None:
        """The properties and children of `node`, up to its end."""
        names: set[str] = set()
        while True:
            where = At(self._path, self._at)
            token = self._token()
            if token == blob.END_NODE:
                return
            if token == blob.BEGIN_NODE:
                child = RawNode(self._name(), None, where)
                self._check(child.name, NODE_NAME.fullmatch(child.name) is not None, "node", names, where)
                if depth == MAX_NODE_DEPTH:
                    raise BadInput(f"nested deeper than {MAX_NODE_DEPTH} levels", where)
                node.children.append(child)
                self._body(child, depth + 1)
            elif token == blob.PROP and not node.children:
                name, value = self._property(where)
                known = PROPERTY_NAME.fullmatch(name) is not None
                self._check(name, known, "property", names, where)
                node.properties[name] = Property(name, value, where)
            elif token == blob.PROP:
                raise BadInput("a property stands behind a node: properties come first", where)
            else:
                raise BadInput(f"{token:#x} is no token of a flattened tree", where)

    def _check(self, name: str, good: bool, what: str, names: set[str], where: Where) -> None:
        if not good:
            raise BadInput(f"{brief(repr(name))} is not a {what} name", where)
        if name in names:
            raise BadInput(f"duplicate {what} {brief(name)}", where)
        names.add(name)

    def _token(self) -> int:
        """The next token that says something."""
        while True:
            token = self._word(self._take(4))
            if token != blob.NOP:
                return token

    def _name(self) -> str:
        start = self._at
        end = self._data.find(b"\0", start, self._beyond)
        if end < 0:
            raise self._error("a name never ends", start)
        self._take(end + 1 - start)
        return self._data[start:end].decode("latin-1")

    def _property(self, where: Where) -> tuple[str, Value]:
        head = self._take(8)
        size, at_name = self._word(head), self._word(head + 4)
        end = self._names.find(b"\0", at_name)
        if end < 0:
            raise BadInput(f"a property's name at {at_name:#x} is beyond the strings", where)
        start = self._take(size)
        data = self._data[start : start + size]
        return self._names[at_name:end].decode("latin-1"), guess(data, where)

    # --- bytes ---------------------------------------------------------------

    def _take(self, size: int) -> int:
        """Pass over `size` bytes and what fills them up to a word; where they begin."""
        start, end = self._at, self._at + (size + 3 & ~3)
        if end > self._beyond:
            raise self._error(f"{size} bytes reach beyond the structure", start)
        self._at = end
        return start

    def _word(self, at: int) -> int:
        return int.from_bytes(self._data[at : at + 4], "big")

    def _error(self, problem: str, at: int) -> BadInput:
        return BadInput(problem, At(self._path, at))


def guess(data: bytes, where: Where) -> Value:
    """What `data` looks like: a flag, strings, cells, or bytes."""
    if not data:
        return Flag(where)
    nuls = data.count(0)
    if data[-1] == 0 and nuls <= len(data) - nuls and PRINTABLE.issuperset(data):
        texts = tuple(Text(part, where) for part in data[:-1].decode("ascii").split("\0"))
        return texts[0] if len(texts) == 1 else Row(texts, where)
    bits = 8 if len(data) % 4 else 32
    step = bits // 8
    values = [int.from_bytes(data[at : at + step], "big") for at in range(0, len(data), step)]
    numbers = tuple(Number(value, f"{value:#04x}" if bits == 8 else hex(value), where) for value in values)
    if bits == 8:
        return Array(8, numbers, where)
    return numbers[0] if len(numbers) == 1 else Row(numbers, where)
