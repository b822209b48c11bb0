"""Carveouts: contiguous buffers from a reserved region."""

from heaps.carveout.dma_heap import CarveoutHeap

__all__ = ["CarveoutHeap"]
