"""The redistributor's two frames of 64 KiB: RD_base, then SGI_base with what concerns SGIs and PPIs.

Source: Arm IHI 0069, sections 12.10 and 12.11.

Not modelled: LPIs, extended PPIs, error reporting (STATUSR).
"""

from __future__ import annotations

from devices.gic.identification import IIDR, id_registers
from devices.gicv3.regs.distributor import IDENTITY, PRIORITY_MASK
from soc.registers import Field, Register, RegisterTable

ASLEEP = 1 << 1 | 1 << 2
"""WAKER.ProcessorSleep and WAKER.ChildrenAsleep."""
SGI_CONFIG = 0xAAAA_AAAA

_SGI_BASE = 0x1_0000
_PERIPHERAL_ID = 0x44_003B_B493

REDISTRIBUTOR = RegisterTable(
    "gicv3-gicr",
    0x2_0000,
    "Arm IHI 0069 sections 12.10, 12.11",
    [
        Register(
            0x0000,
            "CTLR",
            "ro",
            "Redistributor control",
            (
                Field("EnableLPIs", 0, doc="always 0: there are none"),
                Field("RWP", 3, doc="a write is pending, always 0: each takes effect at once"),
                Field("UWP", 31, doc="a write of the CPU is on its way, always 0"),
            ),
        ),
        Register(0x0004, "IIDR", "ro", "Redistributor identification", IIDR, reset=IDENTITY),
        Register(
            0x0008,
            "TYPER",
            "ro",
            "Redistributor type",
            (
                Field("PLPIS", 0, doc="physical LPIs"),
                Field("VLPIS", 1, doc="virtual LPIs, and two more frames"),
                Field("DirectLPI", 3),
                Field("Last", 4, doc="the last redistributor of the series"),
                Field("DPGS", 5, doc="GICR_CTLR.DPG*"),
                Field("Processor_Number", 8, 16),
                Field("CommonLPIAff", 24, 2),
                Field("PPInum", 27, 5, "extended PPIs"),
                Field("Affinity_Value", 32, 32, "Aff3.Aff2.Aff1.Aff0 of the CPU"),
            ),
            reset=1 << 4,
            size=8,
        ),
        Register(0x0010, "STATUSR", "ro", "Error reporting status; zero, as there is none"),
        Register(
            0x0014,
            "WAKER",
            "rw",
            "Sleep and wake-up of the CPU interface",
            (
                Field("ProcessorSleep", 1, doc="nothing may be forwarded to the CPU"),
                Field("ChildrenAsleep", 2, doc="read-only: nothing is forwarded"),
            ),
            reset=ASLEEP,
            writable=1 << 1,
        ),
        Register(0x0070, "PROPBASER", "ro", "Properties of LPIs; zero, as there are none", size=8),
        Register(0x0078, "PENDBASER", "ro", "Pending LPIs; zero, as there are none", size=8),
        *id_registers(0xFFD0, _PERIPHERAL_ID),
        Register(_SGI_BASE + 0x080, "IGROUPR0", "rw", "Group of each interrupt"),
        Register(_SGI_BASE + 0x100, "ISENABLER0", "w1s", "Enable"),
        Register(_SGI_BASE + 0x180, "ICENABLER0", "w1c", "Disable"),
        Register(_SGI_BASE + 0x200, "ISPENDR0", "w1s", "Make pending"),
        Register(_SGI_BASE + 0x280, "ICPENDR0", "w1c", "Make not pending"),
        Register(_SGI_BASE + 0x300, "ISACTIVER0", "w1s", "Make active"),
        Register(_SGI_BASE + 0x380, "ICACTIVER0", "w1c", "Make inactive"),
        Register(
            _SGI_BASE + 0x400,
            "IPRIORITYR",
            "rw",
            "Priority of each interrupt, a byte each; 0 is the highest",
            count=8,
            writable=PRIORITY_MASK * 0x01010101,
        ),
        Register(
            _SGI_BASE + 0xC00,
            "ICFGR",
            "rw",
            "Trigger, two bits each, the upper one: 0 level, 1 edge; SGIs (element 0) always are edges",
            count=2,
            writable=0xAAAA_AAAA,
        ),
        Register(_SGI_BASE + 0xD00, "IGRPMODR0", "ro", "Group modifier; zero without security"),
        Register(_SGI_BASE + 0xE00, "NSACR", "ro", "Non-secure access; zero without security"),
    ],
)
