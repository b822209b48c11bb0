"""Cells to rows: a tree read from DTS text or a flattened tree, in the shape boards are written in.

There a reg is a list of 32-bit cells and a phandle may be a bare number. Here each
gets the form that its binding has in a board file: whole numbers in rows, phandles
as references. What has no known binding stays a list of cells.

Source: Devicetree Specification v0.4 chapter 2; the table is in `bindings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from soc.devicetree import bindings
from soc.devicetree.fdt.phandles import explicit_phandles
from soc.devicetree.names import fresh_label
from soc.devicetree.node import Node
from soc.devicetree.values import Array, Flag, Number, Property, RawNode, Reference, Row, Text, Value
from soc.errors import BadInput

Cell: TypeAlias = Number | Reference
Change: TypeAlias = Callable[[Node, Property], Value]


def shape(root: RawNode) -> None:
    """Put every property below `root` in the shape of its binding. BadInput for a wrong count of cells."""
    _Shaper(root).run()


class _Shaper:
    """The raw nodes, and the same as nodes that know their cell counts."""

    def __init__(self, root: RawNode) -> None:
        self._labels: dict[str, Node] = {}
        self._root = Node(root, None, self._labels)
        self._raw = dict(zip(self._root.walk(), _walk(root), strict=True))

    def run(self) -> None:
        for node in self._root.walk():
            self._replace(node, self._strings)
        self._by_number = {number: node for node, number in explicit_phandles(self._root).items()}
        for node in self._root.walk():
            if prop := node.properties.get("interrupt-parent"):
                node.properties[prop.name] = Property(prop.name, self._phandles(node, prop), prop.where)
        for node in self._root.walk():
            self._replace(node, self._shaped)

    def _replace(self, node: Node, change: Change) -> None:
        for prop in list(node.properties.values()):
            if not isinstance(prop.value, Flag):
                node.properties[prop.name] = Property(prop.name, change(node, prop), prop.where)

    # --- properties ----------------------------------------------------------

    def _strings(self, node: Node, prop: Property) -> Value:
        """Strings whose bytes look like numbers, such as an empty one."""
        if not bindings.STRINGS.fullmatch(prop.name) or isinstance(prop.value, Text):
            return prop.value
        data = _bytes(prop.value)
        if data is None or data[-1:] != b"\0":
            return prop.value
        try:
            texts = tuple(Text(part, prop.where) for part in data[:-1].decode("utf-8").split("\0"))
        except UnicodeDecodeError:
            return prop.value
        return texts[0] if len(texts) == 1 else Row(texts, prop.where)

    def _shaped(self, node: Node, prop: Property) -> Value:
        name = prop.name
        widths = bindings.columns(node, name)
        if widths is not None:
            return self._addresses(node, prop, widths)
        if width := bindings.number_width(node, name):
            return self._number(node, prop, width)
        if name == "iommu-addresses" and bindings.is_reserved(node):
            return self._iommu_addresses(prop)
        if name == "interrupts":
            return self._interrupts(node, prop)
        if name == "interrupts-extended":
            return self._arguments(node, prop, "#interrupt-cells")
        if bindings.cells_property(node, name) is not None and name != "interrupt-parent":
            return self._phandles(node, prop)
        return prop.value

    def _addresses(self, node: Node, prop: Property, widths: Sequence[int]) -> Value:
        cells = _cells(prop.value)
        if cells is None:
            return prop.value
        total = sum(widths)
        if not total or len(cells) % total:
            counts = f"{prop.name} of {node.path} has {_plural(len(cells))}"
            assert node.parent is not None
            bus = f"{node.parent.bus_cells}" if "ranges" not in prop.name else f"{node.bus_cells} and above"
            raise BadInput(f"bad cell count: {counts}, not rows of {total} ({bus})", prop.where)
        rows = []
        for row in _chunks(cells, total):
            numbers, at = [], 0
            for width in widths:
                numbers.append(self._join(prop, row[at : at + width]))
                at += width
            rows.append(Row(tuple(numbers), row[0].where))
        return Row(tuple(rows), prop.where)

    def _number(self, node: Node, prop: Property, width: int) -> Value:
        """One number of `width` cells; of another width only where Linux does not look at it."""
        cells = _cells(prop.value)
        if cells is None:
            return prop.value
        if len(cells) == width:
            return self._join(prop, cells)
        if "reg" not in node.properties:
            counts = f"{prop.name} of {node.path} has {_plural(len(cells))}, not {width}"
            log = f"invalid {prop.name} property in '{node.name}' node"
            raise BadInput(f'bad cell count: {counts} (Linux would log "{log}")', prop.where)
        return Row(tuple(cells), prop.where)

    def _interrupts(self, node: Node, prop: Property) -> Value:
        cells = _cells(prop.value)
        if cells is None:
            return prop.value
        controller = node.interrupt_parent(prop)
        count = controller.count("#interrupt-cells", f"interrupts of {node.path}", prop)
        if not count or len(cells) % count:
            counts = f"interrupts of {node.path} has {_plural(len(cells))}"
            raise BadInput(
                f"bad cell count: {counts}, #interrupt-cells of {controller.path} is {count}", prop.where
            )
        return Row(tuple(Row(tuple(row), row[0].where) for row in _chunks(cells, count)), prop.where)

    def _iommu_addresses(self, prop: Property) -> Value:
        cells = _cells(prop.value)
        rows, at = [], 0
        while cells and at < len(cells):
            device = self._reference(cells[at])
            bus = self._labels[device.label].parent if device else None
            if device is None or bus is None:
                return prop.value
            widths = bus.bus_cells.address, bus.bus_cells.size
            row = cells[at + 1 : at + 1 + sum(widths)]
            if len(row) != sum(widths):
                problem = f"{prop.name} has {_plural(len(row))} after {device}, not {sum(widths)}"
                raise BadInput(f"bad cell count: {problem} ({bus.bus_cells})", device.where)
            address, size = row[: widths[0]], row[widths[0] :]
            numbers = self._join(prop, address), self._join(prop, size)
            rows.append(Row((device, *numbers), device.where))
            at += 1 + len(row)
        return Row(tuple(rows), prop.where) if rows else prop.value

    def _phandles(self, node: Node, prop: Property) -> Value:
        counted_by = bindings.cells_property(node, prop.name)
        if counted_by:
            return self._arguments(node, prop, counted_by)
        cells = _cells(prop.value) or ()
        found = tuple(target for cell in cells if (target := self._reference(cell)))
        if not found or len(found) < len(cells):
            return prop.value
        return found[0] if prop.name == "interrupt-parent" and len(found) == 1 else Row(found, prop.where)

    def _arguments(self, node: Node, prop: Property, counted_by: str) -> Value:
        """Rows of a phandle and its arguments; the cells as they are if one names no node."""
        cells = _cells(prop.value) or ()
        rows: list[Row] = []
        at = 0
        while at < len(cells):
            target = self._reference(cells[at])
            if target is None or counted_by not in self._labels[target.label].properties:
                return prop.value
            user = f"{prop.name} of {node.path}"
            controller = self._labels[target.label]
            count = controller.count(counted_by, user, target)
            row = cells[at + 1 : at + 1 + count]
            if len(row) < count:
                problem = f"{user} has {_plural(len(row))} after {target}, {counted_by} of {controller.path}"
                raise BadInput(f"bad cell count: {problem} is {count}", target.where)
            rows.append(Row((target, *row), target.where))
            at += 1 + count
        if all(len(row.items) == 1 for row in rows):
            return Row(tuple(row.items[0] for row in rows), prop.where) if rows else prop.value
        return Row(tuple(rows), prop.where)

    # --- cells ---------------------------------------------------------------

    def _reference(self, cell: Cell) -> Reference | None:
        """The reference that a cell is or stands for, None if no node has that phandle."""
        if isinstance(cell, Reference):
            return cell if cell.label in self._labels else None
        node = self._by_number.get(cell.value)
        if node is None:
            return None
        raw = self._raw[node]
        if raw.label is None:
            raw.label = fresh_label(node.name or "root", self._labels)
            self._labels[raw.label] = node
        return Reference(raw.label, cell.where)

    def _join(self, prop: Property, cells: Sequence[Cell]) -> Number:
        """`cells` as one number, 0 if there are none."""
        value = 0
        for cell in cells:
            if not isinstance(cell, Number):
                raise BadInput(f"{prop.name}: {cell} stands where a number is needed", cell.where)
            value = value << 32 | cell.value
        text = str(cells[0]) if len(cells) == 1 else hex(value)
        return Number(value, text, cells[0].where if cells else prop.where)


def _walk(raw: RawNode) -> Iterator[RawNode]:
    yield raw
    for child in raw.children:
        yield from _walk(child)


def _cells(value: Value) -> list[Cell] | None:
    """All cells of `value` in order; None if it is not made of cells."""
    if isinstance(value, (Number, Reference)):
        return [value]
    if isinstance(value, Row):
        parts = [_cells(item) for item in value.items]
        if None not in parts:
            return [cell for part in parts for cell in part or ()]
    data = _bytes(value)
    if not data or len(data) % 4:
        return None
    numbers = [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4)]
    return [Number(number, hex(number), value.where) for number in numbers]


def _bytes(value: Value) -> bytes | None:
    """The bytes of a value without references, else None."""
    if isinstance(value, Number):
        return value.value.to_bytes(4, "big")
    if isinstance(value, Text):
        return value.value.encode("utf-8") + b"\0"
    if isinstance(value, Array):
        return b"".join(number.value.to_bytes(value.bits // 8, "big") for number in value.numbers)
    if isinstance(value, Row):
        parts = [_bytes(item) for item in value.items]
        return None if None in parts else b"".join(part or b"" for part in parts)
    return None


def _plural(count: int) -> str:
    return f"{count} cell{'s'[: count != 1]}"


def _chunks(cells: Sequence[Cell], size: int) -> Iterator[Sequence[Cell]]:
    for at in range(0, len(cells), size):
        yield cells[at : at + size]
