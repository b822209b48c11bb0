"""A node of the board and its properties, read by their bindings.

Every getter raises BadInput at the property's own line when the value has the
wrong shape; `check` calls them all while the board is loaded, so that later
callers never meet one.

Source: Devicetree Specification v0.4 chapter 2; inheritance of cell counts and
interrupt parents as drivers/of/{base,irq}.c do it.
Not modelled: interrupt-map, iommu-map, nexus nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import TypeVar, overload

from soc.address import PhysAddr
from soc.devicetree import cells
from soc.devicetree.values import Flag, Property, RawNode, Reference, Row, Text, Value
from soc.errors import BadInput, Where

T = TypeVar("T")

PHYSICAL_BITS = 48
MAX_CELLS = 4
DEFAULT_CELLS = {"#address-cells": 2, "#size-cells": 1}
NOTES = {"iommus": " (Linux would let the device do DMA past its IOMMU)"}


@dataclass(frozen=True)
class Reg:
    """`size` bytes of CPU physical address space at `address`."""

    address: PhysAddr
    size: int


@dataclass(frozen=True, eq=False)
class PhandleArgs:
    """One entry of a phandle list: the node it names and its argument cells."""

    node: Node
    args: tuple[int, ...]
    where: Where


@dataclass(frozen=True, eq=False)
class Interrupt:
    """One interrupt of a node: a line of `controller`, in that controller's cells."""

    controller: Node
    specifier: tuple[int, ...]


