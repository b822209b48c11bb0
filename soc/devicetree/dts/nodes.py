"""The tree of a DTS while its files are read: labels, extensions, deletions.

What is deleted keeps its place, so that a node or property that comes back stands
where it stood before, as in dtc.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches

from soc.devicetree.dts.values import Piece
from soc.devicetree.values import Reference, brief
from soc.errors import BadInput, Where


@dataclass(frozen=True)
class DtsProperty:
    name: str
    pieces: tuple[Piece, ...]
    where: Where


@dataclass(eq=False)
class DtsNode:
    """A node as far as it is known. A property that is None was deleted."""

    name: str
    where: Where
    parent: DtsNode | None
    labels: list[str] = field(default_factory=list)
    properties: dict[str, DtsProperty | None] = field(default_factory=dict)
    children: dict[str, DtsNode] = field(default_factory=dict)
    deleted: bool = False
    omit_if_no_ref: bool = False

    @property
    def path(self) -> str:
        return "/" if self.parent is None else f"{self.parent.path.rstrip('/')}/{self.name}"

    def walk(self) -> Iterator[DtsNode]:
        """This node and those below it that are not deleted, in order."""
        if not self.deleted:
            yield self
            for child in self.children.values():
                yield from child.walk()

    def live_properties(self) -> list[DtsProperty]:
        return [prop for prop in self.properties.values() if prop is not None]


class DtsTree:
    """All nodes, and the labels in use."""

    def __init__(self, where: Where) -> None:
        self.root = DtsNode("", where, None)
        self.labels: dict[str, DtsNode] = {}

    def child(self, parent: DtsNode, name: str, where: Where) -> DtsNode:
        """The child `name` of `parent`: there already, back from deletion, or new."""
        node = parent.children.setdefault(name, DtsNode(name, where, parent))
        if node.deleted:
            node.deleted, node.where = False, where
        return node

    def label(self, node: DtsNode, label: str, where: Where) -> None:
        """Put `label` on `node`. BadInput if another node has it."""
        other = self.labels.setdefault(label, node)
        if other is not node:
            raise BadInput(f"duplicate label {brief(label)}, on {other.path} at {other.where}", where)
        if label not in node.labels:
            node.labels.append(label)

    def find(self, reference: Reference) -> DtsNode:
        """The node a label or an absolute path names. BadInput when there is none."""
        if not reference.label.startswith("/"):
            labelled = self.labels.get(reference.label)
            if labelled is None:
                close = get_close_matches(reference.label, self.labels, n=1)
                hint = f", did you mean &{close[0]}?" if close else ""
                raise BadInput(f"unknown label {reference}: no node has it{hint}", reference.where)
            return labelled
        node: DtsNode | None = self.root
        for name in reference.label.split("/"):
            node = node.children.get(name) if node and name else node
        if node is None or node.deleted:
            raise BadInput(f"no node has the path {brief(reference.label)}", reference.where)
        return node

    def delete(self, node: DtsNode) -> None:
        """Delete the node with all it has, labels too."""
        if node.deleted:
            return
        node.deleted, node.omit_if_no_ref = True, False
        for label in node.labels:
            del self.labels[label]
        node.labels = []
        node.properties = dict.fromkeys(node.properties)
        for child in node.children.values():
            self.delete(child)
