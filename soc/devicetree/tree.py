"""The checked device tree of a board, and `load_board`, the door to it.

A tree that `load_board` returns has passed every rule of `check`: whatever a
caller asks of its nodes by their bindings has an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from soc.devicetree import check, yaml_events, yaml_source
from soc.devicetree.cells import BusCells, decode_reg
from soc.devicetree.dts.source import read_dts
from soc.devicetree.fdt.reader import read_dtb
from soc.devicetree.node import Interrupt, Node, PhandleArgs, Reg
from soc.devicetree.reserved import MemoryRange, ReservedRegion, reserved_regions
from soc.devicetree.shape import shape
from soc.devicetree.values import MEMRESERVE, Property, RawNode, Reference, Text
from soc.errors import BadInput

__all__ = [
    "Interrupt",
    "MemoryRange",
    "Node",
    "PhandleArgs",
    "Property",
    "Reg",
    "ReservedRegion",
    "Tree",
    "load_board",
    "read_board",
]


def load_board(path: Path) -> Tree:
    """The tree of the board file at `path`. BadInput, with file and line, for any mistake."""
    tree = Tree(path, read_board(path))
    check.check_board(tree)
    return tree


def read_board(path: Path) -> RawNode:
    """The root node of DTS text, a flattened tree, or else YAML, before any rule of `check`."""
    readers = {".dts": read_dts, ".dtsi": read_dts, ".dtb": read_dtb}
    if reader := readers.get(path.suffix):
        root = reader(path)
        shape(root)
        return root
    return yaml_source.parse(path, yaml_events.read_text(path))


class Tree:
    """All nodes below `root`, read from the file `path`.

    `memreserve` is the list of (address, size) that a boot loader is told to keep;
    the modelled kernel does not look at it.
    """

    def __init__(self, path: Path, raw: RawNode) -> None:
        self.path = path
        self._labels: dict[str, Node] = {}
        self.memreserve = _memory_reservations(raw.properties.pop(MEMRESERVE, None))
        self.root = Node(raw, None, self._labels)

    @property
    def model(self) -> str:
        """The root's `model`: what the board calls itself."""
        names = self.root.strings("model")
        return names[0] if names else self.path.stem

    def walk(self) -> Iterator[Node]:
        """Every node, parents first, in the order of the file."""
        return self.root.walk()

    def find(self, path_or_label: str) -> Node | None:
        """The node at a path (`/soc/lcdif@32e00000`), of a label (`lcdif`, `&lcdif`) or of an alias."""
        if path_or_label.startswith("/"):
            node: Node | None = self.root
            for name in path_or_label.split("/"):
                node = node.child(name) if node is not None and name else node
            return node
        return self._labels.get(path_or_label.removeprefix("&")) or self.aliases.get(path_or_label)

    def compatible(self, *names: str) -> list[Node]:
        """Enabled nodes compatible with any of `names`, in the order of the file."""
        return [node for node in self.walk() if node.enabled and not set(names).isdisjoint(node.compatible)]

    # --- memory ------------------------------------------------------------

    @cached_property
    def memory(self) -> list[MemoryRange]:
        """The banks of DRAM by address: enabled nodes /memory or of device_type memory."""
        return sorted(
            (
                MemoryRange(reg.address, reg.size, node)
                for node in self.root.children
                if node.enabled and _is_memory(node)
                for reg in node.reg
            ),
            key=lambda bank: bank.base,
        )

    @cached_property
    def reserved(self) -> list[ReservedRegion]:
        """The reserved regions by address, dynamic ones placed."""
        parents = [node for node in self.root.children if node.name == "reserved-memory"]
        return reserved_regions(parents[0] if parents else None, self.memory)

    @cached_property
    def devices(self) -> list[Node]:
        """Enabled nodes with registers at CPU physical addresses, in the order of the file."""
        memory = {bank.node for bank in self.memory} | {region.node for region in self.reserved}
        return [node for node in self.walk() if node not in memory and node.enabled and node.reg]

    # --- /aliases and /chosen ----------------------------------------------

    @cached_property
    def aliases(self) -> dict[str, Node]:
        """The nodes of /aliases by alias. BadInput for one that leads nowhere."""
        node = self.root.child("aliases")
        properties = node.properties.values() if node else ()
        return {prop.name: self._target(f"alias {prop.name}", prop, {}) for prop in properties}

    @cached_property
    def stdout(self) -> Node | None:
        """The console: the node of /chosen/stdout-path, its `:115200n8` left aside."""
        chosen = self.root.child("chosen")
        prop = chosen.properties.get("stdout-path") if chosen else None
        return self._target("stdout-path", prop, self.aliases) if prop else None

    def _target(self, name: str, prop: Property, aliases: Mapping[str, Node]) -> Node:
        """The node a phandle, a path or one of `aliases` means, options after `:` left aside."""
        if isinstance(prop.value, Reference):
            return self.root.resolve(prop.value)
        if not isinstance(prop.value, Text):
            raise BadInput(f"{name} must be a phandle or a path, not {prop.value}", prop.where)
        path = prop.value.value.partition(":")[0]
        node = self.find(path) if path.startswith("/") else aliases.get(path)
        if node is None:
            raise BadInput(f"{name} names {prop.value}, and there is no such node", prop.where)
        return node


def _memory_reservations(prop: Property | None) -> tuple[tuple[int, int], ...]:
    """The rows of the root's /memreserve/, numbers of 64 bits."""
    entries = decode_reg(prop, BusCells("/", 2, 2)) if prop else ()
    return tuple((entry.address, entry.size) for entry in entries)


def _is_memory(node: Node) -> bool:
    return node.name.partition("@")[0] == "memory" or "memory" in node.strings("device_type")
