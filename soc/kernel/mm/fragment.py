"""Wear of memory: unmovable pages that somebody left behind before the run began.

In a worn pageblock one page of every 2 << order is allocated for good, so that
no block above `order` can be free there. CMA regions stay whole, as they do in
Linux: no unmovable page ever gets in.
"""

from __future__ import annotations

from random import Random

from soc.address import PAGE_SHIFT
from soc.devicetree.fragmentation import Fragmentation
from soc.devicetree.tree import MemoryRange
from soc.memory.migratetype import PAGEBLOCK_PAGES
from soc.memory.pages import PageAllocator


def fragment(pages: PageAllocator, bank: MemoryRange, wear: Fragmentation) -> int:
    """Wear `bank` down as `wear` says; how many pages it took. The same for the same seed and map."""
    random = Random(wear.seed)
    low, high = bank.base >> PAGE_SHIFT, bank.end >> PAGE_SHIFT
    mine = [zone for zone in pages.zones if low <= zone.first < high]
    blocks = [head for zone in mine for head in zone.pageblocks().tolist()]
    ranks = sorted((random.random(), head) for head in blocks)
    part, taken = 2 << wear.order, 0
    for _, head in ranks[: (len(blocks) * wear.percent + 50) // 100]:
        for start in range(head, head + PAGEBLOCK_PAGES, part):
            taken += pages.keep(start + int(random.random() * part))
    return taken
