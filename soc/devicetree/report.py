"""The text of `soc check`: a board as bring-up wants to see it.

Pure functions from a checked tree to text; every table is sorted by what its
first column counts, so that two boards can be compared with diff.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from soc.address import human_size
from soc.devicetree.cells import TRIGGERS
from soc.devicetree.reserved import MemoryRange, ReservedRegion, kernel_use
from soc.devicetree.tree import Interrupt, Node, Tree

SPI_BASE = 32
PPI_BASE = 16
TRIGGER_MASK = 0xF


def board_report(tree: Tree, models: Mapping[str, str], drivers: Mapping[str, str]) -> str:
    """What the board has and what of it can run.

    `models` and `drivers` name the hardware model and the driver of a compatible string.
    """
    title = f"{' '.join(tree.root.strings('model')) or 'unnamed board'} ({tree.path})"
    sections = [
        title,
        _section("Physical memory map", memory_map(tree)),
        _section("Reserved memory", reserved_table(tree)),
        _section("Interrupts", interrupt_table(tree)),
        _section("IOMMU streams", stream_table(tree)),
        _section("Nodes", node_table(tree, models, drivers)),
    ]
    return "\n\n".join(sections) + "\n"


def memory_map(tree: Tree) -> list[str]:
    """Every range of physical addresses up to the last one used: who answers there."""
    pieces: list[tuple[int, int, str, str]] = [
        (reg.address, reg.size, "device", f"{node.path}  {_kind(node)}".rstrip())
        for node in tree.devices
        for reg in node.reg
    ]
    for bank in tree.memory:
        pieces += _bank_pieces(bank, tree.reserved)
    rows, at = [], 0
    for base, size, kind, what in sorted(pieces):
        if base > at:
            rows.append(_map_row(at, base - at, "hole", "nothing answers: external abort"))
        rows.append(_map_row(base, size, kind, what))
        at = max(at, base + size)
    total = sum(bank.size for bank in tree.memory)
    kept = sum(region.size for region in tree.reserved)
    lines = _table(("first", "last", "size", "kind", "what"), rows, right=(2,))
    return [*lines, f"DRAM {human_size(total)}: {human_size(kept)} reserved, {human_size(total - kept)} free"]


def reserved_table(tree: Tree) -> list[str]:
    """The reserved regions by address and what Linux makes of each."""
    users: dict[Node, list[str]] = {}
    for node in tree.walk():
        for entry in node.phandles("memory-region"):
            users.setdefault(entry.node, []).append(node.path + ("" if node.enabled else " (disabled)"))
    rows = [
        (
            _name(region.node),
            f"{region.base:#010x}",
            human_size(region.size),
            _attributes(region),
            ", ".join(region.compatible) or "-",
            kernel_use(region),
            ", ".join(users.get(region.node, ())) or "-",
        )
        for region in tree.reserved
    ]
    return _table(("region", "base", "size", "attributes", "compatible", "Linux", "users"), rows, right=(2,))


def interrupt_table(tree: Tree) -> list[str]:
    """Every interrupt line by controller and absolute number."""
    found = []
    for node in tree.walk():
        names = node.strings("interrupt-names")
        for index, interrupt in enumerate(node.interrupts if node.enabled else ()):
            line = _interrupt_id(interrupt)
            name = names[index] if index < len(names) else "-"
            found.append((interrupt.controller.path, line or 0, _interrupt_row(interrupt, line, node, name)))
    rows = [row for _, _, row in sorted(found, key=lambda item: item[:2])]
    return _table(("id", "line", "trigger", "device", "name", "controller"), rows, right=(0,))


def stream_table(tree: Tree) -> list[str]:
    """Which stream each DMA master is, and before which IOMMU."""
    rows = []
    for node in tree.walk():
        for entry in node.phandles("iommus", "#iommu-cells") if node.enabled else ():
            stream = " ".join(f"{arg:#x}" for arg in entry.args) or "-"
            disabled = "" if entry.node.enabled else " (disabled: Linux maps the device without it)"
            rows.append((stream, node.path, entry.node.path + disabled))
    return _table(("stream", "device", "iommu"), rows, right=(0,))


def node_table(tree: Tree, models: Mapping[str, str], drivers: Mapping[str, str]) -> list[str]:
    """Every node with a compatible, root and reserved regions aside: its model and its driver."""
    regions = {region.node for region in tree.reserved}
    nodes = [node for node in tree.walk() if node.compatible and node.parent and node not in regions]
    rows = [
        (
            node.path,
            _kind(node),
            "okay" if node.enabled else "disabled",
            node.match(models) or "no",
            node.match(drivers) or "no",
        )
        for node in nodes
    ]
    live = [node for node in nodes if node.enabled]
    modelled = sum(node.match(models) is not None for node in live)
    driven = sum(node.match(drivers) is not None for node in live)
    lines = _table(("node", "compatible", "status", "model", "driver"), rows)
    return [*lines, f"{len(live)} enabled: {modelled} with a model, {driven} with a driver"]


# --- pieces of rows ---------------------------------------------------------


def _bank_pieces(bank: MemoryRange, regions: Sequence[ReservedRegion]) -> list[tuple[int, int, str, str]]:
    """The bank cut at its reserved regions."""
    pieces, at = [], int(bank.base)
    for region in regions:
        first, beyond = max(region.base, bank.base), min(region.end, bank.end)
        if first >= beyond:
            continue
        if first > at:
            pieces.append((at, first - at, "DRAM", bank.node.path))
        pieces.append((first, beyond - first, "reserved", f"{_name(region.node)}: {kernel_use(region)}"))
        at = beyond
    if at < bank.end:
        pieces.append((at, bank.end - at, "DRAM", bank.node.path))
    return pieces


def _map_row(base: int, size: int, kind: str, what: str) -> tuple[str, ...]:
    return f"{base:#010x}", f"{base + max(size, 1) - 1:#010x}", _size(size), kind, what


def _size(size: int) -> str:
    """`size` for a column: exact, but for odd sizes of more than 10 MiB (holes)."""
    exact = size < 10 << 20 or size % (1 << 20) == 0
    return human_size(size) if exact else f"~{round(size / (1 << 20))} MiB"


def _kind(node: Node) -> str:
    """The most specific compatible, empty without any."""
    return node.compatible[0] if node.compatible else ""


def _name(node: Node) -> str:
    return node.name + (f" (&{node.label})" if node.label else "")


def _attributes(region: ReservedRegion) -> str:
    placed = "reg" if "reg" in region.node.properties else "placed"
    flags = [name for name, on in (("no-map", region.no_map), ("reusable", region.reusable)) if on]
    return ", ".join([placed, *flags])


def _interrupt_id(interrupt: Interrupt) -> int | None:
    """The number of a three-cell (GIC) specifier in the controller's own count, else None."""
    if len(interrupt.specifier) != 3:
        return None
    kind, number, _ = interrupt.specifier
    return number + {0: SPI_BASE, 1: PPI_BASE}.get(kind, 0)


def _interrupt_row(interrupt: Interrupt, line: int | None, node: Node, name: str) -> tuple[str, ...]:
    cells = interrupt.specifier
    shown, trigger = " ".join(f"{cell:#x}" for cell in cells), "-"
    if line is not None:
        shown = f"{ {0: 'SPI', 1: 'PPI'}.get(cells[0], hex(cells[0])) } {cells[1]}"
        names = {value: text for text, value in TRIGGERS.items()}
        trigger = names.get(cells[2] & TRIGGER_MASK, f"{cells[2]:#x}")
    return str(line) if line is not None else "-", shown, trigger, node.path, name, interrupt.controller.path


# --- text -------------------------------------------------------------------


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines)])


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Aligned columns; those numbered in `right` are flush right. `none` without rows."""
    if not rows:
        return ["none"]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [header, *rows]
    ]
