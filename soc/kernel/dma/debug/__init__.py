"""Checks that drivers use the DMA API as it demands (CONFIG_DMA_API_DEBUG). Source: kernel/dma/debug.c."""

from soc.kernel.dma.debug.debug import DmaDebug
from soc.kernel.dma.debug.views import add_views

__all__ = ["DmaDebug", "add_views"]
