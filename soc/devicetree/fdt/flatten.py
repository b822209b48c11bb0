"""A checked tree as a flattened device tree, version 17, byte for byte what dtc writes.

Labels are lost, as in every flattened tree. What a boot loader adds, its
command line and where it put an initrd, goes into /chosen.

Source: Devicetree Specification v0.4 chapter 5; Linux' Documentation/arch/arm64/booting.rst.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from soc.devicetree.bindings import EXPLICIT_PHANDLES
from soc.devicetree.fdt.blob import Writer
from soc.devicetree.fdt.encode import encode
from soc.devicetree.fdt.phandles import assign_phandles
from soc.devicetree.node import Node

if TYPE_CHECKING:
    from soc.devicetree.tree import Tree

ChosenValue: TypeAlias = str | int | bytes
"""A property of /chosen: a string, a number of 64 bits in two cells, or its very bytes."""


def flatten(
    tree: Tree, chosen: Mapping[str, ChosenValue] | None = None, boot_cpu: int | None = None
) -> bytes:
    """The flattened tree; `chosen` overrides and adds properties of /chosen.

    `boot_cpu` is the reg of the CPU that boots, without it that of the first one.
    BadInput, at the line of the property, for what a flattened tree cannot hold.
    """
    phandles = assign_phandles(tree)
    extra = {name: _chosen_bytes(value) for name, value in (chosen or {}).items()}
    writer = Writer()
    _write(tree.root, phandles, extra, writer)
    first = _first_cpu(tree) if boot_cpu is None else boot_cpu
    return writer.blob(tree.memreserve, first)


def _write(node: Node, phandles: Mapping[Node, int], chosen: Mapping[str, bytes], writer: Writer) -> None:
    values = {name: encode(node, prop, phandles) for name, prop in node.properties.items()}
    if node.path == "/chosen":
        values |= chosen
    if node in phandles and not any(name in values for name in EXPLICIT_PHANDLES):
        values["phandle"] = phandles[node].to_bytes(4, "big")
    writer.begin_node(node.name)
    for name, value in values.items():
        writer.property(name, value)
    for child in node.children:
        _write(child, phandles, chosen, writer)
    if node.parent is None and chosen and not any(child.name == "chosen" for child in node.children):
        writer.begin_node("chosen")
        for name, value in chosen.items():
            writer.property(name, value)
        writer.end_node()
    writer.end_node()


def _chosen_bytes(value: ChosenValue) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8") + b"\0"
    return value if isinstance(value, bytes) else value.to_bytes(8, "big")


def _first_cpu(tree: Tree) -> int:
    """The reg of the first CPU where it is one cell, else 0, as dtc has it."""
    cpus = tree.root.child("cpus")
    if cpus is None or not cpus.children or (cpus.bus_cells.address, cpus.bus_cells.size) != (1, 0):
        return 0
    reg = cpus.children[0].bus_reg
    return reg[0].address if len(reg) == 1 else 0
