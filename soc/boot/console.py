"""The UART that is the terminal."""

from __future__ import annotations

from soc.devicetree.node import Node
from soc.devicetree.tree import Tree
from soc.errors import BadInput

UART = "arm,pl011"


def console_node(tree: Tree) -> Node:
    """The UART of /chosen/stdout-path, else the first one. BadInput if the board has none."""
    uarts = tree.compatible(UART)
    chosen = tree.stdout
    if chosen is None and uarts:
        return uarts[0]
    if chosen is None:
        problem = f"the board has no UART ({UART}), so nothing could be seen of what it boots: give it one"
        raise BadInput(problem, tree.root.where)
    if chosen not in uarts:
        problem = f"the console of stdout-path, {chosen.path}, must be an enabled {UART}"
        shown = ", ".join(chosen.compatible) if chosen.enabled else "disabled"
        raise BadInput(f"{problem}, and is {shown or 'compatible with nothing'}", chosen.where)
    return chosen
