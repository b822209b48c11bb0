"""The phandle of every node that is referred to.

A node may carry its number as a `phandle` property; the others count up from 1
in the order of the first reference to them, past numbers that are taken, as
dtc counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

from soc.devicetree.bindings import EXPLICIT_PHANDLES, PATHS
from soc.devicetree.node import Node
from soc.devicetree.values import Property, Reference, references
from soc.errors import BadInput

if TYPE_CHECKING:
    from soc.devicetree.tree import Tree

INVALID = (0, 0xFFFF_FFFF)


def assign_phandles(tree: Tree) -> dict[Node, int]:
    """Node to phandle. BadInput for an explicit phandle that is invalid or taken."""
    numbers = explicit_phandles(tree.root)
    taken = set(numbers.values())
    fresh = (number for number in count(1) if number not in taken)
    for node in tree.walk():
        for prop in node.properties.values():
            for reference in phandle_references(node, prop):
                target = node.resolve(reference)
                if target not in numbers:
                    numbers[target] = next(fresh)
    return numbers


def explicit_phandles(root: Node) -> dict[Node, int]:
    """Node to the number in its own `phandle` property."""
    numbers: dict[Node, int] = {}
    owners: dict[int, Node] = {}
    for node in root.walk():
        for name in EXPLICIT_PHANDLES:
            number = node.number(name)
            if number is None or numbers.get(node) == number:
                continue
            where = node.properties[name].where
            if number in INVALID or number >> 32:
                raise BadInput(f"{name} of {node.path} is {number:#x}, which is no phandle", where)
            other = owners.setdefault(number, node)
            if other is not node:
                raise BadInput(f"{name} of {node.path} is {number:#x}, as that of {other.path}", where)
            if node in numbers:
                problem = f"{' and '.join(EXPLICIT_PHANDLES)} of {node.path} differ"
                raise BadInput(f"{problem}: {numbers[node]:#x} and {number:#x}", where)
            numbers[node] = number
    return numbers


def names_path(node: Node, prop: Property) -> bool:
    """Whether the property names a node by its path: a lone reference in /aliases or /chosen."""
    return node.path in PATHS and isinstance(prop.value, Reference)


def phandle_references(node: Node, prop: Property) -> Iterator[Reference]:
    """The references in `prop` that become phandles, in order."""
    if not names_path(node, prop):
        yield from references(prop.value)
