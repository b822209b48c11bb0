"""The debugfs files of bounce pools. Source: swiotlb_create_debugfs_files, kernel/dma/swiotlb.c."""

from __future__ import annotations

from soc.kernel.dma.swiotlb.pool import Swiotlb
from soc.kernel.fs.pseudofs import Views

DIRECTORY = "/sys/kernel/debug/swiotlb"


def add_swiotlb_views(views: Views, pool: Swiotlb, name: str = "") -> None:
    """Register the counters of `pool`, in slots, in a directory of its own if it has a `name`."""
    directory = f"{DIRECTORY}/{name}" if name else DIRECTORY
    views.add(f"{directory}/io_tlb_nslabs", lambda: f"{pool.slots.count}\n")
    views.add(f"{directory}/io_tlb_used", lambda: f"{pool.slots.used}\n")
    views.add(f"{directory}/io_tlb_used_hiwater", lambda: f"{pool.slots.high_water}\n")
