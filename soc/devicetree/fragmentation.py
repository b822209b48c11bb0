"""How worn the free memory of a bank is when the kernel boots: properties of a /memory node.

Ours, not Linux's: a machine that has run for a while has unmovable pages
scattered over its memory, so that large blocks are rare though much is free.
"""

from __future__ import annotations

from dataclasses import dataclass

from soc.devicetree.node import Node
from soc.errors import BadInput

PERCENT = "dmabuf-soc,fragmentation"
SEED = "dmabuf-soc,fragmentation-seed"
LARGEST = "dmabuf-soc,fragmentation-order"
KNOWN = (PERCENT, LARGEST, SEED)
LAST_ORDER = 9


@dataclass(frozen=True)
class Fragmentation:
    """`percent` of the pageblocks have no free block above `order`; `seed` says which and where."""

    percent: int
    order: int
    seed: int


def fragmentation(node: Node) -> Fragmentation | None:
    """What the node asks for, or None. BadInput for a number out of range or a part without the whole."""
    for name in node.properties:
        if name.startswith("dmabuf-soc,") and name not in KNOWN:
            problem = f"{name} of {node.path} is not known: expected one of {', '.join(KNOWN)}"
            raise BadInput(problem, node.properties[name].where)
    percent = _number(node, PERCENT, 100, "a percentage")
    order = _number(node, LARGEST, LAST_ORDER, "an order")
    seed = node.number(SEED)
    if percent is None:
        for name in (SEED, LARGEST):
            if name in node.properties:
                raise BadInput(
                    f"{name} of {node.path} needs {PERCENT} beside it", node.properties[name].where
                )
        return None
    return Fragmentation(percent, LAST_ORDER if order is None else order, seed or 0)


def refuse_elsewhere(node: Node) -> None:
    """BadInput if a node that is no memory has one of the properties: it would have no effect."""
    for name in (PERCENT, SEED, LARGEST):
        if name in node.properties:
            problem = f"{name} of {node.path} has no effect: it belongs into a /memory node"
            raise BadInput(problem, node.properties[name].where)


def _number(node: Node, name: str, last: int, what: str) -> int | None:
    value = node.number(name)
    if value is not None and value > last:
        problem = f"{name} of {node.path} must be {what} from 0 to {last}, not {value}"
        raise BadInput(problem, node.properties[name].where)
    return value
