"""Which Linux the modelled kernel behaves as, where the rules of buffer sharing changed.

2011   3.3: dma-buf as first merged; one mutex, no CPU access, no mmap
4.9    ION with clients and handles; CPU access, mmap, vmap, fences, SYNC ioctl
6.12   dma-heaps; dynamic importers, names, sync_file ioctls, resv locking
6.15   nothing is mapped at attach any more; a dynamic exporter is pinned per mapping
6.19   every reusable region of the device tree is a heap; default_cma_region
"""

from __future__ import annotations

from enum import Enum
from functools import total_ordering


@total_ordering
class Generation(Enum):
    """Ordered: `kernel.generation >= Generation.V6_12`. The value is what boards and scenarios write."""

    V2011 = "2011"
    V4_9 = "4.9"
    V6_12 = "6.12"
    V6_15 = "6.15"
    V6_19 = "6.19"

    def __init__(self, value: str) -> None:
        self._rank = len(type(self).__members__)

    def __lt__(self, other: object) -> bool:
        return self._rank < other._rank if isinstance(other, Generation) else NotImplemented

    def __str__(self) -> str:
        return self.value


DEFAULT_GENERATION = Generation.V6_12
