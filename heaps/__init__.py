"""Heaps: where buffers come from. One module per kind of memory."""

from __future__ import annotations

from heaps.carveout import CarveoutHeap

HEAP_KINDS = {"carveout": CarveoutHeap}