class Node:
    """A node of the tree. `name` has the unit address, `label` is its anchor or None."""

    def __init__(self, raw: RawNode, parent: Node | None, labels: dict[str, Node]) -> None:
        self.name = raw.name
        self.label = raw.label
        self.where = raw.where
        self.parent = parent
        self.properties = raw.properties
        self.path: str = "/" if parent is None else f"{parent.path.rstrip('/')}/{raw.name}"
        self._labels = labels
        if raw.label is not None:
            labels[raw.label] = self
        self.children = [Node(child, self, labels) for child in raw.children]

    def __repr__(self) -> str:
        return f"<node {self.path}>"

    def walk(self) -> Iterator[Node]:
        """This node and everything below it, in the order of the file."""
        yield self
        for child in self.children:
            yield from child.walk()

    def child(self, name: str) -> Node | None:
        """The child of that name; without a unit address, the first that fits."""
        for node in self.children:
            if node.name == name:
                return node
        for node in self.children:
            if "@" not in name and node.name.partition("@")[0] == name:
                return node
        return None

    # --- plain properties --------------------------------------------------

    @property
    def compatible(self) -> tuple[str, ...]:
        """From the most specific to the most general; empty without the property."""
        return self.strings("compatible")

    def match(self, known: Mapping[str, T]) -> T | None:
        """What `known` has for the most specific of the node's compatible strings."""
        return next((known[name] for name in self.compatible if name in known), None)

    @property
    def enabled(self) -> bool:
        """Status okay, or none, here and in every ancestor."""
        status = self.strings("status") or ("okay",)
        return status[0] in ("okay", "ok") and (self.parent is None or self.parent.enabled)

    def flag(self, name: str) -> bool:
        """Whether the empty property `name` is there."""
        prop = self.properties.get(name)
        if prop is not None and not isinstance(prop.value, Flag):
            note = "Linux would take it as set, whatever its value"
            raise BadInput(f"{name} is a flag: write true, not {prop.value} ({note})", prop.where)
        return prop is not None

    @property
    def dma_coherent(self) -> bool:
        """Whether its DMA sees the CPU's caches: the nearest of dma-coherent and dma-noncoherent
        here and above decides; without either not, as on arm64 (of_dma_is_coherent)."""
        if self.flag("dma-noncoherent"):
            return False
        return self.flag("dma-coherent") or (self.parent is not None and self.parent.dma_coherent)

    @overload
    def number(self, name: str) -> int | None: ...
    @overload
    def number(self, name: str, default: int) -> int: ...
    def number(self, name: str, default: int | None = None) -> int | None:
        """The one number `name` holds, `default` without the property."""
        prop = self.properties.get(name)
        return default if prop is None else cells.number(name, prop.value)

    def strings(self, name: str) -> tuple[str, ...]:
        """The string or strings `name` holds, none without the property."""
        prop = self.properties.get(name)
        if prop is None:
            return ()
        items = prop.value.items if isinstance(prop.value, Row) else (prop.value,)
        texts = tuple(item.value for item in items if isinstance(item, Text))
        if len(texts) != len(items):
            raise BadInput(f"{name} must be a string or a list of strings, not {prop.value}", prop.where)
        return texts

    # --- addresses ---------------------------------------------------------

    @cached_property
    def bus_cells(self) -> cells.BusCells:
        """How this node's children write addresses; counts are inherited, as Linux does."""
        counts = [self._inherited_count(name, default) for name, default in DEFAULT_CELLS.items()]
        return cells.BusCells(self.path, counts[0], counts[1])

    def _inherited_count(self, name: str, default: int) -> int:
        if name not in self.properties:
            return self.parent._inherited_count(name, default) if self.parent else default
        count = self.number(name, default)
        if count > MAX_CELLS:
            raise BadInput(f"{name} is {count}, more than {MAX_CELLS}", self.properties[name].where)
        return count

    @cached_property
    def bus_reg(self) -> tuple[cells.Entry, ...]:
        """The reg entries as written, in the address space of the parent."""
        prop = self.properties.get("reg")
        if prop is None or self.parent is None:
            return ()
        note = ""
        if self.parent.path == "/reserved-memory":
            note = f" (Linux would log \"invalid reg property in '{self.name}'\" and not reserve it)"
        return cells.decode_reg(prop, self.parent.bus_cells, note)

    @cached_property
    def reg(self) -> tuple[Reg, ...]:
        """The reg entries as the CPU sees them; empty when the bus has no way to the CPU.

        A parent without `ranges` (cpus, an I2C bus) has addresses of its own: see `bus_reg`.
        """
        entries = []
        for entry in self.bus_reg:
            address = self._to_cpu(entry)
            if address is None:
                return ()
            if address + entry.size > 1 << PHYSICAL_BITS:
                shown = cells.span(address, entry.size)
                problem = f"reg {shown} of {self.path} reaches beyond the CPU's {PHYSICAL_BITS}-bit"
                raise BadInput(f"{problem} physical address space", entry.where)
            entries.append(Reg(PhysAddr(address), entry.size))
        return tuple(entries)

    def ranges(self, name: str = "ranges") -> tuple[cells.Range, ...] | None:
        """Windows of `ranges` or `dma-ranges`; () is 1:1, None is no property."""
        prop = self.properties.get(name)
        if prop is None or self.parent is None:
            return None
        if isinstance(prop.value, Flag):
            return ()
        return cells.decode_ranges(prop, self.bus_cells, self.parent.bus_cells)

    @cached_property
    def _windows(self) -> tuple[cells.Range, ...] | None:
        """`ranges`, read once for all children."""
        return self.ranges()

    def _to_cpu(self, entry: cells.Entry) -> int | None:
        """The entry's first address through the `ranges` of every bus above."""
        address, bus = entry.address, self.parent
        while bus is not None and bus.parent is not None:
            windows = bus._windows
            if windows is None:
                return None
            inside = [w for w in windows if w.child <= address and address + entry.size <= w.child + w.size]
            if inside:
                address += inside[0].parent - inside[0].child
            elif windows:
                shown = cells.span(address, entry.size)
                raise BadInput(
                    f"reg {shown} of {self.path} lies outside the ranges of {bus.path}", entry.where
                )
            bus = bus.parent
        return address

    # --- references --------------------------------------------------------

    def resolve(self, reference: Reference) -> Node:
        """The node a phandle names. BadInput when no node has the label."""
        node = self._labels.get(reference.label)
        if node is None:
            close = get_close_matches(reference.label, self._labels, n=1)
            hint = f", did you mean &{close[0]}?" if close else ""
            raise BadInput(f"unknown phandle {reference}: no node has that label{hint}", reference.where)
        if reference.early:
            problem = f'*{reference.label} comes before its anchor: write "&{reference.label}" in quotes'
            raise BadInput(problem, reference.where)
        return node

    def phandles(self, name: str, cells_property: str | None = None) -> tuple[PhandleArgs, ...]:
        """The entries of the phandle list `name`, none without the property.

        `cells_property` (e.g. #iommu-cells) of each target says how many numbers
        follow it; None for a list that takes none, such as memory-region.
        """
        prop = self.properties.get(name)
        if prop is None:
            return ()
        found = []
        for reference, values in cells.split_phandles(prop):
            target = self.resolve(reference)
            user, count, source = f"{name} of {self.path}", 0, "the count of this property"
            if cells_property is not None:
                count = target.count(cells_property, user, reference)
                source = f"{cells_property} of {target.path}"
            note = NOTES.get(name, "")
            args = cells.arguments(user, values, count, source, reference.where, note)
            found.append(PhandleArgs(target, args, reference.where))
        return tuple(found)

    @cached_property
    def interrupts(self) -> tuple[Interrupt, ...]:
        """From interrupts-extended if there is one, else interrupts, as of_irq_parse_one does."""
        name = f"interrupts of {self.path}"
        found = []
        if prop := self.properties.get("interrupts-extended"):
            for reference, values in cells.split_phandles(prop):
                controller = self.resolve(reference)
                found.append(controller._interrupt(name, values, reference))
        elif prop := self.properties.get("interrupts"):
            parent = self.interrupt_parent(prop)
            for row in cells.interrupt_rows(prop):
                found.append(parent._interrupt(name, row.items, row))
        return tuple(found)

    def _interrupt(self, name: str, values: tuple[Value, ...], at: Reference | Row) -> Interrupt:
        count = self.count("#interrupt-cells", name, at)
        source = f"#interrupt-cells of {self.path}"
        return Interrupt(self, cells.specifier(name, values, count, source, at.where))

    def interrupt_parent(self, prop: Property) -> Node:
        """The controller that the specifiers in `prop` are for. BadInput without one."""
        node: Node | None = self
        while node is not None:
            if parent := node.phandles("interrupt-parent"):
                return parent[0].node
            node = node.parent
            if node is not None and "#interrupt-cells" in node.properties:
                return node
        raise BadInput(f"interrupts of {self.path}: no interrupt-parent here or above", prop.where)

    def count(self, name: str, user: str, at: Reference | Row | Property) -> int:
        """This node's cell count `name`, asked for by property `user` at `at`. BadInput without one."""
        if name not in self.properties:
            raise BadInput(f"{user} names {self.path}, which has no {name}", at.where)
        return self.number(name, 0)
