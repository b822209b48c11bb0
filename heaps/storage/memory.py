"""The memory of one buffer, and what every source of such memory has in common.

A source gives whole pages as an sg_table with an entry per block. Who has the
pages is written down (soc/kernel/mm/page_owner.py), and what a source promises to
be zero can be looked at, byte by byte, when it is handed out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from errno import EINVAL
from typing import TYPE_CHECKING, ClassVar

from heaps.storage.leftovers import report_leftovers
from heaps.storage.zeroing import zero_for_device
from soc.address import PAGE_SHIFT, human_size, page_align
from soc.kernel.errors import KernelError
from soc.kernel.mm.page_owner import Owner
from soc.kernel.scatterlist import SgTable
from soc.memory.span import Frames

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel


@dataclass(eq=False, repr=False)
class HeapMemory:
    """`size` bytes, whole pages, from `source`; `sgt` is its CPU side, which may have more.

    `cached`: the buffer's CPU mappings are. `owner` is the buffer's name for people.
    """

    source: MemorySource
    size: int
    sgt: SgTable
    cached: bool
    owner: Owner
    freed: bool = False

    def frames(self) -> Frames:
        """The page frames of the buffer in order, shape (size / 4096,). Read-only."""
        return self.sgt.frames()[: self.size >> PAGE_SHIFT]

    def belongs_to(self, buffer: str) -> None:
        """Name the buffer, `dma-buf 3`, as reports are to call it."""
        self.owner.buffer = buffer

    def __repr__(self) -> str:
        return f"<{human_size(self.size)} of {self.owner}>"

    def give_back(self, shrinker: bool = False) -> None:
        """The buffer is gone. `shrinker`: its pages are wanted elsewhere, so no pool keeps them."""
        self.source.free(self, shrinker)


class MemorySource(ABC):
    """Memory for the buffers of the heap `name`. `live` counts the buffers that have some."""

    dram_is_clean = True
    """Whether memory is handed out with zeros in DRAM, too, or only as the CPU sees it."""

    keeps_memory: ClassVar[bool] = False
    """Whether it keeps freed memory itself and clears it then; otherwise whoever gets the pages next does."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel = kernel
        self.name = name
        self.live = 0
        self._count = 0

    def allocate(self, size: int, cached: bool = True) -> HeapMemory:
        """Memory for `size` bytes, rounded up to whole pages, all zero.

        -EINVAL for no bytes; -ENOMEM and what the source says.
        """
        length = page_align(size)
        if size <= 0:
            raise KernelError(EINVAL, f"{self.name}: a buffer of {size} bytes was asked for")
        table = self._take(length, cached)
        self._count += 1
        buffer = f"buffer {self._count}"
        owners = self.kernel.memory.owners
        if owners.look_for_leftovers:
            behind = self.dram_is_clean or not cached
            report_leftovers(self.kernel, table.frames(), f"{self.name}: {buffer}", behind)
        self.live += 1
        return HeapMemory(self, length, table, cached, owners.own(table.frames(), self.name, buffer))

    def free(self, memory: HeapMemory, shrinker: bool = False) -> None:
        """Take `memory` back. A second time is a WARN."""
        if memory.freed:
            self.kernel.log.warn(f"{self.name}: the memory of {memory.owner.buffer} was freed before")
            return
        memory.freed = True
        self.live -= 1
        if self.keeps_memory:
            self._clear(memory, shrinker)
        self.kernel.memory.owners.release(memory.owner)
        self._give(memory, shrinker)

    @abstractmethod
    def _take(self, size: int, cached: bool) -> SgTable:
        """Zeroed memory for `size` bytes, whole pages."""

    def _clear(self, memory: HeapMemory, shrinker: bool) -> None:
        """Clear what is kept for the next buffer."""
        zero_for_device(self.kernel, memory.sgt)

    @abstractmethod
    def _give(self, memory: HeapMemory, shrinker: bool) -> None:
        """The memory is nobody's."""
