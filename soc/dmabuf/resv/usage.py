"""What a fence in a dma_resv says of the buffer's use, and who has to wait for it.

    usage      who adds it                            who waits for it
    KERNEL     memory management: moves, clears       everybody, always
    WRITE      a job that writes, implicit sync       readers and writers
    READ       a job that reads, implicit sync        writers
    BOOKKEEP   explicit sync, page tables, preemption  memory management only

Source: include/linux/dma-resv.h.
"""

from __future__ import annotations

from enum import IntEnum


class DmaResvUsage(IntEnum):
    """A query for one usage returns the fences of that value and of all smaller ones."""

    KERNEL = 0
    WRITE = 1
    READ = 2
    BOOKKEEP = 3


def dma_resv_usage_rw(write: bool) -> DmaResvUsage:
    """What somebody with implicit sync must wait for: a writer for readers too, a reader for writers."""
    return DmaResvUsage.READ if write else DmaResvUsage.WRITE
