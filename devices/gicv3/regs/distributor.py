"""The distributor's frame of 64 KiB: what concerns SPIs, and the switches of the whole.

With affinity routing on, as it always is here, SGIs and PPIs are the
redistributor's: element 0 of each array of states reads as zero.
Source: Arm IHI 0069, section 12.9.

Not modelled: message-based SPIs, extended SPIs, error reporting (STATUSR).
"""

from __future__ import annotations

from devices.gic.identification import IIDR, id_registers
from soc.registers import Field, Register, RegisterTable

INTERRUPTS = 256
"""Interrupt IDs: 16 SGIs, 16 PPIs, 224 SPIs."""
PRIORITY_MASK = 0xF8
"""32 priority levels: the low three bits of every priority read as zero."""
ID_BITS = 10
"""Width of an interrupt ID without LPIs."""
IDENTITY = 0x0000_043B
"""IIDR of both halves: Arm, GIC-500 r0p0."""

ENABLES = 3
FIXED = 1 << 4 | 1 << 6
"""CTLR.ARE and CTLR.DS, which are always 1."""

_WORDS = INTERRUPTS // 32
_PERIPHERAL_ID = 0x44_003B_B492
_ROUTE = 0xFF_80FF_FFFF

DISTRIBUTOR = RegisterTable(
    "gicv3-gicd",
    0x1_0000,
    "Arm IHI 0069 section 12.9",
    [
        Register(
            0x0000,
            "CTLR",
            "rw",
            "Distributor control",
            (
                Field("EnableGrp0", 0, doc="group 0 interrupts on"),
                Field("EnableGrp1", 1, doc="group 1 interrupts on"),
                Field("ARE", 4, doc="affinity routing, always 1"),
                Field("DS", 6, doc="security is disabled, always 1"),
                Field("E1NWF", 7, doc="wake-up for 1 of N interrupts, always 0"),
                Field("RWP", 31, doc="a write is pending, always 0: each takes effect at once"),
            ),
            reset=FIXED,
            writable=ENABLES,
        ),
        Register(
            0x0004,
            "TYPER",
            "ro",
            "Interrupt controller type",
            (
                Field("ITLinesNumber", 0, 5, "32 * (this + 1) interrupt IDs"),
                Field("CPUNumber", 5, 3, "CPUs less one that work without affinity routing"),
                Field("ESPI", 8, doc="extended SPIs"),
                Field("SecurityExtn", 10, doc="two security states"),
                Field("num_LPIs", 11, 5),
                Field("MBIS", 16, doc="message-based SPIs"),
                Field("LPIS", 17, doc="LPIs"),
                Field("DVIS", 18, doc="direct injection of virtual LPIs"),
                Field("IDbits", 19, 5, "bits of an interrupt ID, less one"),
                Field("A3V", 24, doc="affinity level 3 may be other than zero"),
                Field("No1N", 25, doc="SPIs cannot be sent to any one of the CPUs"),
                Field("RSS", 26, doc="range selector for SGIs"),
                Field("ESPI_range", 27, 5),
            ),
            reset=_WORDS - 1 | (ID_BITS - 1) << 19 | 1 << 24,
        ),
        Register(0x0008, "IIDR", "ro", "Distributor identification", IIDR, reset=IDENTITY),
        Register(0x000C, "TYPER2", "ro", "Interrupt controller type, of GICv4.1; zero before"),
        Register(0x0010, "STATUSR", "ro", "Error reporting status; zero, as there is none"),
        Register(0x0080, "IGROUPR", "rw", "Group of each interrupt", count=_WORDS),
        Register(0x0100, "ISENABLER", "w1s", "Enable", count=_WORDS),
        Register(0x0180, "ICENABLER", "w1c", "Disable", count=_WORDS),
        Register(0x0200, "ISPENDR", "w1s", "Make pending", count=_WORDS),
        Register(0x0280, "ICPENDR", "w1c", "Make not pending", count=_WORDS),
        Register(0x0300, "ISACTIVER", "w1s", "Make active", count=_WORDS),
        Register(0x0380, "ICACTIVER", "w1c", "Make inactive", count=_WORDS),
        Register(
            0x0400,
            "IPRIORITYR",
            "rw",
            "Priority of each interrupt, a byte each; 0 is the highest",
            count=INTERRUPTS // 4,
            writable=PRIORITY_MASK * 0x01010101,
        ),
        Register(0x0800, "ITARGETSR", "ro", "Zero: routes take the place of targets", count=INTERRUPTS // 4),
        Register(
            0x0C00,
            "ICFGR",
            "rw",
            "Trigger of each interrupt, two bits each, the upper one: 0 level, 1 edge",
            count=INTERRUPTS // 16,
            writable=0xAAAA_AAAA,
        ),
        Register(0x0D00, "IGRPMODR", "ro", "Group modifier; zero without security", count=_WORDS),
        Register(0x0E00, "NSACR", "ro", "Non-secure access; zero without security", count=INTERRUPTS // 16),
        Register(0x0F00, "SGIR", "ro", "Zero: ICC_SGI1R_EL1 takes its place"),
        Register(0x0F10, "CPENDSGIR", "ro", "Zero: the redistributor's ICPENDR0 takes its place", count=4),
        Register(0x0F20, "SPENDSGIR", "ro", "Zero: the redistributor's ISPENDR0 takes its place", count=4),
        Register(
            0x6100,
            "IROUTER",
            "rw",
            "Route of each SPI, from interrupt 32 on: the CPU it goes to",
            (
                Field("Aff0", 0, 8),
                Field("Aff1", 8, 8),
                Field("Aff2", 16, 8),
                Field("Interrupt_Routing_Mode", 31, doc="to any CPU, whatever the affinity"),
                Field("Aff3", 32, 8),
            ),
            size=8,
            count=INTERRUPTS - 32,
            writable=_ROUTE,
        ),
        *id_registers(0xFFD0, _PERIPHERAL_ID),
    ],
)
