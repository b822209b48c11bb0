"""Context descriptors (CD): one stage-1 address space each. Source: ARM IHI 0070, 5.4.

52-bit addresses, permission indirection, PBHA and MPAM are not declared: this
SMMU has none of these, so software keeps their fields zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from devices.smmuv3.spec.features import (
    BIG_ENDIAN,
    LITTLE_ENDIAN,
    STALL_FORCED,
    TERMINATE_ONLY,
    Features,
    address_bits,
)
from devices.smmuv3.spec.granules import TG0, TG1
from devices.smmuv3.spec.layout import Structure, at
from devices.smmuv3.spec.tables import CD_WORDS
from soc.address import PhysAddr
from soc.mmu.vmsa import Granule, Regime


@dataclass(frozen=True)
class ContextDescriptor(Structure):
    """One CD. Names follow the specification's; TTB0 and TTB1 hold whole addresses."""

    WORDS: ClassVar[int] = CD_WORDS

    t0sz: int = at(0, 6)
    tg0: int = at(6, 2)
    ir0: int = at(8, 2)
    or0: int = at(10, 2)
    sh0: int = at(12, 2)
    epd0: bool = at(14)
    endi: bool = at(15)
    t1sz: int = at(16, 6)
    tg1: int = at(22, 2)
    ir1: int = at(24, 2)
    or1: int = at(26, 2)
    sh1: int = at(28, 2)
    epd1: bool = at(30)
    valid: bool = at(31)
    ips: int = at(32, 3)
    affd: bool = at(35)
    wxn: bool = at(36)
    uwxn: bool = at(37)
    tbi0: bool = at(38)
    tbi1: bool = at(39)
    pan: bool = at(40)
    aa64: bool = at(41)
    hd: bool = at(42)
    ha: bool = at(43)
    stall: bool = at(44)
    record: bool = at(45)
    abort: bool = at(46)
    aset: bool = at(47)
    asid: int = at(48, 16)
    had0: bool = at(65)
    ttb0: PhysAddr = at(68, 48, shift=4)
    had1: bool = at(129)
    ttb1: PhysAddr = at(132, 48, shift=4)
    mair: int = at(192, 64)
    amair: int = at(256, 64)

    # --- validity ------------------------------------------------------------

    def problem(self, features: Features, stall_disabled: bool = False) -> str | None:
        """Why the CD is ILLEGAL, so that its use is C_BAD_CD; None if it is not (5.4.2).

        `stall_disabled`: S1STALLD of the STE it was found through.
        """
        if not self.valid:
            return "V is 0"
        if stall_disabled and self.stall:
            return "S although the STE has S1STALLD"
        if features.term_model and not self.abort:
            return "A must be 1"
        if features.stall_model == TERMINATE_ONLY and self.stall:
            return "S without stalls"
        if features.stall_model == STALL_FORCED and not self.stall:
            return "S must be 1"
        if not (self.epd0 and self.epd1):
            if features.ttendian == LITTLE_ENDIAN and self.endi:
                return "ENDI without big-endian tables"
            if features.ttendian == BIG_ENDIAN and not self.endi:
                return "ENDI without little-endian tables"
        if not features.ttf & (2 if self.aa64 else 1):
            return "AA64 selects a table format that is not implemented"
        if (self.ha and not features.httu) or (self.hd and features.httu < 2):
            return "HA or HD without hardware update"
        if self.asid >> 8 and not features.asid16:
            return "ASID is beyond 8 bits"
        found = None
        if not self.epd0:
            found = self._region_problem(features, "0", TG0.get(self.tg0), self.t0sz, self.ttb0)
        if found is None and not self.epd1:
            found = self._region_problem(features, "1", TG1.get(self.tg1), self.t1sz, self.ttb1)
        return found

    def _region_problem(
        self, features: Features, name: str, granule: Granule | None, size: int, table: PhysAddr
    ) -> str | None:
        """What is wrong with the fields of one of the two address ranges."""
        if granule is None or granule not in features.granules:
            return f"TG{name} is no granule"
        smallest, largest = features.t0sz_limits(granule)
        if not smallest <= size <= largest:
            return f"T{name}SZ {size} is not in {smallest}..{largest}"
        if table >> address_bits(self.ips, features.oas):
            return f"TTB{name} {table:#x} is out of range"
        return None

    # --- how to walk ---------------------------------------------------------

    def covers_high(self, address: int) -> bool:
        """Whether an input address belongs to TTB1: VA[55] selects (3.4.1)."""
        return bool(address >> 55 & 1)

    def disabled(self, high: bool) -> bool:
        """EPD0 or EPD1: a miss in this range is a translation fault without a walk."""
        return self.epd1 if high else self.epd0

    def ignores_top_byte(self, high: bool) -> bool:
        """TBI0 or TBI1."""
        return self.tbi1 if high else self.tbi0

    def regime(self, features: Features, high: bool = False) -> Regime:
        """The tables of TTB0, or of TTB1 when `high`, of a descriptor without a problem."""
        hierarchical = not (self.had1 if high else self.had0) or not features.had
        return Regime(
            self.ttb1 if high else self.ttb0,
            self.t1sz if high else self.t0sz,
            address_bits(self.ips, features.oas),
            access_flag_fault=not self.affd,
            granule=TG1[self.tg1] if high else TG0[self.tg0],
            high=high,
            hierarchical=hierarchical,
            update_access=self.ha,
            update_dirty=self.ha and self.hd,
            write_no_execute=self.wxn,
        )

    # --- common shapes ---------------------------------------------------------
