"""The IOTLB: translations cached by address-space id, dropped by commands only.

Entries are kept in blocks of 512 pages (2 MiB of IOVA). Only translations are
cached, never faults. A translation that software has unmapped stays usable
until it is invalidated, as on silicon. A block descriptor is one entry: an
invalidation of any page of it drops them all.
"""

from __future__ import annotations

import numpy as np

from soc.mmu.vmsa import ENTRIES, LEVEL_BITS
from soc.mmu.walk import FaultKind, Leaves

GIGABYTE_ORDER = 2 * LEVEL_BITS
"""log2 of the pages of the largest entry, a level-1 block."""


class Iotlb:
    """Cached leaves of every address space. Unbounded, so that runs are deterministic."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[int, int], Leaves] = {}

    def lookup(self, asid: int, page: int, count: int) -> Leaves | None:
        """The leaves of a range if every page of it is cached."""
        found = Leaves.empty(count)
        for key, where, target in self._pieces(page, count):
            block = self._blocks.get((asid, key))
            if block is None or block.faults[where].any():
                return None
            found.put(target, block.part(where))
        return found

    def fill(self, asid: int, page: int, leaves: Leaves) -> None:
        """Cache the translations among `leaves`; a page already cached keeps its old entry."""
        for key, where, source in self._pieces(page, len(leaves.frames)):
            block = self._blocks.setdefault((asid, key), Leaves.empty(ENTRIES))
            new = (leaves.faults[source] == FaultKind.NONE) & (block.faults[where] != FaultKind.NONE)
            block.put(where, leaves.part(source), new)

    def merge_cached(self, asid: int, page: int, leaves: Leaves) -> None:
        """Overwrite `leaves` where an older translation is still cached."""
        for key, where, target in self._pieces(page, len(leaves.frames)):
            block = self._blocks.get((asid, key))
            if block is not None:
                leaves.put(target, block.part(where), block.faults[where] == FaultKind.NONE)

    def invalidate_all(self) -> None:
        """Drop every entry."""
        self._blocks.clear()

    def invalidate_asid(self, asid: int) -> None:
        """Drop every entry of one address space."""
        for key in [key for key in self._blocks if key[0] == asid]:
            del self._blocks[key]

    def invalidate_page(self, asid: int | None, page: int) -> None:
        """Drop the entry that covers `page` in one address space, or in all when `asid` is None."""
        gigabyte = page >> GIGABYTE_ORDER
        for (owner, key), block in self._blocks.items():
            if key >> LEVEL_BITS != gigabyte or (asid is not None and owner != asid):
                continue
            pages = (key << LEVEL_BITS) + np.arange(ENTRIES, dtype=np.int64)
            block.faults[(pages ^ page) >> block.order == 0] = FaultKind.TRANSLATION

    @staticmethod
    def _pieces(page: int, count: int) -> list[tuple[int, slice, slice]]:
        """(block key, slice inside the block, slice inside the range)."""
        out = []
        done = 0
        while done < count:
            index = (page + done) & (ENTRIES - 1)
            length = min(ENTRIES - index, count - done)
            out.append(
                ((page + done) >> LEVEL_BITS, slice(index, index + length), slice(done, done + length))
            )
            done += length
        return out
