"""What the SMMUv3 driver makes of the identification registers.

Source: arm_smmu_device_hw_probe of drivers/iommu/arm/arm-smmu-v3, whose names
and numbers the feature bits have; ARM IHI 0070, 6.3.1 to 6.3.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from errno import ENXIO

from devices.smmuv3.spec import Features
from soc.kernel.errors import KernelError
from soc.kernel.registers import Registers
from soc.mmu.vmsa import Granule

VA_BITS = 48
"""Stage-1 input addresses: as wide as the kernel's own, and as four levels of 4 KiB pages carry."""

STRTAB_SPLIT = 8
"""Bits of a stream id that index one level-2 stream table."""

MOST_L1_BITS = 17
MOST_QUEUE_BITS = 16
BATCH_BITS = 6
"""The command queue must hold more than one batch of 64."""


class Feature(IntFlag):
    """As the kernel log prints them."""

    TWO_LEVEL_STRTAB = 1 << 0
    TWO_LEVEL_CDTAB = 1 << 1
    TT_LE = 1 << 2
    TT_BE = 1 << 3
    PRI = 1 << 4
    ATS = 1 << 5
    SEV = 1 << 6
    MSI = 1 << 7
    COHERENCY = 1 << 8
    TRANS_S1 = 1 << 9
    TRANS_S2 = 1 << 10
    STALLS = 1 << 11
    HYP = 1 << 12
    STALL_FORCE = 1 << 13
    VAX = 1 << 14
    RANGE_INV = 1 << 15
    BTM = 1 << 16
    HA = 1 << 21
    HD = 1 << 22


@dataclass(frozen=True)
class Probed:
    """One SMMU as the driver will use it. Sizes in bits; `cmdq`, `eventq` are log2 of the entries."""

    features: Feature
    sid_bits: int
    ssid_bits: int
    asid_bits: int
    vmid_bits: int
    ias: int
    oas: int
    granule: Granule
    cmdq: int
    eventq: int

    def has(self, feature: Feature) -> bool:
        return bool(self.features & feature)

    @property
    def stage(self) -> int:
        """The stage of a DMA domain: 1 where there is one."""
        return 1 if self.has(Feature.TRANS_S1) else 2

    @property
    def input_bits(self) -> int:
        """Input addresses of a DMA domain."""
        return VA_BITS if self.stage == 1 else self.ias

    @property
    def two_level(self) -> bool:
        return self.has(Feature.TWO_LEVEL_STRTAB)

    @classmethod
    def of(cls, regs: Registers) -> Probed:
        """-ENXIO for an SMMU that this driver cannot use."""
        idr0, idr1, idr3, idr5 = (regs.read(name) for name in ("IDR0", "IDR1", "IDR3", "IDR5"))
        spec = Features.parse(idr0, idr1, idr3, idr5)
        if spec.ttendian == 1:
            raise KernelError(ENXIO, "unknown/unsupported TT endianness!")
        if not (spec.s1p or spec.s2p):
            raise KernelError(ENXIO, "no translation support!")
        if not spec.ttf & 2:
            raise KernelError(ENXIO, "AArch64 table format not supported!")
        cmdq = min(idr1 >> 21 & 0x1F, MOST_QUEUE_BITS)
        if cmdq <= BATCH_BITS:
            raise KernelError(ENXIO, f"command queue size <= {1 << BATCH_BITS} entries not supported")
        return cls(
            features=_features(spec, idr0),
            sid_bits=spec.sid_size,
            ssid_bits=spec.ssid_size,
            asid_bits=16 if spec.asid16 else 8,
            vmid_bits=16 if spec.vmid16 else 8,
            ias=spec.ias,
            oas=min(spec.oas, VA_BITS),
            granule=min(spec.granules, default=Granule.K4),
            cmdq=cmdq,
            eventq=min(idr1 >> 16 & 0x1F, MOST_QUEUE_BITS),
        )


def _features(spec: Features, idr0: int) -> Feature:
    present = {
        Feature.TWO_LEVEL_STRTAB: spec.st_level == 1 and spec.sid_size > STRTAB_SPLIT,
        Feature.TWO_LEVEL_CDTAB: spec.cd2l,
        Feature.TT_LE: spec.ttendian in (0, 2),
        Feature.TT_BE: spec.ttendian in (0, 3),
        Feature.PRI: spec.pri,
        Feature.ATS: spec.ats,
        Feature.SEV: spec.sev,
        Feature.MSI: spec.msi,
        Feature.COHERENCY: bool(idr0 >> 4 & 1),
        Feature.TRANS_S1: spec.s1p,
        Feature.TRANS_S2: spec.s2p,
        Feature.STALLS: spec.stall_model in (0, 2),
        Feature.STALL_FORCE: spec.stall_model == 2,
        Feature.HYP: spec.hyp,
        Feature.VAX: bool(spec.vax),
        Feature.RANGE_INV: spec.ril,
        Feature.BTM: bool(idr0 >> 5 & 1),
        Feature.HA: spec.httu >= 1,
        Feature.HD: spec.httu == 2,
    }
    found = Feature(0)
    for feature, there in present.items():
        found |= feature if there else Feature(0)
    return found
