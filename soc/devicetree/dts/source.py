"""A DTS file as raw nodes, as if its author had written a board file.

References name labels, so a node that is referred to by path gets one. A
reference outside of <> is the path it stands for, but for /aliases and /chosen,
where boards write the label. Cells are whole rows here; `shape` gives them the
shape their binding asks for.
Not modelled: phandle numbers that dtc uses up for references in nodes it then
omits (/omit-if-no-ref/).
"""

from __future__ import annotations

from pathlib import Path

from soc.devicetree.bindings import PATHS
from soc.devicetree.dts.nodes import DtsNode, DtsProperty, DtsTree
from soc.devicetree.dts.parser import Parser
from soc.devicetree.dts.reader import Reader
from soc.devicetree.dts.values import PathReference, Piece
from soc.devicetree.names import fresh_label
from soc.devicetree.values import MEMRESERVE, Flag, Property, RawNode, Reference, Row, Text, Value


def read_dts(path: Path) -> RawNode:
    """The root node of the DTS file at `path`. BadInput, with file and line, for every mistake."""
    parser = Parser(Reader(path))
    root = _Source(parser.tree).root()
    if parser.memreserve:
        where = parser.memreserve[0].where
        root.properties[MEMRESERVE] = Property(MEMRESERVE, Row(tuple(parser.memreserve), where), where)
    return root


class _Source:
    """The finished `tree`, on its way to raw nodes."""

    def __init__(self, tree: DtsTree) -> None:
        self._tree = tree
        self._omit()

    def root(self) -> RawNode:
        for node in self._tree.root.walk():
            for prop in node.live_properties():
                for target in _phandles(prop):
                    self._labelled(self._tree.find(target))
        return self._node(self._tree.root)

    def _omit(self) -> None:
        """Delete the nodes that are only wanted if something refers to them, and nothing does."""
        live = list(self._tree.root.walk())
        used = {
            self._tree.find(target)
            for node in live
            for prop in node.live_properties()
            for target in [*_phandles(prop), *_paths(prop)]
        }
        for node in live:
            if node.omit_if_no_ref and node not in used:
                self._tree.delete(node)

    def _labelled(self, node: DtsNode) -> str:
        """The label references to `node` use; made up if it has none."""
        if not node.labels:
            self._tree.label(node, fresh_label(node.name or "root", self._tree.labels), node.where)
        return node.labels[0]

    def _node(self, node: DtsNode) -> RawNode:
        raw = RawNode(node.name, node.labels[0] if node.labels else None, node.where)
        for prop in node.live_properties():
            raw.properties[prop.name] = Property(prop.name, self._value(node, prop), prop.where)
        raw.children = [self._node(child) for child in node.children.values() if not child.deleted]
        return raw

    def _value(self, node: DtsNode, prop: DtsProperty) -> Value:
        first = prop.pieces[0] if prop.pieces else None
        if isinstance(first, PathReference) and len(prop.pieces) == 1 and node.path in PATHS:
            target = self._tree.find(first.target)
            if target.labels:
                return Reference(target.labels[0], first.target.where)
        values = [value for piece in prop.pieces if (value := self._piece(piece)) is not None]
        if not values:
            return Flag(prop.where)
        if len(values) > 1:
            return Row(tuple(values), prop.where)
        only = values[0]
        if isinstance(only, Row) and len(only.items) == 1:
            lone = only.items[0]
            return only if isinstance(lone, Reference) and node.path in PATHS else lone
        return only

    def _piece(self, piece: Piece) -> Value | None:
        """The value of a piece; None for one without any bytes."""
        if isinstance(piece, PathReference):
            return Text(self._tree.find(piece.target).path, piece.target.where)
        if isinstance(piece, Row):
            items = tuple(self._cell(item) for item in piece.items)
            return Row(items, piece.where) if items else None
        if isinstance(piece, Text):
            return piece
        return piece if piece.numbers else None

    def _cell(self, cell: Value) -> Value:
        if isinstance(cell, Reference):
            return Reference(self._labelled(self._tree.find(cell)), cell.where)
        return cell


def _phandles(prop: DtsProperty) -> list[Reference]:
    """The references in `prop` that become phandles."""
    rows = [piece for piece in prop.pieces if isinstance(piece, Row)]
    return [cell for row in rows for cell in row.items if isinstance(cell, Reference)]


def _paths(prop: DtsProperty) -> list[Reference]:
    """The references in `prop` that become paths."""
    return [piece.target for piece in prop.pieces if isinstance(piece, PathReference)]
