"""Stream table entries (STE). Source: ARM IHI 0070, 5.2.

Fields of the secure and realm interfaces, MPAM, permission indirection and
PBHA are not declared: this SMMU has none of these, so software keeps them zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from devices.smmuv3.spec.features import (
    BIG_ENDIAN,
    LITTLE_ENDIAN,
    STALL_FORCED,
    TERMINATE_ONLY,
    Features,
    address_bits,
)
from devices.smmuv3.spec.granules import TG0
from devices.smmuv3.spec.layout import Structure, at
from devices.smmuv3.spec.tables import STE_WORDS, S1Format
from soc.address import PhysAddr
from soc.mmu.vmsa import Granule, Regime


class SteConfig(IntEnum):
    """STE.Config: bit 2 lets traffic pass, bit 0 enables stage 1, bit 1 stage 2. 0 to 3 all abort."""

    ABORT = 0
    BYPASS = 4
    STAGE1 = 5
    STAGE2 = 6
    NESTED = 7


class DefaultSubstream(IntEnum):
    """STE.S1DSS: traffic without a substream where substreams are on. 3 is reserved, as 0."""

    TERMINATE = 0
    BYPASS = 1
    SUBSTREAM0 = 2


class Override(IntEnum):
    """STE.PRIVCFG, INSTCFG and the same fields of GBPA. 1 is reserved, as 0."""

    INCOMING = 0
    CLEAR = 2
    SET = 3


@dataclass(frozen=True)
class StreamTableEntry(Structure):
    """One STE. Names follow the specification's; address fields hold whole addresses."""

    WORDS: ClassVar[int] = STE_WORDS

    valid: bool = at(0)
    config: int = at(1, 3)
    s1_fmt: int = at(4, 2)
    s1_context_ptr: PhysAddr = at(6, 50, shift=6)
    s1_cd_max: int = at(59, 5)
    s1_dss: int = at(64, 2)
    s1_cir: int = at(66, 2)
    s1_cor: int = at(68, 2)
    s1_csh: int = at(70, 2)
    dre: bool = at(76)
    cont: int = at(77, 4)
    dcp: bool = at(81)
    ppar: bool = at(82)
    mev: bool = at(83)
    sw_reserved: int = at(84, 4)
    s2_fwb: bool = at(89)
    s1_stalld: bool = at(91)
    eats: int = at(92, 2)
    strw: int = at(94, 2)
    mem_attr: int = at(96, 4)
    mt_cfg: bool = at(100)
    alloc_cfg: int = at(101, 4)
    sh_cfg: int = at(108, 2)
    ns_cfg: int = at(110, 2)
    priv_cfg: int = at(112, 2)
    inst_cfg: int = at(114, 2)
    s2_vmid: int = at(128, 16)
    s2_t0sz: int = at(160, 6)
    s2_sl0: int = at(166, 2)
    s2_ir0: int = at(168, 2)
    s2_or0: int = at(170, 2)
    s2_sh0: int = at(172, 2)
    s2_tg: int = at(174, 2)
    s2_ps: int = at(176, 3)
    s2_aa64: bool = at(179)
    s2_endi: bool = at(180)
    s2_affd: bool = at(181)
    s2_ptw: bool = at(182)
    s2_hd: bool = at(183)
    s2_ha: bool = at(184)
    s2_s: bool = at(185)
    s2_r: bool = at(186)
    s2_ttb: PhysAddr = at(196, 48, shift=4)

    # --- what it says --------------------------------------------------------

    @property
    def passes(self) -> bool:
        """Whether traffic can pass at all."""
        return bool(self.config & SteConfig.BYPASS)

    @property
    def stage1(self) -> bool:
        return self.passes and bool(self.config & 1)

    @property
    def stage2(self) -> bool:
        return self.passes and bool(self.config & 2)

    @property
    def substreams(self) -> bool:
        """Whether the STE points at more than one context descriptor."""
        return self.stage1 and self.s1_cd_max > 0

    def privileged(self, incoming: bool) -> bool:
        """The access's privilege after STE.PRIVCFG."""
        return incoming if self.priv_cfg < Override.CLEAR else self.priv_cfg == Override.SET

    def instruction(self, incoming: bool, write: bool) -> bool:
        """Whether the access counts as an instruction fetch after STE.INSTCFG; writes never do."""
        if write:
            return False
        return incoming if self.inst_cfg < Override.CLEAR else self.inst_cfg == Override.SET

    # --- validity ------------------------------------------------------------

    def problem(self, features: Features) -> str | None:
        """Why the STE is ILLEGAL for a non-secure stream (5.2.2): its use is C_BAD_STE. None if it is not."""
        if not self.valid:
            return "V is 0"
        if not self.passes:
            return None
        if self.stage1 and not features.s1p:
            return "stage 1 is not implemented"
        if self.stage2 and not features.s2p:
            return "stage 2 is not implemented"
        found = self._ats_problem(features)
        if found is None and features.hyp and self.config == SteConfig.STAGE1 and self.strw & 1:
            found = "STRW is reserved"
        if found is None and self.s2_vmid >> 8 and self.config & 3 and features.s2p and not features.vmid16:
            found = "S2VMID is beyond 8 bits"
        if found is None and self.stage1:
            found = self._stage1_problem(features)
        if found is None and self.stage2:
            found = self._stage2_problem(features)
        return found

    def _ats_problem(self, features: Features) -> str | None:
        if not features.ats or self.config == SteConfig.BYPASS:
            return None
        if self.eats == 2 and (self.config != SteConfig.NESTED or self.s2_s):
            return "EATS asks for split-stage ATS without both stages, or with S2S"
        if self.eats == 1 and self.s2_s and self.stage2:
            return "EATS with S2S"
        return None

    def _stage1_problem(self, features: Features) -> str | None:
        if self.s1_stalld and features.stall_model:
            return "S1STALLD where stalls cannot be configured"
        if features.ssid_size and self.s1_cd_max > features.ssid_size:
            return f"S1CDMax {self.s1_cd_max} is beyond SSIDSIZE {features.ssid_size}"
        two_level = self.s1_fmt in (S1Format.TWO_LEVEL_4K, S1Format.TWO_LEVEL_64K)
        if features.ssid_size and self.s1_cd_max and two_level and not features.cd2l:
            return "S1Fmt asks for two levels"
        if self.s1_context_ptr >> (features.ias if self.stage2 else features.oas):
            return f"S1ContextPtr {self.s1_context_ptr:#x} is out of range"
        return None

    def _stage2_problem(self, features: Features) -> str | None:
        if self.s2_s and features.stall_model == TERMINATE_ONLY:
            return "S2S without stalls"
        if not self.s2_s and features.stall_model == STALL_FORCED:
            return "S2S must be 1"
        if not features.ttf & (2 if self.s2_aa64 else 1):
            return "S2AA64 selects a table format that is not implemented"
        if (self.s2_ha and not features.httu) or (self.s2_hd and features.httu < 2):
            return "S2HA or S2HD without hardware update"
        if self.s2_endi and features.ttendian == LITTLE_ENDIAN:
            return "S2ENDI without big-endian tables"
        if not self.s2_endi and features.ttendian == BIG_ENDIAN:
            return "S2ENDI without little-endian tables"
        granule = TG0.get(self.s2_tg)
        if granule not in features.granules or granule is None:
            return f"S2TG {self.s2_tg} is no granule"
        if self.s2_ttb >> address_bits(self.s2_ps, features.oas):
            return f"S2TTB {self.s2_ttb:#x} is out of range"
        smallest, largest = features.s2_t0sz_limits(granule)
        if not smallest <= self.s2_t0sz <= largest:
            return f"S2T0SZ {self.s2_t0sz} is not in {smallest}..{largest}"
        return self._start_problem(features, granule)

    def _start_problem(self, features: Features, granule: Granule) -> str | None:
        """S2SL0 against S2T0SZ: up to 16 concatenated tables at the first level (ARM DDI 0487, D8.2)."""
        needed = 42 if granule is Granule.K16 else 44
        if self.s2_sl0 == 3 or (self.s2_sl0 == 2 and features.oas < needed):
            return f"S2SL0 {self.s2_sl0} is reserved"
        stride = granule - 3
        resolved = granule + stride * (3 - self.s2_start_level)
        if not resolved < 64 - self.s2_t0sz <= resolved + stride + 4:
            return f"S2SL0 {self.s2_sl0} does not fit S2T0SZ {self.s2_t0sz}"
        return None

    # --- how to walk ---------------------------------------------------------

    @property
    def s2_start_level(self) -> int:
        """The level that S2SL0 and S2TG name."""
        return (2 if TG0.get(self.s2_tg) is Granule.K4 else 3) - self.s2_sl0

    def stage2_regime(self, features: Features) -> Regime:
        """The stage-2 tables of an entry without a problem."""
        return Regime(
            self.s2_ttb,
            self.s2_t0sz,
            address_bits(self.s2_ps, features.oas),
            access_flag_fault=not self.s2_affd,
            granule=TG0[self.s2_tg],
            stage=2,
            start_level=self.s2_start_level,
            update_access=self.s2_ha,
            update_dirty=self.s2_ha and self.s2_hd,
            protected_walk=self.stage1 and self.s2_ptw,
        )

    # --- common shapes ---------------------------------------------------------
