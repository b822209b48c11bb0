"""The SMMU's circular queues in memory. Source: ARM IHI 0070, 3.5.

An index is `log2` bits of position and one wrap bit above them: equal indices
mean empty, equal positions with different wrap bits mean full.
"""

from __future__ import annotations

from dataclasses import dataclass

from soc.address import PhysAddr

ALIGNMENT = 32
"""Bytes to which every queue is aligned at least."""


@dataclass(frozen=True)
class QueueShape:
    """Where a queue lies and how large it is: `entry` bytes each, 1 << log2 entries."""

    base: PhysAddr
    log2: int
    entry: int

    @classmethod
    def parse(cls, base_register: int, entry: int, limit: int, oas: int) -> QueueShape:
        """From a *_BASE register; a LOG2SIZE above the implemented `limit` acts as the limit.

        The address is cut to `oas` output bits (3.4.3) and aligned to the queue's size.
        """
        log2 = min(base_register & 0x1F, limit)
        address = base_register & ((1 << oas) - ALIGNMENT)
        return cls(PhysAddr(address & ~((entry << log2) - 1)), log2, entry)

    @property
    def index_mask(self) -> int:
        return (2 << self.log2) - 1

    def address(self, index: int) -> PhysAddr:
        return PhysAddr(self.base + (index & ((1 << self.log2) - 1)) * self.entry)

    def next(self, index: int) -> int:
        return (index + 1) & self.index_mask

    def empty(self, prod: int, cons: int) -> bool:
        return (prod & self.index_mask) == (cons & self.index_mask)

    def full(self, prod: int, cons: int) -> bool:
        return (prod ^ cons) & self.index_mask == 1 << self.log2
