"""The kernel's own memory: pages from the allocator, and what it may touch of DRAM."""

from __future__ import annotations

from errno import EFAULT, ENOMEM

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PhysAddr
from soc.bus import Master
from soc.devicetree.fragmentation import fragmentation
from soc.devicetree.tree import Tree
from soc.kernel.errors import KernelError
from soc.kernel.log import KernelLog
from soc.kernel.mm.clear import clear
from soc.kernel.mm.cma import CmaAreas, created, usable_regions
from soc.kernel.mm.fragment import fragment
from soc.kernel.mm.migrate import Migration
from soc.kernel.mm.page_alloc import alloc_reclaiming
from soc.kernel.mm.page_owner import PageOwners
from soc.kernel.mm.shrinker import Shrinkers
from soc.memory.dram import Dram
from soc.memory.pages import PageAllocator, zone_spans
from soc.memory.span import PageSpan


class KernelMemory:
    """What `tree` leaves of `dram` to the kernel.

    `pages` is its page allocator, `cma` its CMA areas, `migration` what moves
    pages with accesses of `cpu`, `reserved` the regions that are not the kernel's.
    `shrinkers` keep pages that can be had back, `owners` knows whose a buffer's pages are.
    """

    def __init__(self, dram: Dram, tree: Tree, cpu: Master, log: KernelLog) -> None:
        self.dram = dram
        self._tree = tree
        self._cpu = cpu
        self._log = log
        banks = [(bank.base, bank.size) for bank in dram.banks]
        regions = [region for region in tree.reserved if region.is_cma]
        self._lent, self._refused = usable_regions(regions, [span for _, span in zone_spans(banks)])
        self.reserved = [region for region in tree.reserved if region not in regions]
        self.pages = PageAllocator(
            banks,
            [(region.base, region.size) for region in self.reserved],
            [(region.base, region.size) for region in self._lent],
        )
        self.shrinkers = Shrinkers()
        self.owners = PageOwners(cpu.bus, log)
        self.pages.taken = self.owners.taken
        self.migration = Migration(self.pages, cpu)
        self.cma = CmaAreas(self._lent, self.pages, self.migration, log)

    def boot(self) -> None:
        """Say which CMA areas there are, and wear memory down where the board says so."""
        for region in self._lent:
            self._log.info(created(region))
        for complaint in self._refused:
            self._log.error(complaint)
        for bank in self._tree.memory:
            wear = fragmentation(bank.node)
            if wear:
                fragment(self.pages, bank, wear)

    def alloc_pages(self, count: int, below: int | None = None) -> PhysAddr:
        """`count` contiguous zeroed pages, rounded up to a power of two. -ENOMEM without any.

        `below`, if given, is the first physical address they must not reach.
        """
        order = (count - 1).bit_length()
        frame = alloc_reclaiming(self.pages, self.shrinkers, order, below)
        if frame is None:
            raise KernelError(ENOMEM, f"no {count} contiguous free pages")
        address = PhysAddr(frame << PAGE_SHIFT)
        clear(self._cpu, PageSpan.linear(address, count << PAGE_SHIFT))
        return address

    def free_pages(self, address: PhysAddr, count: int) -> None:
        """Give back what `alloc_pages(count)` gave."""
        self.pages.free(address >> PAGE_SHIFT, (count - 1).bit_length())

    def words(self, address: PhysAddr, count: int) -> NDArray[np.uint64]:
        """Kernel memory as 64-bit words (tables and queues the kernel owns).

        -EFAULT outside DRAM, in reserved regions and in CMA areas where no page is allocated
        from the area: nothing there is the kernel's.
        """
        end = address + 8 * count
        for region in (*self.reserved, *self._lent):
            if address < region.end and region.base < end and not self._holds(address, end):
                raise KernelError(EFAULT, f"{address:#x}..{end - 1:#x} is not the kernel's: {region}")
        if self.dram.bank(address, end - address) is None:
            raise KernelError(EFAULT, f"{address:#x}..{end - 1:#x} is not DRAM")
        return self.dram.words(address, count)

    def _holds(self, address: int, end: int) -> bool:
        """Whether all of [address, end) is allocated from one CMA area."""
        first = address >> PAGE_SHIFT
        return self.cma.find(first, ((end - 1) >> PAGE_SHIFT) - first + 1) is not None
