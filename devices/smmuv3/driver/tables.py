"""Stream table and context descriptor tables in kernel memory, linear or of two levels.

Source: ARM IHI 0070, 3.3 and 5.1 to 5.4; the choices are those of
drivers/iommu/arm/arm-smmu-v3.
"""

from __future__ import annotations

from errno import EINVAL

import numpy as np

from devices.smmuv3.driver.features import MOST_L1_BITS, STRTAB_SPLIT
from devices.smmuv3.spec import (
    CD_WORDS,
    STE_WORDS,
    L1ContextDescriptor,
    L1StreamTableDescriptor,
    S1Format,
)
from soc.address import PAGE_SIZE, PhysAddr
from soc.kernel.errors import KernelError
from soc.kernel.mm.memory import KernelMemory
from soc.mmu.tables import PageTable
from soc.mmu.vmsa import Granule, initial_level, level_shift

STE_BYTES = 8 * STE_WORDS
CD_BYTES = 8 * CD_WORDS
CONCATENATED_BITS = 4
LINEAR, TWO_LEVEL = 0, 1
"""STRTAB_BASE_CFG.FMT."""


class TableMemory:
    """Zeroed pages of one driver; each block is aligned to its size rounded up to a power of two."""

    def __init__(self, memory: KernelMemory) -> None:
        self._memory = memory
        self.blocks: dict[PhysAddr, int] = {}

    def alloc(self, size: int) -> PhysAddr:
        """`size` bytes. -ENOMEM."""
        pages = -(-size // PAGE_SIZE)
        address = self._memory.alloc_pages(pages)
        self.blocks[address] = pages
        return address

    def free(self, address: PhysAddr) -> None:
        self._memory.free_pages(address, self.blocks.pop(address))

    def free_all(self) -> None:
        for address in list(self.blocks):
            self.free(address)

    def store(self, address: PhysAddr, words: list[int]) -> None:
        """Fill a structure with its valid word last, so the SMMU never sees half of it."""
        view = self._memory.words(address, len(words))
        view[0] = 0
        view[1:] = np.array(words[1:], dtype=np.uint64)
        view[0] = np.uint64(words[0])


class StreamTable:
    """Where each stream's STE lies. Level-2 tables are made when a stream of theirs is first used."""

    def __init__(self, memory: TableMemory, sid_bits: int, two_level: bool) -> None:
        self._memory = memory
        self._second: dict[int, PhysAddr] = {}
        self.format = TWO_LEVEL if two_level else LINEAR
        self.log2 = min(sid_bits, MOST_L1_BITS + STRTAB_SPLIT) if two_level else sid_bits
        self.base = memory.alloc(8 << (self.log2 - STRTAB_SPLIT) if two_level else STE_BYTES << self.log2)

    def entry(self, stream: int) -> PhysAddr:
        """The stream's STE. -EINVAL for a stream id out of range, -ENOMEM."""
        if stream >> self.log2:
            raise KernelError(EINVAL, f"stream {stream:#x} is beyond the table's {1 << self.log2} entries")
        if self.format == LINEAR:
            return PhysAddr(self.base + stream * STE_BYTES)
        index = stream >> STRTAB_SPLIT
        if index not in self._second:
            table = self._memory.alloc(STE_BYTES << STRTAB_SPLIT)
            descriptor = L1StreamTableDescriptor(span=STRTAB_SPLIT + 1, l2_ptr=table)
            self._memory.store(PhysAddr(self.base + 8 * index), descriptor.build())
            self._second[index] = table
        within = stream & ((1 << STRTAB_SPLIT) - 1)
        return PhysAddr(self._second[index] + within * STE_BYTES)


class ContextTable:
    """The context descriptors of one stream, one per substream: 1 << `bits` of them.

    Two levels, of 64 KiB leaves made on demand, where a leaf would not hold them all.
    """

    def __init__(self, memory: TableMemory, bits: int, two_level: bool) -> None:
        self._memory = memory
        self._leaves: dict[int, PhysAddr] = {}
        self.bits = bits
        deep = two_level and bits > S1Format.TWO_LEVEL_64K.leaf_bits
        self.format = S1Format.TWO_LEVEL_64K if deep else S1Format.LINEAR
        self.base = memory.alloc(8 << (bits - self.format.leaf_bits) if deep else CD_BYTES << bits)

    def entry(self, substream: int) -> PhysAddr:
        """The substream's descriptor. -EINVAL beyond the table, -ENOMEM."""
        if substream >> self.bits:
            raise KernelError(
                EINVAL, f"substream {substream:#x} is beyond the table's {1 << self.bits} entries"
            )
        if self.format is S1Format.LINEAR:
            return PhysAddr(self.base + substream * CD_BYTES)
        index, within = divmod(substream, 1 << self.format.leaf_bits)
        if index not in self._leaves:
            leaf = self._leaves[index] = self._memory.alloc(CD_BYTES << self.format.leaf_bits)
            self._memory.store(
                PhysAddr(self.base + 8 * index), L1ContextDescriptor(valid=True, l2_ptr=leaf).build()
            )
        return PhysAddr(self._leaves[index] + within * CD_BYTES)

    def free(self) -> None:
        for leaf in self._leaves.values():
            self._memory.free(leaf)
        self._memory.free(self.base)


class IoPageTable(PageTable):
    """A domain's empty tables in kernel memory.

    Stage 2 starts on up to 16 tables side by side where that saves a level, as Linux does.
    """

    def __init__(self, memory: KernelMemory, granule: Granule, input_bits: int, stage: int) -> None:
        pages = 1 << granule.page_order
        start, root = initial_level(input_bits, granule), None
        extra = input_bits - level_shift(start, granule)
        self._side_by_side: tuple[PhysAddr, int] | None = None
        if stage == 2 and extra <= CONCATENATED_BITS and start < 3:
            start, root = start + 1, memory.alloc_pages(pages << extra)
            self._side_by_side = root, pages << extra
        self._memory = memory
        super().__init__(
            lambda: memory.alloc_pages(pages),
            lambda table: memory.free_pages(table, pages),
            memory.words,
            granule,
            input_bits,
            stage,
            start_level=start,
            root=root,
        )

    def free_all(self) -> None:
        super().free_all()
        if self._side_by_side is not None:
            self._memory.free_pages(*self._side_by_side)
            self._side_by_side = None
