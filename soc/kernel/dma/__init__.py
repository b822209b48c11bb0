"""The DMA API of the kernel. Source: Documentation/core-api/dma-api.rst; SEMANTICS 6."""

from soc.kernel.dma.mapping import dma_map_sgtable, dma_unmap_sgtable

__all__ = ["dma_map_sgtable", "dma_unmap_sgtable"]
