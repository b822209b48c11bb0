"""Clearing memory between two owners, with the CPU, so that neither view of it keeps a byte.

Source: ion_heap_pages_zero and ion_pages_sync_for_device (ion_heap.c, 4.9),
arch_dma_prep_coherent.

Linux clears uncached memory through an uncached mapping; clearing through the
cache and cleaning it leaves the same behind: zeros in DRAM, and no line that differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.kernel.mm.clear import clear
from soc.kernel.scatterlist import SgTable
from soc.memory.cache.views import CleanedView

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel


def zero_fresh(kernel: Kernel, table: SgTable, cached: bool) -> None:
    """Clear pages that come from the page allocator; clean them, too, if nobody is to cache them."""
    if not cached:
        zero_for_device(kernel, table)
        return
    for span in table.spans:
        clear(kernel.cpu, span)


def zero_for_device(kernel: Kernel, table: SgTable) -> None:
    """Both views are zeros, and no line is dirty: memory that may be used uncached.

    What devices left there is nobody's data any more.
    """
    for span in table.spans:
        if kernel.cache is None:
            clear(kernel.cpu, span)
        else:
            kernel.cache.forget(span.frames)
            clear(kernel.cpu.through(CleanedView(kernel.cache, kernel.cpu.name)), span)
