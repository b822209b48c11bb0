"""dma-ranges: which bus addresses a device must use for which physical ones.

A window maps `size` bytes of the device's bus onto physical memory. What lies
in no window the device cannot reach at all.
Source: of_dma_get_range (drivers/of/address.c), include/linux/dma-direct.h.

Not modelled: interconnect paths (`interconnects` named dma-mem), PCI host bridges.
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import EINVAL, ENODEV

import numpy as np

from soc.address import PhysAddr
from soc.devicetree.tree import Node, Tree
from soc.kernel.errors import KernelError
from soc.kernel.log import KernelLog
from soc.kernel.scatterlist import Ints

UNREACHABLE = -1
"""The bus address of memory in no window: no mask allows it."""


@dataclass(frozen=True)
class DmaWindow:
    """`size` bytes: bus address `bus` is physical address `physical`."""

    bus: int
    physical: int
    size: int


@dataclass(frozen=True)
class DmaWindows:
    """The windows of one device, in the order of the property; the first that fits counts."""

    windows: tuple[DmaWindow, ...]

    @property
    def first(self) -> int:
        """The lowest bus address."""
        return min(window.bus for window in self.windows)

    @property
    def last(self) -> int:
        """The highest bus address."""
        return max(window.bus + window.size for window in self.windows) - 1

    def to_bus(self, physical: Ints) -> Ints:
        """Bus addresses of physical ones, shape (n,); UNREACHABLE outside every window."""
        bus = np.full(physical.shape, UNREACHABLE, dtype=np.int64)
        for window in reversed(self.windows):
            inside = (physical >= window.physical) & (physical < window.physical + window.size)
            bus[inside] = physical[inside] + (window.bus - window.physical)
        return bus

    def to_physical(self, bus: int) -> PhysAddr | None:
        """The physical address of a bus address, None outside every window."""
        for window in self.windows:
            if window.bus <= bus < window.bus + window.size:
                return PhysAddr(bus - window.bus + window.physical)
        return None


def dma_windows(node: Node, log: KernelLog) -> DmaWindows:
    """The windows of the nearest dma-ranges above `node` that is not empty.

    -ENODEV without one, or when a bus between has no dma-ranges at all (the device's own
    bus may lack it); -EINVAL when no row of it leads to a physical address, each of which
    is logged.
    """
    found = False
    bus = node.parent
    while bus is not None:
        rows = bus.ranges("dma-ranges")
        if rows:
            return _translated(bus, log)
        if found and rows is None:
            break
        found = True
        bus = bus.parent
    raise KernelError(ENODEV, f"no dma-ranges for {node.path}")


def zone_dma_limit(tree: Tree) -> int:
    """First address beyond what every device can reach: 4 GiB, or what the narrowest dma-ranges ends at.

    Boards whose DRAM lies above it take 4 GiB, then everything, as arm64's max_zone_phys does.
    """
    start, end = tree.memory[0].base, tree.memory[-1].end
    limit = min([1 << 32, *(_last_physical(node) + 1 for node in tree.walk() if node.ranges("dma-ranges"))])
    if start >= limit:
        limit = 1 << 32 if start < 1 << 32 else end
    return min(limit, end)


def _translated(bus: Node, log: KernelLog) -> DmaWindows:
    windows = []
    for row in bus.ranges("dma-ranges") or ():
        physical = _to_cpu(bus.parent, row.parent)
        if physical is None:
            log.error(f"translation of DMA address({row.child:x}) to CPU address failed node({bus.path})")
            continue
        windows.append(DmaWindow(row.child, physical, row.size))
    if not windows:
        raise KernelError(EINVAL, f"no row of dma-ranges of {bus.path} leads to a CPU address")
    return DmaWindows(tuple(windows))


def _to_cpu(bus: Node | None, address: int) -> int | None:
    """An address on `bus` through the dma-ranges above it; a bus without any is 1:1."""
    while bus is not None and bus.parent is not None:
        rows = bus.ranges("dma-ranges")
        if rows:
            inside = [row for row in rows if row.child <= address < row.child + row.size]
            if not inside:
                return None
            address += inside[0].parent - inside[0].child
        bus = bus.parent
    return address


def _last_physical(bus: Node) -> int:
    """The highest physical address that a bus's dma-ranges leads to; none leads to all of them."""
    ends = [
        physical + row.size - 1
        for row in bus.ranges("dma-ranges") or ()
        if (physical := _to_cpu(bus.parent, row.parent)) is not None
    ]
    return max(ends, default=(1 << 64) - 1)
