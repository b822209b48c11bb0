"""A buffer of blocks: orders 8, 4 and 0, the largest that fits first.

Once an order has run out, or is larger than what is left, no block of it is
taken for this buffer any more: the ceiling never rises. Each block is an entry
of the table of its own, in the order in which they were taken.
Source: drivers/dma-buf/heaps/system_heap.c (6.12), ion_system_heap.c (4.9): alloc_largest_available.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EINTR
from typing import Protocol

import numpy as np

from soc.address import PAGE_SHIFT, PAGE_SIZE
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import SgTable
from soc.memory.span import Frames

ORDERS = (8, 4, 0)
"""Blocks of 1 MiB, 64 KiB and 4 KiB."""

Parts = list[tuple[int, Frames]]
"""Blocks as (order, their first frames)."""


class BlockSource(Protocol):
    """Where blocks come from: the page allocator, or page pools in front of it."""

    def take(self, order: int, most: int) -> Frames:
        """First frames of up to `most` blocks of `order`, at least one; none when there is none."""
        ...

    def give(self, order: int, frames: Frames) -> None:
        """These blocks of `order` are not wanted any more."""
        ...


def never() -> bool:
    """Nobody looks for signals."""
    return False


def allocate_blocks(
    source: BlockSource, heap: str, pages: int, killed: Callable[[], bool] = never
) -> SgTable | None:
    """A table of `pages` pages, one entry per block. None when the source runs out, -EINTR once
    `killed()`: everything is given back then."""
    parts: Parts = []
    left = pages
    for order in ORDERS:
        while wanted := left >> order:
            if killed():
                _give_all(source, parts)
                raise KernelError(EINTR, f"{heap}: killed with {left} of {pages} pages to go")
            found = source.take(order, 1 if order else wanted)
            if not len(found):
                break
            parts.append((order, found))
            left -= len(found) << order
    if left:
        _give_all(source, parts)
        return None
    return table_of(parts)


def table_of(parts: Parts) -> SgTable:
    """A table of these blocks, one entry each."""
    starts = np.concatenate([frames for _, frames in parts]) << PAGE_SHIFT
    lengths = np.repeat([PAGE_SIZE << order for order, _ in parts], [len(frames) for _, frames in parts])
    return SgTable(starts, lengths)


def give_blocks(source: BlockSource, table: SgTable) -> None:
    """Give back every block of `table`."""
    for order in ORDERS:
        frames = table.starts[table.lengths == PAGE_SIZE << order] >> PAGE_SHIFT
        if len(frames):
            source.give(order, frames)


def _give_all(source: BlockSource, parts: Parts) -> None:
    for order, frames in parts:
        source.give(order, frames)
