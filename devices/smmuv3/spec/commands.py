"""Commands of the command queue. Source: ARM IHI 0070, chapter 4.

Every command is 128 bits; which fields it has depends on its opcode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from devices.smmuv3.spec.features import TERMINATE_ONLY, Features
from devices.smmuv3.spec.granules import TLBI_TG
from devices.smmuv3.spec.layout import Place, join, split
from soc.address import PAGE_SHIFT, Iova, PhysAddr
from soc.mmu.vmsa import Granule

COMMAND_WORDS = 2
EVERY_STREAM = 31
"""`range_log2` of CMD_CFGI_ALL: 1 << 32 streams."""


class Opcode(IntEnum):
    """The architected opcodes but the secure ones. CFGI_ALL is CFGI_STE_RANGE over all streams."""

    PREFETCH_CONFIG = 0x01
    PREFETCH_ADDR = 0x02
    CFGI_STE = 0x03
    CFGI_STE_RANGE = 0x04
    CFGI_ALL = 0x04
    CFGI_CD = 0x05
    CFGI_CD_ALL = 0x06
    CFGI_VMS_PIDM = 0x07
    TLBI_NH_ALL = 0x10
    TLBI_NH_ASID = 0x11
    TLBI_NH_VA = 0x12
    TLBI_NH_VAA = 0x13
    TLBI_EL3_ALL = 0x18
    TLBI_EL3_VA = 0x1A
    TLBI_EL2_ALL = 0x20
    TLBI_EL2_ASID = 0x21
    TLBI_EL2_VA = 0x22
    TLBI_EL2_VAA = 0x23
    TLBI_S12_VMALL = 0x28
    TLBI_S2_IPA = 0x2A
    TLBI_NSNH_ALL = 0x30
    ATC_INV = 0x40
    PRI_RESP = 0x41
    RESUME = 0x44
    STALL_TERM = 0x45
    SYNC = 0x46


class SyncSignal(IntEnum):
    """CMD_SYNC.CS: how completion is told; 3 is CERROR_ILL."""

    NONE = 0
    IRQ = 1
    SEV = 2


class CommandError(IntEnum):
    """CMDQ_CONS.ERR. Without ATS, CERROR_ATC_INV_SYNC cannot arise."""

    NONE = 0
    ILLEGAL = 1
    ABORT = 2
    ATC_INV_SYNC = 3


_PLACES = {
    "secure": Place(10, 1),
    "substream_valid": Place(11, 1),
    "substream": Place(12, 20),
    "num": Place(12, 5),
    "scale": Place(20, 5),
    "retry": Place(12, 1),
    "abort": Place(13, 1),
    "signal": Place(12, 2),
    "msi_shareability": Place(22, 2),
    "msi_attributes": Place(24, 4),
    "stream": Place(32, 32),
    "vmid": Place(32, 16),
    "asid": Place(48, 16),
    "msi_data": Place(32, 32),
    "leaf": Place(64, 1),
    "range_log2": Place(64, 5),
    "prefetch_size": Place(64, 5),
    "prefetch_stride": Place(69, 5),
    "stag": Place(64, 16),
    "ttl": Place(72, 2),
    "tg": Place(74, 2),
    "address": Place(76, 52, 12),
    "ipa": Place(76, 40, 12),
    "msi_address": Place(66, 50, 2),
}

_STREAM = ("secure", "stream")
_SUBSTREAM = (*_STREAM, "substream_valid", "substream")
_RANGE = ("num", "scale", "ttl", "tg", "leaf")

FIELDS: dict[Opcode, tuple[str, ...]] = {
    Opcode.PREFETCH_CONFIG: _SUBSTREAM,
    Opcode.PREFETCH_ADDR: (*_SUBSTREAM, "prefetch_size", "prefetch_stride", "address"),
    Opcode.CFGI_STE: (*_STREAM, "leaf"),
    Opcode.CFGI_STE_RANGE: (*_STREAM, "range_log2"),
    Opcode.CFGI_CD: (*_STREAM, "substream", "leaf"),
    Opcode.CFGI_CD_ALL: _STREAM,
    Opcode.CFGI_VMS_PIDM: ("secure", "vmid"),
    Opcode.TLBI_NH_ALL: ("vmid",),
    Opcode.TLBI_NH_ASID: ("vmid", "asid"),
    Opcode.TLBI_NH_VA: ("vmid", "asid", "address", *_RANGE),
    Opcode.TLBI_NH_VAA: ("vmid", "address", *_RANGE),
    Opcode.TLBI_EL3_ALL: (),
    Opcode.TLBI_EL3_VA: ("address", *_RANGE),
    Opcode.TLBI_EL2_ALL: (),
    Opcode.TLBI_EL2_ASID: ("asid",),
    Opcode.TLBI_EL2_VA: ("asid", "address", *_RANGE),
    Opcode.TLBI_EL2_VAA: ("address", *_RANGE),
    Opcode.TLBI_S12_VMALL: ("vmid",),
    Opcode.TLBI_S2_IPA: ("vmid", "ipa", *_RANGE),
    Opcode.TLBI_NSNH_ALL: (),
    Opcode.ATC_INV: _SUBSTREAM,
    Opcode.PRI_RESP: _SUBSTREAM,
    Opcode.RESUME: (*_STREAM, "retry", "abort", "stag"),
    Opcode.STALL_TERM: _STREAM,
    Opcode.SYNC: ("signal", "msi_shareability", "msi_attributes", "msi_data", "msi_address"),
}
"""The fields of each command; the rest of its bits are reserved and ignored."""

_STAGE1 = frozenset({Opcode.CFGI_CD, Opcode.CFGI_CD_ALL}) | {op for op in Opcode if 0x10 <= op <= 0x13}
_STAGE2 = frozenset({Opcode.TLBI_S12_VMALL, Opcode.TLBI_S2_IPA})
_SECURE_ONLY = frozenset({Opcode.TLBI_EL3_ALL, Opcode.TLBI_EL3_VA})
_HYP = frozenset(op for op in Opcode if 0x20 <= op <= 0x23)
_STALLS = frozenset({Opcode.RESUME, Opcode.STALL_TERM})


@dataclass(frozen=True)
class Command:
    """One command. Fields that its opcode does not have keep their defaults.

    `address` is a virtual or intermediate address; `range_log2` of CFGI_STE_RANGE
    is log2 of the streams, minus one; `tg`, `ttl`, `num` and `scale` describe a
    range of addresses (4.4.1).
    """

    opcode: int
    stream: int = 0
    asid: int = 0
    address: Iova = Iova(0)
    signal: int = 0
    secure: bool = False
    substream_valid: bool = False
    substream: int = 0
    vmid: int = 0
    leaf: bool = True
    range_log2: int = EVERY_STREAM
    num: int = 0
    scale: int = 0
    ttl: int = 0
    tg: int = 0
    prefetch_size: int = 0
    prefetch_stride: int = 0
    retry: bool = False
    abort: bool = False
    stag: int = 0
    msi_shareability: int = 0
    msi_attributes: int = 0
    msi_data: int = 0
    msi_address: PhysAddr = PhysAddr(0)

    @classmethod
    def parse(cls, words: Sequence[int]) -> Command:
        """Any two words; an unknown opcode has no fields."""
        value = join(words)
        opcode = value & 0xFF
        names = FIELDS[Opcode(opcode)] if opcode in FIELDS else ()
        found: dict[str, Any] = {_attribute(name): _PLACES[name].get(value) for name in names}
        return cls(opcode, **found)

    def build(self) -> list[int]:
        """Two words. ValueError for an unknown opcode or a value that does not fit its field."""
        value = int(self.opcode)
        for name in FIELDS[Opcode(self.opcode)]:
            value |= _PLACES[name].put(getattr(self, _attribute(name)))
        return split(value, COMMAND_WORDS)

    # --- ranges --------------------------------------------------------------

    @property
    def granule(self) -> Granule | None:
        """The granule that TG names; None for a command about one address, of entries of any granule."""
        return TLBI_TG.get(self.tg)

    @property
    def level(self) -> int | None:
        """The level TTL says the leaf entries are of; None where it says nothing."""
        if self.granule is None or self.ttl == 0 or (self.granule is Granule.K16 and self.ttl == 1):
            return None
        return self.ttl

    @property
    def pages(self) -> tuple[int, int]:
        """First page (address >> 12) and number of 4 KiB pages to invalidate."""
        if self.granule is None:
            return self.address >> PAGE_SHIFT, 1
        count = (self.num + 1) << self.scale << (self.granule - PAGE_SHIFT)
        return self.address >> PAGE_SHIFT, count

    @property
    def streams(self) -> range:
        """The stream ids of CFGI_STE_RANGE, aligned to their number."""
        count = 2 << self.range_log2
        first = self.stream & ~(count - 1)
        return range(first, first + count)

    # --- validity ------------------------------------------------------------

    def illegal(self, features: Features) -> bool:
        """Whether the command is CERROR_ILL in a non-secure queue (4.1.3 and the command's own rules)."""
        if self.opcode not in FIELDS or self.secure:
            return True
        opcode = Opcode(self.opcode)
        if opcode is Opcode.SYNC:
            return self.signal not in (SyncSignal.NONE, SyncSignal.IRQ, SyncSignal.SEV)
        if opcode in _SECURE_ONLY or opcode is Opcode.CFGI_VMS_PIDM:
            return True
        missing = (
            (opcode in _STAGE1 and not features.s1p)
            or (opcode in _STAGE2 and not features.s2p)
            or (opcode in _HYP and not features.hyp)
            or (opcode in _STALLS and features.stall_model == TERMINATE_ONLY)
            or (opcode is Opcode.ATC_INV and not features.ats)
            or (opcode is Opcode.PRI_RESP and not features.pri)
        )
        return missing or self._reserved_range()

    def _reserved_range(self) -> bool:
        """A granule without a range and without a level says nothing, and is reserved."""
        return self.granule is not None and not self.num and not self.scale and self.level is None


def _attribute(name: str) -> str:
    """An intermediate address is narrower in the command, but an address like the others."""
    return "address" if name == "ipa" else name
