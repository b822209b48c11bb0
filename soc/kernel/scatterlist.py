"""sg_table: a buffer's memory, seen from the CPU and from one device.

The CPU side (`starts`, `lengths`: physical, `orig_nents` entries) never
changes; the DMA side (`dma_address`, `dma_length`, `nents` entries) is filled
by dma_map_sgtable for one device and is empty before that. The two sides may
have different numbers of entries: iterate each with its own count.
Source: include/linux/scatterlist.h; SEMANTICS 6.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT
from soc.memory.dram import Frames

Ints = NDArray[np.int64]


class DmaDirection(Enum):
    """enum dma_data_direction."""

    BIDIRECTIONAL = 0
    TO_DEVICE = 1
    FROM_DEVICE = 2
    NONE = 3


def _none() -> Ints:
    return np.empty(0, dtype=np.int64)


@dataclass(eq=False)
class SgTable:
    """`starts` physical byte addresses and `lengths` in bytes, both page multiples, shape (n,)."""

    starts: Ints
    lengths: Ints
    dma_address: Ints = field(default_factory=_none)
    dma_length: Ints = field(default_factory=_none)

    @classmethod
    def of(cls, segments: list[tuple[int, int]]) -> SgTable:
        """From [(physical address, bytes), ...]."""
        table = np.array(segments, dtype=np.int64).reshape(-1, 2)
        return cls(table[:, 0].copy(), table[:, 1].copy())

    @property
    def orig_nents(self) -> int:
        return len(self.starts)

    @property
    def nents(self) -> int:
        return len(self.dma_address)

    @property
    def size(self) -> int:
        """Bytes of the whole buffer."""
        return int(self.lengths.sum())

    def frames(self) -> Frames:
        """Every page frame of the buffer in order, shape (size / 4096,)."""
        counts = self.lengths >> PAGE_SHIFT
        first = np.repeat(self.starts >> PAGE_SHIFT, counts)
        within = np.arange(int(counts.sum()), dtype=np.int64)
        frames: Frames = first + within - np.repeat(np.cumsum(counts) - counts, counts)
        return frames

    def copy(self) -> SgTable:
        """The same memory with an empty DMA side, as exporters hand to each attachment."""
        return SgTable(self.starts, self.lengths)
