"""The IOTLB: translations cached by address-space id, dropped by commands only.

Entries are kept in arrays of 512 pages (2 MiB of IOVA). Only translations are
cached, never faults. A translation that software has unmapped stays usable
until it is invalidated, as on silicon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soc.memory.dram import Frames
from soc.mmu.vmsa import ENTRIES, LEVEL_BITS
from soc.mmu.walk import FaultKind, Leaves


@dataclass(eq=False)
class _Block:
    frames: Frames
    writable: NDArray[np.bool_]
    present: NDArray[np.bool_]

    @classmethod
    def empty(cls) -> _Block:
        return cls(
            np.zeros(ENTRIES, dtype=np.int64),
            np.zeros(ENTRIES, dtype=np.bool_),
            np.zeros(ENTRIES, dtype=np.bool_),
        )


class Iotlb:
    """Cached leaves of every address space. Unbounded, so that runs are deterministic."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[int, int], _Block] = {}

    def lookup(self, asid: int, page: int, count: int) -> Leaves | None:
        """The leaves of a range if every page of it is cached."""
        frames, writable = [], []
        for key, where, _ in self._pieces(page, count):
            block = self._blocks.get((asid, key))
            if block is None or not block.present[where].all():
                return None
            frames.append(block.frames[where])
            writable.append(block.writable[where])
        faults = np.full(count, FaultKind.NONE, dtype=np.uint8)
        return Leaves(np.concatenate(frames), np.concatenate(writable), faults)

    def fill(self, asid: int, page: int, leaves: Leaves) -> None:
        """Cache the translations among `leaves`; a page already cached keeps its old entry."""
        for key, where, source in self._pieces(page, len(leaves.frames)):
            block = self._blocks.setdefault((asid, key), _Block.empty())
            new = (leaves.faults[source] == FaultKind.NONE) & ~block.present[where]
            block.frames[where][new] = leaves.frames[source][new]
            block.writable[where][new] = leaves.writable[source][new]
            block.present[where] |= new

    def merge_cached(self, asid: int, page: int, leaves: Leaves) -> None:
        """Overwrite `leaves` where an older translation is still cached."""
        for key, where, source in self._pieces(page, len(leaves.frames)):
            block = self._blocks.get((asid, key))
            if block is None:
                continue
            old = block.present[where]
            leaves.frames[source][old] = block.frames[where][old]
            leaves.writable[source][old] = block.writable[where][old]
            leaves.faults[source][old] = FaultKind.NONE

    def invalidate_all(self) -> None:
        self._blocks.clear()

    def invalidate_asid(self, asid: int) -> None:
        for key in [key for key in self._blocks if key[0] == asid]:
            del self._blocks[key]

    def invalidate_page(self, asid: int | None, page: int) -> None:
        """Drop one page of one address space, or of all when `asid` is None."""
        for key in [key for key in self._blocks if key[1] == page >> LEVEL_BITS]:
            if asid is None or key[0] == asid:
                self._blocks[key].present[page & (ENTRIES - 1)] = False

    @staticmethod
    def _pieces(page: int, count: int) -> list[tuple[int, slice, slice]]:
        """(block key, slice inside the block, slice inside the range)."""
        out = []
        done = 0
        while done < count:
            index = (page + done) & (ENTRIES - 1)
            length = min(ENTRIES - index, count - done)
            out.append(((page + done) >> LEVEL_BITS, slice(index, index + length), slice(done, done + length)))
            done += length
        return out
