"""The kernel's own memory: pages from the allocator, and what it may touch of DRAM."""

from __future__ import annotations

from errno import EFAULT, ENOMEM

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PAGE_SIZE, PhysAddr
from soc.devicetree.tree import Tree
from soc.kernel.errors import KernelError
from soc.memory.dram import Dram
from soc.memory.pages import PageAllocator


class KernelMemory:
    """What `tree` leaves of `dram` to the kernel; `pages` is its page allocator."""

    def __init__(self, dram: Dram, tree: Tree) -> None:
        self._dram = dram
        self._reserved = tree.reserved
        self.pages = PageAllocator(
            [(bank.base, bank.size) for bank in dram.banks],
            [(region.base, region.size) for region in tree.reserved],
        )

    def alloc_pages(self, count: int) -> PhysAddr:
        """`count` contiguous zeroed pages, rounded up to a power of two. -ENOMEM without any."""
        frame = self.pages.alloc((count - 1).bit_length())
        if frame is None:
            raise KernelError(ENOMEM, f"no {count} contiguous free pages")
        address = PhysAddr(frame << PAGE_SHIFT)
        self._dram.view(address, count * PAGE_SIZE)[:] = 0
        return address

    def free_pages(self, address: PhysAddr, count: int) -> None:
        """Give back what `alloc_pages(count)` gave."""
        self.pages.free(address >> PAGE_SHIFT, (count - 1).bit_length())

    def words(self, address: PhysAddr, count: int) -> NDArray[np.uint64]:
        """Kernel memory as 64-bit words (tables and queues the kernel owns).

        -EFAULT outside DRAM and in reserved regions: no page there is the allocator's.
        """
        end = address + 8 * count
        for region in self._reserved:
            if address < region.end and region.base < end:
                raise KernelError(EFAULT, f"{address:#x}..{end - 1:#x} is not the kernel's: {region}")
        if self._dram.bank(address, end - address) is None:
            raise KernelError(EFAULT, f"{address:#x}..{end - 1:#x} is not DRAM")
        return self._dram.words(address, count)
