"""A table of the system heaps as the blocks it is made of."""

from __future__ import annotations

from soc.address import PAGE_SHIFT
from soc.kernel.scatterlist import SgTable


def blocks_of(table: SgTable) -> list[tuple[int, int]]:
    """(first frame, order) of every block, in order."""
    orders = (int(length >> PAGE_SHIFT).bit_length() - 1 for length in table.lengths)
    return list(zip((table.starts >> PAGE_SHIFT).tolist(), orders, strict=True))
