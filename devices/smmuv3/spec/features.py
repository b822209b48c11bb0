"""What an implementation supports, by its identification registers. Source: ARM IHI 0070, 6.3.1 to 6.3.6."""

from __future__ import annotations

from dataclasses import dataclass

from soc.mmu.vmsa import Granule

ADDRESS_BITS = (32, 36, 40, 42, 44, 48, 52, 56)
"""Sizes in bits that IDR5.OAS, CD.IPS and STE.S2PS encode."""

TERMINATE_ONLY = 1
STALL_FORCED = 2
LITTLE_ENDIAN = 2
BIG_ENDIAN = 3


def address_bits(code: int, implemented: int) -> int:
    """Effective size in bits of CD.IPS or STE.S2PS: capped at the implemented output size."""
    return min(ADDRESS_BITS[code], implemented)


def _bits(value: int, low: int, width: int = 1) -> int:
    return (value >> low) & ((1 << width) - 1)


@dataclass(frozen=True)
class Features:
    """Fields of IDR0, IDR1, IDR3 and IDR5 by their names; `oas` in bits."""

    s1p: bool = True
    s2p: bool = True
    ttf: int = 2
    httu: int = 2
    hyp: bool = False
    ats: bool = False
    asid16: bool = True
    msi: bool = True
    sev: bool = True
    pri: bool = False
    vmid16: bool = True
    cd2l: bool = True
    ttendian: int = LITTLE_ENDIAN
    stall_model: int = 0
    term_model: bool = False
    st_level: int = 1
    sid_size: int = 16
    ssid_size: int = 16
    had: bool = True
    ril: bool = True
    stt: bool = False
    oas: int = 40
    vax: int = 0
    granules: frozenset[Granule] = frozenset(Granule)

    @classmethod
    def parse(cls, idr0: int, idr1: int, idr3: int, idr5: int) -> Features:
        """From the values of the four registers."""
        sizes = {Granule.K4: 4, Granule.K16: 5, Granule.K64: 6}
        return cls(
            s2p=bool(_bits(idr0, 0)),
            s1p=bool(_bits(idr0, 1)),
            ttf=_bits(idr0, 2, 2),
            httu=_bits(idr0, 6, 2),
            hyp=bool(_bits(idr0, 9)),
            ats=bool(_bits(idr0, 10)),
            asid16=bool(_bits(idr0, 12)),
            msi=bool(_bits(idr0, 13)),
            sev=bool(_bits(idr0, 14)),
            pri=bool(_bits(idr0, 16)),
            vmid16=bool(_bits(idr0, 18)),
            cd2l=bool(_bits(idr0, 19)),
            ttendian=_bits(idr0, 21, 2),
            stall_model=_bits(idr0, 24, 2),
            term_model=bool(_bits(idr0, 26)),
            st_level=_bits(idr0, 27, 2),
            sid_size=_bits(idr1, 0, 6),
            ssid_size=_bits(idr1, 6, 5),
            had=bool(_bits(idr3, 2)),
            stt=bool(_bits(idr3, 9)),
            ril=bool(_bits(idr3, 10)),
            oas=ADDRESS_BITS[_bits(idr5, 0, 3)],
            vax=_bits(idr5, 10, 2),
            granules=frozenset(size for size, bit in sizes.items() if _bits(idr5, bit)),
        )

    @property
    def ias(self) -> int:
        """Bits of an intermediate address: the output size, as only AArch64 tables are supported (3.4)."""
        return max(40, self.oas) if self.ttf & 1 else self.oas

    def t0sz_limits(self, granule: Granule) -> tuple[int, int]:
        """Smallest and largest legal T0SZ, T1SZ of stage 1 for a granule (5.4)."""
        largest = 39 if not self.stt else 47 if granule is Granule.K64 else 48
        return (12 if self.vax and granule is Granule.K64 else 16), largest

    def s2_t0sz_limits(self, granule: Granule) -> tuple[int, int]:
        """Smallest and largest legal S2T0SZ for a granule (5.2)."""
        largest = 39 if not self.stt else 47 if granule is Granule.K64 else 48
        return max(12 if granule is Granule.K64 else 16, 64 - self.ias), largest
