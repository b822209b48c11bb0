"""Why there was no room: the -ENOMEM of every source, with what is free and in how large a run."""

from __future__ import annotations

from errno import ENOMEM

from soc.address import PAGE_SHIFT, human_size
from soc.kernel.errors import KernelError
from soc.kernel.mm.cma import CmaArea
from soc.kernel.mm.cma_views import maxchunk
from soc.memory.migratetype import ORDERS, MigrateType
from soc.memory.pages import PageAllocator


def no_room(name: str, wanted: str, free: int, total: int, largest: int, more: str = "") -> KernelError:
    """-ENOMEM of the heap `name`, which has no `wanted` ("8 KiB in one run"); bytes."""
    left = f"{human_size(free)} of {human_size(total)} are free"
    return KernelError(ENOMEM, f"{name}: no {wanted}: {left}, the largest run is {human_size(largest)}{more}")


def no_pages(pages: PageAllocator, name: str, wanted: str, more: str = "") -> KernelError:
    """-ENOMEM of a heap that lives on the page allocator; CMA regions do not count."""
    free = pages.free_frames - pages.free_cma
    total = pages.total_frames - pages.total_cma
    largest = _largest_block(pages)
    return no_room(name, wanted, free << PAGE_SHIFT, total << PAGE_SHIFT, largest << PAGE_SHIFT, more)


def no_run(name: str, wanted: str, area: CmaArea, more: str = "") -> KernelError:
    """-ENOMEM of a heap that lives on a CMA area; pages that the area has lent out count as free."""
    free, total = area.count - area.used, area.count
    largest = maxchunk(area)
    return no_room(name, wanted, free << PAGE_SHIFT, total << PAGE_SHIFT, largest << PAGE_SHIFT, more)


def _largest_block(pages: PageAllocator) -> int:
    """Pages of the largest free block outside of CMA regions."""
    kinds = (MigrateType.UNMOVABLE, MigrateType.MOVABLE)
    orders = [order for zone in pages.zones for kind in kinds for order in ORDERS if zone.free[kind][order]]
    return 1 << max(orders) if orders else 0
