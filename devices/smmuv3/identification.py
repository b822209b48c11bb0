"""What this SMMU says it is: IDR0 to IDR5, IIDR, AIDR. Source: ARM IHI 0070, 6.3.1 to 6.3.8.

The revision is 3.1 with the range invalidation of 3.2, as 3.2 itself demands
hypervisor contexts (IDR0.Hyp), which this SMMU does not have.
"""

from __future__ import annotations

from devices.smmuv3.spec.features import Features
from soc.registers import Field, Register

OAS_40 = 2
TTF_AARCH64 = 2
HTTU_ACCESS_AND_DIRTY = 2
TTENDIAN_LITTLE = 2
ST_LEVEL_TWO = 1

SID_BITS = 16
SSID_BITS = 16
CMDQ_LOG2 = 8
EVENTQ_LOG2 = 7
STALL_MAX = 64

_IDR0 = (
    Field("S2P", 0, doc="stage 2"),
    Field("S1P", 1, doc="stage 1"),
    Field("TTF", 2, 2, "2: AArch64 tables"),
    Field("COHACC", 4, doc="table and queue accesses are coherent"),
    Field("BTM", 5, doc="0: no broadcast TLB maintenance"),
    Field("HTTU", 6, 2, "2: access flag and dirty state are updated by hardware"),
    Field("DORMHINT", 8),
    Field("Hyp", 9, doc="0: no EL2 contexts"),
    Field("ATS", 10),
    Field("NS1ATS", 11),
    Field("ASID16", 12, doc="16-bit ASIDs"),
    Field("MSI", 13, doc="interrupts may be messages"),
    Field("SEV", 14, doc="CMD_SYNC may send a wake-up event"),
    Field("ATOS", 15),
    Field("PRI", 16),
    Field("VMW", 17),
    Field("VMID16", 18, doc="16-bit VMIDs"),
    Field("CD2L", 19, doc="two-level context descriptor tables"),
    Field("VATOS", 20),
    Field("TTENDIAN", 21, 2, "2: little endian"),
    Field("ATSRECERR", 23),
    Field("STALL_MODEL", 24, 2, "0: faults stall or terminate"),
    Field("TERM_MODEL", 26, doc="0: CD.A chooses abort or RAZ/WI"),
    Field("ST_LEVEL", 27, 2, "1: two-level stream tables"),
)
_IDR0_RESET = 1 | 1 << 1 | TTF_AARCH64 << 2 | 1 << 4 | HTTU_ACCESS_AND_DIRTY << 6 | 1 << 12 | 1 << 13
_IDR0_RESET |= 1 << 14 | 1 << 18 | 1 << 19 | TTENDIAN_LITTLE << 21 | ST_LEVEL_TWO << 27

_IDR1 = (
    Field("SIDSIZE", 0, 6, "bits of a stream id"),
    Field("SSIDSIZE", 6, 5, "bits of a substream id"),
    Field("PRIQS", 11, 5),
    Field("EVENTQS", 16, 5, "log2 of the most entries"),
    Field("CMDQS", 21, 5, "log2 of the most entries"),
    Field("ATTR_PERMS_OVR", 26, doc="STE.PRIVCFG and INSTCFG are obeyed"),
    Field("ATTR_TYPES_OVR", 27, doc="0: memory types pass through"),
    Field("REL", 28),
    Field("QUEUES_PRESET", 29),
    Field("TABLES_PRESET", 30),
    Field("ECMDQ", 31),
)
_IDR1_RESET = SID_BITS | SSID_BITS << 6 | EVENTQ_LOG2 << 16 | CMDQ_LOG2 << 21 | 1 << 26

_IDR3 = (
    Field("HAD", 2, doc="CD.HAD0 and HAD1"),
    Field("PBHA", 3),
    Field("XNX", 4, doc="stage 2 execute-never by exception level"),
    Field("MPAM", 7),
    Field("FWB", 8),
    Field("STT", 9),
    Field("RIL", 10, doc="range invalidation and level hint"),
    Field("BBML", 11, 2),
    Field("E0PD", 13),
)
_IDR3_RESET = 1 << 2 | 1 << 4 | 1 << 10

_IDR5 = (
    Field("OAS", 0, 3, "2: 40 bits"),
    Field("GRAN4K", 4),
    Field("GRAN16K", 5),
    Field("GRAN64K", 6),
    Field("VAX", 10, 2, "0: 48-bit virtual addresses"),
    Field("STALL_MAX", 16, 16, "most transactions that can be stalled"),
)
_IDR5_RESET = OAS_40 | 7 << 4 | STALL_MAX << 16

IDENTIFICATION = (
    Register(0x000, "IDR0", "ro", "Features", _IDR0, reset=_IDR0_RESET),
    Register(0x004, "IDR1", "ro", "Sizes", _IDR1, reset=_IDR1_RESET),
    Register(0x008, "IDR2", "ro", "Place of the VATOS page"),
    Register(0x00C, "IDR3", "ro", "Features", _IDR3, reset=_IDR3_RESET),
    Register(0x010, "IDR4", "ro", "Implementation defined"),
    Register(0x014, "IDR5", "ro", "Address sizes, granules, stalls", _IDR5, reset=_IDR5_RESET),
    Register(0x018, "IIDR", "ro", "Implementer"),
    Register(
        0x01C,
        "AIDR",
        "ro",
        "Architecture revision",
        (Field("ArchMinorRev", 0, 4), Field("ArchMajorRev", 4, 4, "0: SMMUv3")),
        reset=0x01,
    ),
)

FEATURES = Features.parse(_IDR0_RESET, _IDR1_RESET, _IDR3_RESET, _IDR5_RESET)
