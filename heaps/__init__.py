"""Heaps: where buffers come from. A folder per kind of memory, and one per front end: ion, dma_heap."""
