"""Migrate types: who may use the free pages of a pageblock.

A pageblock is the largest buddy block, 1024 pages (4 MiB), so a CMA region,
which is aligned to 4 MiB, consists of whole pageblocks and no free block ever
lies in two of them.
Source: include/linux/mmzone.h, mm/page_alloc.c (6.12, without huge pages).
"""

from __future__ import annotations

from enum import IntEnum

MAX_ORDER = 10
ORDERS = range(MAX_ORDER + 1)
PAGEBLOCK_ORDER = MAX_ORDER
PAGEBLOCK_PAGES = 1 << PAGEBLOCK_ORDER


class MigrateType(IntEnum):
    """In the order of /proc/pagetypeinfo. RECLAIMABLE and HIGHATOMIC stay empty here."""

    UNMOVABLE = 0
    MOVABLE = 1
    RECLAIMABLE = 2
    HIGHATOMIC = 3
    CMA = 4
    ISOLATE = 5

    @property
    def label(self) -> str:
        """As /proc/pagetypeinfo spells it."""
        return LABELS[self]


LABELS = ("Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate")
