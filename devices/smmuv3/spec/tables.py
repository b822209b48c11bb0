"""First levels of two-level stream and context tables. Source: ARM IHI 0070, 5.1, 5.3 and STE.S1Fmt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from devices.smmuv3.spec.layout import Structure, at
from soc.address import PhysAddr

STE_WORDS = 8
CD_WORDS = 8


class S1Format(IntEnum):
    """STE.S1Fmt: the table of context descriptors. 3 is reserved and behaves as 0."""

    LINEAR = 0
    TWO_LEVEL_4K = 1
    TWO_LEVEL_64K = 2

    @classmethod
    def _missing_(cls, value: object) -> S1Format | None:
        return cls.LINEAR if value == 3 else None

    @property
    def leaf_bits(self) -> int:
        """Bits of a substream id that index a level-2 table; 0 for a linear one."""
        return {S1Format.TWO_LEVEL_4K: 6, S1Format.TWO_LEVEL_64K: 10}.get(self, 0)


@dataclass(frozen=True)
class L1StreamTableDescriptor(Structure):
    """Where the entries of one range of stream ids lie: 1 << (span - 1) of them, none for span 0."""

    WORDS: ClassVar[int] = 1
    LARGEST_SPAN: ClassVar[int] = 11

    span: int = at(0, 5)
    l2_ptr: PhysAddr = at(6, 50, shift=6)

    def table(self, split: int) -> tuple[PhysAddr, int] | None:
        """Address and number of entries of the level-2 array, with STRTAB_BASE_CFG.SPLIT `split`.

        None where the span is invalid: such stream ids are C_BAD_STREAMID.
        """
        if not 0 < self.span <= min(self.LARGEST_SPAN, split + 1):
            return None
        entries = 1 << (self.span - 1)
        return PhysAddr(self.l2_ptr & ~(entries * STE_WORDS * 8 - 1)), entries


@dataclass(frozen=True)
class L1ContextDescriptor(Structure):
    """Where the context descriptors of one range of substreams lie. C_BAD_SUBSTREAMID if not valid."""

    WORDS: ClassVar[int] = 1

    valid: bool = at(0)
    l2_ptr: PhysAddr = at(12, 44, shift=12)
