"""Checks that drivers use the DMA API as it demands (CONFIG_DMA_API_DEBUG). Source: SEMANTICS 6.5."""

from soc.kernel.dma_debug.debug import DmaDebug
from soc.kernel.dma_debug.views import add_views

__all__ = ["DmaDebug", "add_views"]
