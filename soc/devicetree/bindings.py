"""Which properties hold what: the table that gives cells their meaning.

A flattened tree is only bytes. Written or read, a property is addresses of so
many cells, or phandles with their arguments, because its name is in here; what
is not is a list of 32-bit cells.

Source: Devicetree Specification v0.4 chapter 2; drivers/of/of_reserved_mem.c
and drivers/of/property.c.
Not modelled: nexus maps (interrupt-map, iommu-map), which stay lists of cells.
"""

from __future__ import annotations

import re

from soc.devicetree.node import Node

PATHS = ("/aliases", "/chosen")
"""Nodes whose properties name others by path; everywhere else a reference is a phandle."""

EXPLICIT_PHANDLES = ("phandle", "linux,phandle")

PHANDLE_LISTS = {
    "clocks": "#clock-cells",
    "dmas": "#dma-cells",
    "interrupt-parent": None,
    "iommus": "#iommu-cells",
    "memory-region": None,
    "phys": "#phy-cells",
    "power-domains": "#power-domain-cells",
    "resets": "#reset-cells",
}
"""Lists of phandles, each followed by as many cells as the node it names says; None is no cells.
A board in which one of them is malformed is refused."""

MORE_PHANDLE_LISTS = {
    "assigned-clock-parents": "#clock-cells",
    "assigned-clocks": "#clock-cells",
    "dmabuf-soc,streams": "#iommu-cells",
    "hwlocks": "#hwlock-cells",
    "interconnects": "#interconnect-cells",
    "io-channels": "#io-channel-cells",
    "mboxes": "#mbox-cells",
    "msi-parent": "#msi-cells",
    "pwms": "#pwm-cells",
    "regmap": None,
    "sound-dai": "#sound-dai-cells",
    "thermal-sensors": "#thermal-sensor-cells",
}
GPIO_LIST = re.compile(r"(?!(.*,)?nr-gpios)(.*-)?gpios?")
"""gpios, reset-gpios and the like, as drivers/of/property.c knows them."""

STRINGS = re.compile(
    r"compatible|status|model|device_type|bootargs|stdout-path|method|enable-method|.*-names"
)
"""Properties that are strings however their bytes look."""


def cells_property(node: Node, name: str) -> str | None:
    """The property that says how many cells follow each phandle of the list `name`.

    "" for none; None if `name` is no list of phandles. The gpios of a hog are lines of its parent.
    """
    for table in (PHANDLE_LISTS, MORE_PHANDLE_LISTS):
        if name in table:
            return table[name] or ""
    if GPIO_LIST.fullmatch(name) and "gpio-hog" not in node.properties:
        return "#gpio-cells"
    return None


def columns(node: Node, name: str) -> tuple[int, ...] | None:
    """How many cells each number of a row of `name` takes; None if it holds no addresses.

    A reg without sizes has one column, a ranges always three, the last of which may be 0 cells.
    """
    if node.parent is None:
        return None
    own, above = node.bus_cells, node.parent.bus_cells
    if name in ("ranges", "dma-ranges"):
        return own.address, above.address, own.size
    if name == "reg" or (name == "alloc-ranges" and is_reserved(node)):
        return tuple(width for width in (above.address, above.size) if width)
    return None


def number_width(node: Node, name: str) -> int | None:
    """How many cells the one number in `name` takes, None where no binding says so.

    What a reserved region asks for is as wide as the sizes and addresses of its bus
    (__reserved_mem_alloc_size).
    """
    if node.parent is None or not is_reserved(node):
        return None
    bus = node.parent.bus_cells
    return {"size": bus.size, "alignment": bus.address}.get(name)


def is_reserved(node: Node) -> bool:
    """Whether the node is a child of /reserved-memory."""
    return node.parent is not None and node.parent.path == "/reserved-memory"
