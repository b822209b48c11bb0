"""What nodes, properties and labels may be called, and how deep a tree may go.

Source: Devicetree Specification v0.4, sections 2.2.1, 2.2.4 and 6.2; names may be
longer than there, as they are in kernels.
"""

from __future__ import annotations

import re
from collections.abc import Container

MAX_DEPTH = 32
"""Levels of mappings and lists in a board file."""
MAX_NODE_DEPTH = MAX_DEPTH - 2
"""Levels of nodes that leave room for rows of values."""

NODE_NAME = re.compile(r"[0-9A-Za-z,._+-]{1,63}(@[0-9A-Za-z,._+-]{1,63})?")
PROPERTY_NAME = re.compile(r"[0-9A-Za-z,._+?#-]{1,63}")
LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def fresh_label(node_name: str, taken: Container[str]) -> str:
    """A label for a node that has none: its name, with what makes it unlike those `taken`."""
    plain = re.sub(r"\W", "_", node_name, flags=re.ASCII)[:50]
    label = plain if LABEL.fullmatch(plain) else f"node_{plain}"
    number = 2
    unique = label
    while unique in taken:
        unique = f"{label}_{number}"
        number += 1
    return unique
