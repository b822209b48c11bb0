"""/proc/meminfo, /proc/buddyinfo, /proc/pagetypeinfo and the counters of migration in /proc/vmstat.

Source: fs/proc/meminfo.c, mm/vmstat.c (6.12); what Linux has and the model has
nothing to say about is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soc.address import PAGE_SIZE
from soc.kernel.fs.pseudofs import Views
from soc.kernel.mm.memory import KernelMemory
from soc.memory.migratetype import ORDERS, PAGEBLOCK_ORDER, PAGEBLOCK_PAGES, MigrateType
from soc.memory.zone import Zone

SHOWN_BLOCKS = 100_000
"""Linux stops counting free blocks of one list there, and says so with a >."""


def add_memory_views(views: Views, memory: KernelMemory) -> None:
    """Register the files that show the page allocator."""
    views.add("/proc/meminfo", lambda: meminfo(memory))
    views.add("/proc/buddyinfo", lambda: buddyinfo(memory))
    views.add("/proc/pagetypeinfo", lambda: pagetypeinfo(memory))
    views.add("/proc/vmstat", lambda: vmstat(memory))


def meminfo(memory: KernelMemory) -> str:
    """MemAvailable is MemFree: nothing can be reclaimed."""
    pages = memory.pages
    lines = {
        "MemTotal": pages.total_frames,
        "MemFree": pages.free_frames,
        "MemAvailable": pages.free_frames,
        "CmaTotal": pages.total_cma,
        "CmaFree": pages.free_cma,
    }
    return "".join(f"{name + ':':<15} {frames * PAGE_SIZE >> 10:8d} kB\n" for name, frames in lines.items())


def vmstat(memory: KernelMemory) -> str:
    """Pages, but for the counts of CMA allocations."""
    areas = memory.cma.areas
    lines = {
        "nr_free_pages": memory.pages.free_frames,
        "nr_free_cma": memory.pages.free_cma,
        "pgmigrate_success": memory.migration.migrated,
        "pgmigrate_fail": memory.migration.failed,
        "cma_alloc_success": sum(area.allocations for area in areas),
        "cma_alloc_fail": sum(area.failures for area in areas),
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def buddyinfo(memory: KernelMemory) -> str:
    """Free blocks per order, a line for each zone."""
    lines = []
    for name, zones in _zones(memory):
        counts = [sum(len(lists[order]) for zone in zones for lists in zone.free) for order in ORDERS]
        lines.append(f"Node 0, zone {name:>8} " + "".join(f"{count:6d} " for count in counts))
    return "\n".join(lines) + "\n"


def pagetypeinfo(memory: KernelMemory) -> str:
    """Free blocks per migrate type and order, then pageblocks per migrate type."""
    lines = [
        f"Page block order: {PAGEBLOCK_ORDER}",
        f"Pages per block:  {PAGEBLOCK_PAGES}",
        "",
        f"{'Free pages count per migrate type at order':<43} " + "".join(f"{order:6d} " for order in ORDERS),
    ]
    for name, zones in _zones(memory):
        for kind in MigrateType:
            counts = [sum(len(zone.free[kind][order]) for zone in zones) for order in ORDERS]
            head = f"Node {0:4d}, zone {name:>8}, type {kind.label:>12} "
            lines.append(head + "".join(_capped(count) for count in counts))
    names = "".join(f"{kind.label:>12} " for kind in MigrateType)
    lines += ["", f"{'Number of blocks type ':<23}{names}"]
    for name, zones in _zones(memory):
        types = np.concatenate([np.frombuffer(zone.types, dtype=np.uint8) for zone in zones])
        numbers = np.bincount(types, minlength=len(MigrateType)).tolist()
        lines.append(f"Node 0, zone {name:>8} " + "".join(f"{number:12d} " for number in numbers))
    return "\n".join(lines) + "\n"


def _zones(memory: KernelMemory) -> Iterator[tuple[str, list[Zone]]]:
    """The zones by Linux's name for them, lowest first: banks of one zone count together."""
    for name in ("DMA", "Normal"):
        zones = [zone for zone in memory.pages.zones if zone.name == name]
        if zones:
            yield name, zones


def _capped(count: int) -> str:
    return f">{SHOWN_BLOCKS:6d} " if count >= SHOWN_BLOCKS else f"{count:6d} "
