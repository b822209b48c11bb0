"""IOVA ranges that the device tree keeps from the allocator: `iommu-addresses` of reserved memory.

A region that a device names in `memory-region` may say
`iommu-addresses: [["&device", address, size], ...]`: for that device the range is
not free IOVA space. Where it is the region's own `reg`, the device already uses
it (a splash screen), so it is mapped 1:1.
Source: drivers/iommu/of_iommu.c, reserved-memory.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass

from soc.address import PAGE_MASK, Iova
from soc.devicetree.cells import number, split_phandles
from soc.devicetree.tree import Node
from soc.errors import BadInput

PROPERTY = "iommu-addresses"


@dataclass(frozen=True)
class ReservedRange:
    """`size` bytes at `start`, both page multiples; `direct` means mapped to themselves."""

    start: Iova
    size: int
    direct: bool


def reserved_ranges(node: Node) -> list[ReservedRange]:
    """What the reserved regions of `node` keep from it. BadInput for a malformed property."""
    found: list[ReservedRange] = []
    for entry in node.phandles("memory-region"):
        region = entry.node
        prop = region.properties.get(PROPERTY)
        if prop is None:
            continue
        own = {(reg.address, reg.size) for reg in region.reg}
        for reference, values in split_phandles(prop):
            if len(values) != 2:
                problem = f"bad cell count: {PROPERTY} of {region.path} has {len(values)} numbers"
                raise BadInput(f"{problem} after the device, not 2 [address, size]", reference.where)
            start, size = (number(PROPERTY, value) for value in values)
            if size == 0 or (start | size) & PAGE_MASK:
                raise BadInput(f"{PROPERTY} of {region.path} is not whole pages", reference.where)
            if region.resolve(reference) is node:
                found.append(ReservedRange(Iova(start), size, (start, size) in own))
    return found
