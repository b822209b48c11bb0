"""The kernel's own bounce pool, made at boot.

arm64 has a full pool (64 MiB, or swiotlb=) when memory lies beyond what every
device can reach, or when everything is to bounce; else one of a 1024th of
memory, for small buffers that share cache lines. It lies at the top of the
memory that every device reaches; when there is no room, half of it is tried. It
never takes more than half of that memory: a real kernel's image lies there too.
Source: arm64's mem_init, kernel/dma/swiotlb.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.address import PAGE_SHIFT, PAGE_SIZE, PhysAddr
from soc.devicetree.reserved import place
from soc.devicetree.tree import Tree
from soc.kernel.dma.of.ranges import zone_dma_limit
from soc.kernel.dma.swiotlb.pool import Swiotlb
from soc.kernel.dma.swiotlb.slots import SEGMENT_SLOTS, SLOT_SHIFT
from soc.kernel.parameters import DEFAULT_SLOTS

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel

FEWEST_SLOTS = (1 << 20) >> SLOT_SHIFT
"""A pool of at most this many slots is not tried smaller (IO_TLB_MIN_SLABS)."""


def default_pool(kernel: Kernel, tree: Tree) -> Swiotlb | None:
    """The pool, taken from the page allocator; None with swiotlb=noforce or without room."""
    parameters = kernel.parameters
    if parameters.swiotlb == "noforce":
        return None
    force = parameters.swiotlb == "force"
    slots = _wanted(tree, parameters.swiotlb_slots, force)
    while True:
        base = _take(kernel, tree, slots << SLOT_SHIFT)
        if base is not None:
            return Swiotlb(kernel, base, slots << SLOT_SHIFT, force)
        if slots <= FEWEST_SLOTS:
            kernel.log.error(f"software IO TLB: Failed to allocate {slots << SLOT_SHIFT} bytes tlb structure")
            return None
        slots = _whole_segments(slots // 2)


def describe(pool: Swiotlb) -> str:
    """The line of the boot log."""
    end = pool.base + pool.size
    return f"software IO TLB: mapped [mem {pool.base:#018x}-{end:#018x}] ({pool.size >> 20}MB)"


def _wanted(tree: Tree, slots: int, force: bool) -> int:
    """Slots of the pool; a number given on the command line stands."""
    limited = tree.memory[-1].end > zone_dma_limit(tree)
    if not force and not limited and slots == DEFAULT_SLOTS:
        memory = sum(bank.size for bank in tree.memory)
        slots = min(slots, -(-memory // 1024) >> SLOT_SHIFT)
    return _whole_segments(slots)


def _whole_segments(slots: int) -> int:
    return -(-max(slots, 1) // SEGMENT_SLOTS) * SEGMENT_SLOTS


def _take(kernel: Kernel, tree: Tree, size: int) -> PhysAddr | None:
    """The highest `size` bytes of one zone below the DMA limit, taken from the page allocator."""
    limit = zone_dma_limit(tree)
    zones = [(zone.first << PAGE_SHIFT, zone.end << PAGE_SHIFT) for zone in kernel.memory.pages.zones]
    windows = sorted(((low, min(high, limit)) for low, high in zones if low < limit), reverse=True)
    taken = [(region.base, region.end) for region in tree.reserved]
    if size > sum(high - low for low, high in windows) // 2:
        return None
    base = place(size, PAGE_SIZE, windows, taken)
    if base is None or not kernel.memory.pages.hold_back(base >> PAGE_SHIFT, size >> PAGE_SHIFT):
        return None
    return PhysAddr(base)
