"""What callers of the DMA API may ask for beside the mapping itself.

Source: include/linux/dma-mapping.h, Documentation/core-api/dma-attributes.rst.
"""

from __future__ import annotations

from enum import Enum, IntFlag

ADDRESS_MASK = (1 << 64) - 1
"""The bits of a dma_addr_t."""

DMA_MAPPING_ERROR = ADDRESS_MASK
"""What dma_map_single and its kin return on failure: no mapping ever has this address."""

WIDEST_BOUNDARY = (1 << 63) - 1
"""No boundary at all, for addresses in arrays of 64-bit integers."""

NO_LIMIT = (1 << 64) - 1
"""SIZE_MAX: dma_max_mapping_size of a device whose mappings may have any size."""


class DmaAttrs(IntFlag):
    """DMA_ATTR_*, with Linux's values.

    NO_KERNEL_MAPPING     the CPU does not touch it: what the call returns is a cookie
    SKIP_CPU_SYNC         no cache maintenance; a bounce slot is still filled at map
    WRITE_COMBINE         a write-combining mapping for the CPU
    FORCE_CONTIGUOUS      one physical run, also behind an IOMMU
    ALLOC_SINGLE_PAGES    do not look for large blocks; single pages are what there is anyway
    NO_WARN               no message when an allocation or a bounce fails
    PRIVILEGED            for privileged transactions of the device only
    """

    NONE = 0
    WRITE_COMBINE = 1 << 2
    NO_KERNEL_MAPPING = 1 << 4
    SKIP_CPU_SYNC = 1 << 5
    FORCE_CONTIGUOUS = 1 << 6
    ALLOC_SINGLE_PAGES = 1 << 7
    NO_WARN = 1 << 8
    PRIVILEGED = 1 << 9


class MemoryType(Enum):
    """How the CPU's mapping of coherent memory treats its caches (dma_pgprot); the value is for people."""

    CACHED = "cached"
    UNCACHED = "uncached"
    WRITE_COMBINE = "write-combining"
