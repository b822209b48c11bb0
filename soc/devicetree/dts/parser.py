"""The grammar of a DTS file, by recursive descent.

Source: Devicetree Specification v0.4, section 6.4, with what dtc has beyond it:
&label extensions, /delete-node/, /delete-property/ and /omit-if-no-ref/.
Not modelled: /plugin/, overlays are no boards.
"""

from __future__ import annotations

import re

from soc.devicetree.dts.expression import needed
from soc.devicetree.dts.nodes import DtsNode, DtsProperty, DtsTree
from soc.devicetree.dts.reader import Reader, unexpected
from soc.devicetree.dts.values import pieces, reference
from soc.devicetree.names import LABEL, MAX_NODE_DEPTH, NODE_NAME, PROPERTY_NAME
from soc.devicetree.values import Reference, Row, brief
from soc.errors import BadInput, Where

LABEL_MARK = re.compile(r"([A-Za-z_]\w*):", re.ASCII)
OPENING = re.compile(r"\{")
NAME = re.compile(r"[\w,.+*#?@-]+", re.ASCII)


class Parser:
    """One pass over a file and all it includes; then `tree` and `memreserve` are complete."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.tree = DtsTree(reader.where)
        self.memreserve: list[Row] = []
        self._header()
        while not reader.at_end():
            self._top_level()

    def _header(self) -> None:
        where = self._reader.where
        if not self._reader.accept("/dts-v1/"):
            raise BadInput("a DTS begins with /dts-v1/;", where)
        self._reader.expect(";", "/dts-v1/")
        while self._reader.accept("/dts-v1/"):
            self._reader.expect(";", "/dts-v1/")
        where = self._reader.where
        if self._reader.accept("/plugin/"):
            raise BadInput("/plugin/ makes an overlay of this file: it is no board", where)
        self._memreserve()
        if self._reader.at_end():
            raise unexpected(self._reader, "/ { ... };")

    def _memreserve(self) -> None:
        labels = self._labels()
        while self._reader.accept("/memreserve/"):
            where = self._reader.where
            numbers = needed(self._reader, "an address"), needed(self._reader, "a size")
            self._reader.expect(";", "/memreserve/")
            self.memreserve.append(Row(numbers, where))
            labels = self._labels()
        if labels:
            self._extension(labels)

    def _top_level(self) -> None:
        """`/ { };`, `&label { };`, or a deletion."""
        where = self._reader.where
        for keyword in ("/delete-node/", "/omit-if-no-ref/"):
            if self._reader.accept(keyword):
                target = self._reference(f"&label after {keyword}")
                node = self.tree.find(target)
                if node is self.tree.root:
                    raise BadInput(f"{keyword} of the root: a tree needs one", where)
                if keyword == "/delete-node/":
                    self.tree.delete(node)
                else:
                    node.omit_if_no_ref = True
                return self._reader.expect(";", f"{keyword} {target}")
        if self._reader.accept("/memreserve/"):
            raise BadInput("/memreserve/ must come before the first node", where)
        labels = self._labels()
        if not labels and self._reader.accept("/"):
            if not self.tree.root.properties and not self.tree.root.children:
                self.tree.root.where = where
            return self._body(self.tree.root, 1)
        return self._extension(labels)

    def _extension(self, labels: list[tuple[str, Where]]) -> None:
        where = self._reader.where
        node = self.tree.find(self._reference("/ { ... }; or &label { ... };"))
        for label in labels:
            self.tree.label(node, *label)
        depth, above = 1, node.parent
        while above is not None:
            depth, above = depth + 1, above.parent
        self._body(node, depth, where)

    # --- nodes ---------------------------------------------------------------

    def _body(self, node: DtsNode, depth: int, where: Where | None = None) -> None:
        """`{ ... };`, added to what `node` has."""
        if depth > MAX_NODE_DEPTH:
            raise BadInput(f"nested deeper than {MAX_NODE_DEPTH} levels", where or node.where)
        self._reader.expect("{", f"{node.path}")
        seen: dict[str, Where] = {}
        children = False
        while not self._reader.accept("}"):
            where = self._reader.where
            if self._reader.accept("/delete-node/"):
                self._delete_node(node, seen)
                children = True
            elif self._reader.accept("/delete-property/"):
                self._property_first(children, where)
                self._delete_property(node, seen)
            elif self._reader.accept("/omit-if-no-ref/"):
                self._member(node, depth, seen, True, omit=True)
                children = True
            else:
                children |= self._member(node, depth, seen, children)
        self._reader.expect(";", f"the end of {node.path}")

    def _member(
        self, node: DtsNode, depth: int, seen: dict[str, Where], children: bool, omit: bool = False
    ) -> bool:
        """A property or a child of `node`; whether it was a child."""
        labels = self._labels()
        where = self._reader.where
        name = self._name("a property, a node or }")
        if name in seen:
            raise BadInput(f"duplicate {brief(name)} in one node, first at {seen[name]}", where)
        seen[name] = where
        if self._reader.peek(OPENING):
            if not NODE_NAME.fullmatch(name):
                raise BadInput(
                    f"{brief(repr(name))} is not a node name: use name or name@unit-address", where
                )
            child = self.tree.child(node, name, where)
            for label in labels:
                self.tree.label(child, *label)
            child.omit_if_no_ref |= omit
            self._body(child, depth + 1, where)
            return True
        if omit:
            raise unexpected(self._reader, f"{{ after {name}")
        self._property_first(children, where)
        if not PROPERTY_NAME.fullmatch(name):
            raise BadInput(f"{brief(repr(name))} is not a property name", where)
        value = pieces(self._reader) if self._reader.accept("=") else ()
        self._reader.expect(";", f"the property {name}")
        node.properties[name] = DtsProperty(name, value, where)
        return False

    def _property_first(self, children: bool, where: Where) -> None:
        if children:
            raise BadInput("a property stands behind a node: properties come first", where)

    def _delete_node(self, node: DtsNode, seen: dict[str, Where]) -> None:
        name = self._deleted(seen, "node")
        if name in node.children:
            self.tree.delete(node.children[name])

    def _delete_property(self, node: DtsNode, seen: dict[str, Where]) -> None:
        name = self._deleted(seen, "property")
        if name in node.properties:
            node.properties[name] = None

    def _deleted(self, seen: dict[str, Where], what: str) -> str:
        where = self._reader.where
        name = self._name(f"the name of a {what}")
        if name in seen:
            raise BadInput(f"/delete-{what}/ of {brief(name)}, which this body has at {seen[name]}", where)
        self._reader.expect(";", f"/delete-{what}/ {name}")
        return name

    # --- words ---------------------------------------------------------------

    def _name(self, wanted: str) -> str:
        name = self._reader.take(NAME)
        if name is None:
            raise unexpected(self._reader, wanted)
        return name[0]

    def _reference(self, wanted: str) -> Reference:
        target = reference(self._reader)
        if target is None:
            raise unexpected(self._reader, wanted)
        return target

    def _labels(self) -> list[tuple[str, Where]]:
        """The labels that come next, each with its place."""
        found = []
        where = self._reader.where
        while match := self._reader.take(LABEL_MARK):
            if not LABEL.fullmatch(match[1]):
                raise BadInput(f"label {brief(match[1])} is longer than 63 letters", where)
            found.append((match[1], where))
            where = self._reader.where
        return found
