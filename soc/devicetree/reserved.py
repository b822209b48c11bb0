"""/reserved-memory: which DRAM belongs to whom before Linux boots.

Static regions (reg) stand where they say; dynamic ones (size, alignment,
alloc-ranges) are placed after them in the order of the file, each at the
highest free address, as memblock searches on arm64. What Linux only logs, or
drops without a word, is an error here that says so.

Source: drivers/of/of_reserved_mem.c, kernel/dma/{contiguous,coherent}.c (6.12),
reserved-memory.yaml of the device tree schema.
Not modelled: the kernel image, initrd and DTB, which on a real boot are
reserved too and may push a dynamic region elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from soc.address import PAGE_MASK, PAGE_SIZE, PhysAddr
from soc.devicetree.cells import decode_reg, span
from soc.devicetree.node import Node
from soc.devicetree.values import brief
from soc.errors import BadInput, Where

CMA_ALIGNMENT = 4 << 20
MAX_REGIONS = 64
POOL = "shared-dma-pool"
RESTRICTED = "restricted-dma-pool"

Extent = tuple[int, int]
"""A range of physical addresses: first, first beyond."""


@dataclass(frozen=True, eq=False)
class MemoryRange:
    """A bank of DRAM: `size` bytes at `base`."""

    base: PhysAddr
    size: int
    node: Node

    @property
    def end(self) -> int:
        return self.base + self.size

    def __str__(self) -> str:
        return f"{self.node.path} {span(self.base, self.size)}"


@dataclass(frozen=True, eq=False)
class ReservedRegion:
    """`size` bytes at `base` that the page allocator must leave alone.

    `name` is the node's, `where` the line of the reg or size.
    """

    name: str
    label: str | None
    node: Node
    base: PhysAddr
    size: int
    no_map: bool
    reusable: bool
    compatible: tuple[str, ...]
    where: Where

    @property
    def end(self) -> int:
        return self.base + self.size

    @property
    def is_cma(self) -> bool:
        """A pool whose pages the kernel lends out until a device wants them."""
        return POOL in self.compatible and self.reusable and not self.no_map

    def __str__(self) -> str:
        return f"{self.node.path} {span(self.base, self.size)}"


def reserved_regions(parent: Node | None, banks: Sequence[MemoryRange]) -> list[ReservedRegion]:
    """The enabled regions below /reserved-memory by address.

    BadInput for a region that breaks a rule; overlaps are not looked for here.
    """
    if parent is None or not parent.enabled:
        return []
    _check_parent(parent)
    nodes = [node for node in parent.children if node.enabled]
    regions = [region for node in nodes for region in _static(node)]
    dynamic = [node for node in nodes if "reg" not in node.properties]
    if (count := len(regions) + len(dynamic)) > MAX_REGIONS:
        problem = f"{count} reserved regions, Linux has room for {MAX_REGIONS}"
        raise BadInput(f"{problem} (it would log so and not set up the rest)", parent.where)
    for region in regions:
        _check_region(region, banks)
    for node in dynamic:
        regions.append(_dynamic(node, banks, regions))
    return sorted(regions, key=lambda region: region.base)


def kernel_use(region: ReservedRegion) -> str:
    """What Linux makes of `region`, for people."""
    if region.is_cma:
        return "CMA, the default area" if region.node.flag("linux,cma-default") else "CMA area of its users"
    for compatible, use in (
        (POOL, "coherent DMA pool of its users"),
        (RESTRICTED, "bounce buffers of its users"),
        ("ion-region", "memory of an ION heap"),
    ):
        if compatible in region.compatible:
            return use
    return "set aside, not used by Linux"


def place(size: int, alignment: int, windows: Sequence[Extent], taken: Sequence[Extent]) -> int | None:
    """The highest aligned address for `size` bytes in the first window with room, or None."""
    for low, high in windows:
        base = (high - size) // alignment * alignment
        for first, beyond in sorted(taken, reverse=True):
            if first < base + size and base < beyond:
                base = (first - size) // alignment * alignment
        if base >= low:
            return base
    return None


def _check_parent(parent: Node) -> None:
    ignored = '(Linux would log "unsupported node format, ignoring" and reserve nothing)'
    if parent.ranges() != ():
        raise BadInput(f"{parent.path} needs 'ranges: true' {ignored}", parent.where)
    own, root = parent.bus_cells, parent.parent.bus_cells if parent.parent else parent.bus_cells
    if (own.address, own.size) != (root.address, root.size):
        raise BadInput(
            f"{own} differ from #address-cells {root.address}, #size-cells {root.size} of / {ignored}",
            parent.where,
        )


def _region(node: Node, base: int, size: int, where: Where) -> ReservedRegion:
    return ReservedRegion(
        node.name, node.label, node, PhysAddr(base), size,
        node.flag("no-map"), node.flag("reusable"), node.compatible, where,
    )  # fmt: skip


def _static(node: Node) -> list[ReservedRegion]:
    return [
        _region(node, reg.address, reg.size, entry.where)
        for reg, entry in zip(node.reg, node.bus_reg, strict=True)
    ]


def _dynamic(node: Node, banks: Sequence[MemoryRange], others: Sequence[ReservedRegion]) -> ReservedRegion:
    prop = node.properties.get("size")
    if prop is None:
        raise BadInput(f"{node.path} has neither reg nor size (Linux would skip it)", node.where)
    size = node.number("size", 0)
    _check_region(wanted := _region(node, 0, size, prop.where), None)
    alignment = _alignment(wanted)
    windows: list[Extent] = [
        (bank.base, bank.end) for bank in sorted(banks, key=lambda b: b.base, reverse=True)
    ]
    if ranges := node.properties.get("alloc-ranges"):
        assert node.parent is not None
        allowed = decode_reg(ranges, node.parent.bus_cells)
        windows = [
            (max(low, entry.address), min(high, entry.address + entry.size))
            for entry in allowed
            for low, high in windows
        ]
    base = place(size, alignment, windows, [(region.base, region.end) for region in others])
    if base is None:
        problem = f"no room for {node.path}: {size:#x} bytes aligned to {alignment:#x}"
        note = f"(Linux would log \"failed to allocate memory for node '{node.name}'\" and go on)"
        raise BadInput(f"{problem} {note}", prop.where)
    return _region(node, base, size, prop.where)


def _alignment(region: ReservedRegion) -> int:
    node = region.node
    alignment = node.number("alignment", PAGE_SIZE)
    if alignment == 0 or alignment & (alignment - 1):
        problem = f"alignment of {node.path} must be a power of two, not {alignment:#x}"
        raise BadInput(problem, node.properties["alignment"].where)
    return max(alignment, CMA_ALIGNMENT if region.is_cma else PAGE_SIZE)


def _check_region(region: ReservedRegion, banks: Sequence[MemoryRange] | None) -> None:
    """The rules one region can break alone; `banks` None before it has a place."""
    where, path = region.where, region.node.path
    shown = str(region) if banks is not None else f"{path} size {region.size:#x}"
    if not region.size:
        raise BadInput(f"reserved region {path} is empty: its size is 0", where)
    if (region.base | region.size) & PAGE_MASK:
        note = "(Linux would take the whole pages around it without a word)"
        raise BadInput(f"reserved region {shown} is not page aligned {note}", where)
    if region.no_map and region.reusable:
        note = "keep it unmapped and ignore reusable"
        if POOL in region.compatible:
            note = f'log "node {region.name} compatible matching fail" and give the memory back'
        problem = f"reserved region {path} is both no-map and reusable"
        raise BadInput(f"{problem}: pages without a mapping cannot be lent out (Linux would {note})", where)
    if RESTRICTED in region.compatible and (region.no_map or region.reusable):
        wrong = "no-map" if region.no_map else "reusable"
        note = f'(Linux would log "node {region.name} compatible matching fail" and give the memory back)'
        raise BadInput(f"{RESTRICTED} {path} cannot be {wrong}: the kernel copies through it {note}", where)
    if region.is_cma and (region.base | region.size) & (CMA_ALIGNMENT - 1):
        note = '(Linux would log "incorrect alignment of CMA region" and give the memory back)'
        raise BadInput(f"CMA pool {shown} is not aligned to 4 MiB {note}", where)
    if banks is not None and not _inside(region, banks):
        listed = ", ".join(str(bank) for bank in banks)
        note = "(Linux would reserve it without a word, though no RAM is there)"
        raise BadInput(f"reserved region {shown} is outside memory: {brief(listed) or 'none'} {note}", where)


def _inside(region: ReservedRegion, banks: Sequence[MemoryRange]) -> bool:
    """Whether DRAM covers all of `region`; banks may touch."""
    at: int = region.base
    for bank in sorted(banks, key=lambda bank: bank.base):
        if bank.base <= at < bank.end:
            at = bank.end
    return at >= region.end
