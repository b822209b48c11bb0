"""What an I/O page table looks like to the core: its geometry, and permissions as leaf attributes.

Source: drivers/iommu/io-pgtable-arm.c, include/linux/iommu.h; ARM DDI 0487, D8.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from soc.address import PAGE_SHIFT
from soc.kernel.scatterlist import DmaDirection
from soc.mmu.vmsa import (
    ACCESS_FLAG,
    AP_EL0,
    AP_READ_ONLY,
    NOT_GLOBAL,
    PXN,
    S2_READ,
    S2_WRITE,
    S2_XN,
    SH_INNER,
    UXN,
    Granule,
    attribute_index,
    stage2_memory,
)

UNCACHED_INDEX = 0
CACHEABLE_INDEX = 1
"""AttrIndx of stage-1 leaves: the bytes of MAIR that say normal uncached and normal write-back."""

SH_OUTER = 2 << 8
STAGE2_UNCACHED, STAGE2_WRITE_BACK = 0b0101, 0b1111


class Prot(IntFlag):
    """enum iommu_prot: what a device may do with a mapping, and how it reaches memory."""

    READ = 1
    WRITE = 2
    CACHE = 4
    PRIVILEGED = 32


def direction_prot(direction: DmaDirection) -> Prot:
    """What a DMA direction allows (dma_info_to_prot). ValueError for NONE."""
    match direction:
        case DmaDirection.BIDIRECTIONAL:
            return Prot.READ | Prot.WRITE
        case DmaDirection.TO_DEVICE:
            return Prot.READ
        case DmaDirection.FROM_DEVICE:
            return Prot.WRITE
    raise ValueError("a mapping needs a direction")


def leaf_attributes(prot: Prot, stage: int) -> int:
    """Attribute bits of a page descriptor; no leaf is executable.

    Stage 1 has no write-only pages: without READ, WRITE still lets a device read,
    as on Linux. Stage 2 has a bit for each, so write-only is write-only there.
    Unprivileged accesses are refused by PRIVILEGED at stage 1; stage 2 cannot tell.
    """
    bits = ACCESS_FLAG | (SH_INNER if prot & Prot.CACHE else SH_OUTER)
    if stage == 2:
        bits |= stage2_memory(STAGE2_WRITE_BACK if prot & Prot.CACHE else STAGE2_UNCACHED) | S2_XN
        bits |= (S2_READ if prot & Prot.READ else 0) | (S2_WRITE if prot & Prot.WRITE else 0)
        return bits
    bits |= NOT_GLOBAL | PXN | UXN
    bits |= attribute_index(CACHEABLE_INDEX if prot & Prot.CACHE else UNCACHED_INDEX)
    bits |= 0 if prot & Prot.WRITE else AP_READ_ONLY
    return bits | (0 if prot & Prot.PRIVILEGED else AP_EL0)


LEAF = leaf_attributes(Prot.READ | Prot.WRITE | Prot.CACHE, 1)
"""A stage-1 leaf that a coherent device may read and write."""


@dataclass(frozen=True)
class Geometry:
    """What tables of a domain can express: input bits, smallest page, and which stage they are."""

    input_bits: int = 39
    granule: Granule = Granule.K4
    stage: int = 1

    @property
    def aperture(self) -> int:
        """First input address beyond the tables, in bytes."""
        return 1 << self.input_bits

    @property
    def pages(self) -> int:
        """4 KiB pages in the smallest page."""
        return 1 << (self.granule - PAGE_SHIFT)
