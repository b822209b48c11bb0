"""Registers of the GIC-400: the distributor and one CPU interface.

Offsets, names and identification as of a GIC-400 r0p1 with one CPU and 160
interrupt IDs. Array elements are the numbered registers (ISENABLER0, ...).
"""

from __future__ import annotations

from devices.gic.identification import IIDR, id_registers
from soc.registers import Field, Register, RegisterTable

INTERRUPTS = 160
"""Interrupt IDs: 16 SGIs, 16 PPIs, 128 SPIs."""
PRIORITY_MASK = 0xF8
"""32 priority levels: the low three bits of every priority read as zero."""
WORDS = INTERRUPTS // 32
PERIPHERAL_ID = 0x04_002B_B490
"""PIDR4, PIDR3 .. PIDR0, a byte each; byte 2 bits 7:4 are the architecture version, 2."""


_GROUPS = (
    Field("EnableGrp0", 0, doc="group 0 interrupts on"),
    Field("EnableGrp1", 1, doc="group 1 interrupts on"),
)


def _no_levels(offset: int, name: str) -> list[Register]:
    """Active priorities beyond the 32 levels there are: read as zero, written in vain."""
    doc = "Active priorities of levels that do not exist"
    return [
        Register(offset + 4 * (number - 1), f"{name}{number}", "rw", doc, writable=0) for number in (1, 2, 3)
    ]


_INTERRUPT = (Field("ID", 0, 10, "interrupt ID"), Field("CPUID", 10, 3, "CPU that sent the SGI"))

DISTRIBUTOR = RegisterTable(
    "gicd",
    0x1000,
    "Arm IHI 0048B section 4.3, Arm DDI 0471B section 3.2",
    [
        Register(0x000, "CTLR", "rw", "Distributor control", _GROUPS, writable=3),
        Register(
            0x004,
            "TYPER",
            "ro",
            "Interrupt controller type",
            (
                Field("ITLinesNumber", 0, 5, "32 * (this + 1) interrupt IDs"),
                Field("CPUNumber", 5, 3, "CPUs less one"),
                Field("SecurityExtn", 10, doc="security extensions"),
                Field("LSPI", 11, 5, "lockable SPIs"),
            ),
            reset=WORDS - 1,
        ),
        Register(0x008, "IIDR", "ro", "Distributor identification", IIDR, reset=0x0200143B),
        Register(0x080, "IGROUPR", "rw", "Group of each interrupt", count=WORDS),
        Register(0x100, "ISENABLER", "w1s", "Enable; SGIs always are", count=WORDS),
        Register(0x180, "ICENABLER", "w1c", "Disable", count=WORDS),
        Register(0x200, "ISPENDR", "w1s", "Make pending; not for SGIs", count=WORDS),
        Register(0x280, "ICPENDR", "w1c", "Make not pending; not for SGIs", count=WORDS),
        Register(0x300, "ISACTIVER", "w1s", "Make active", count=WORDS),
        Register(0x380, "ICACTIVER", "w1c", "Make inactive", count=WORDS),
        Register(
            0x400,
            "IPRIORITYR",
            "rw",
            "Priority of each interrupt, a byte each; 0 is the highest",
            count=INTERRUPTS // 4,
            writable=PRIORITY_MASK * 0x01010101,
        ),
        Register(
            0x800,
            "ITARGETSR",
            "ro",
            "Target CPUs of each interrupt, a byte each; zero with a single CPU",
            count=INTERRUPTS // 4,
        ),
        Register(
            0xC00,
            "ICFGR",
            "rw",
            "Trigger of each interrupt, two bits each, the upper one: 0 level, 1 edge",
            reset=0x5555_5555,
            count=INTERRUPTS // 16,
            writable=0xAAAA_AAAA,
        ),
        Register(0xD00, "PPISR", "ro", "Levels of the PPI inputs", (Field("PPI", 0, 16, "PPI 0 .. 15"),)),
        Register(0xD04, "SPISR", "ro", "Levels of the SPI inputs", count=WORDS - 1),
        Register(
            0xF00,
            "SGIR",
            "wo",
            "Software generated interrupt",
            (
                Field("SGIINTID", 0, 4, "the SGI"),
                Field("NSATT", 15, doc="group it must belong to, with security extensions"),
                Field("CPUTargetList", 16, 8, "a bit for each CPU"),
                Field("TargetListFilter", 24, 2, "0: the list, 1: all other CPUs, 2: this CPU"),
            ),
        ),
        Register(
            0xF10, "CPENDSGIR", "w1c", "Make an SGI not pending, a byte each with a bit per sender", count=4
        ),
        Register(
            0xF20, "SPENDSGIR", "w1s", "Make an SGI pending, a byte each with a bit per sender", count=4
        ),
        *id_registers(0xFD0, PERIPHERAL_ID),
    ],
)

CPU_INTERFACE = RegisterTable(
    "gicc",
    0x2000,
    "Arm IHI 0048B section 4.4, Arm DDI 0471B section 3.3",
    [
        Register(
            0x000,
            "CTLR",
            "rw",
            "CPU interface control",
            (
                *_GROUPS,
                Field("AckCtl", 2, doc="IAR acknowledges group 1 interrupts too"),
                Field("FIQEn", 3, doc="group 0 interrupts are signalled by FIQ"),
                Field("CBPR", 4, doc="BPR holds for both groups"),
                Field("FIQBypDisGrp0", 5),
                Field("IRQBypDisGrp0", 6),
                Field("FIQBypDisGrp1", 7),
                Field("IRQBypDisGrp1", 8),
                Field("EOImode", 9, doc="EOIR only drops the priority, DIR deactivates"),
            ),
            writable=0x3FF,
        ),
        Register(
            0x004,
            "PMR",
            "rw",
            "Priority mask",
            (Field("Priority", 0, 8, "only higher priorities (lower numbers) pass"),),
            writable=PRIORITY_MASK,
        ),
        Register(
            0x008,
            "BPR",
            "rw",
            "Binary point",
            (Field("BinaryPoint", 0, 3, "priority bits above this one preempt; at least 2"),),
            reset=2,
            writable=7,
        ),
        Register(0x00C, "IAR", "ro", "Interrupt acknowledge", _INTERRUPT, reset=0x3FF),
        Register(0x010, "EOIR", "wo", "End of interrupt", _INTERRUPT),
        Register(0x014, "RPR", "ro", "Running priority", (Field("Priority", 0, 8),), reset=0xFF),
        Register(0x018, "HPPIR", "ro", "Highest priority pending interrupt", _INTERRUPT, reset=0x3FF),
        Register(
            0x01C,
            "ABPR",
            "rw",
            "Aliased binary point, of group 1",
            (Field("BinaryPoint", 0, 3, "priority bits from this one up preempt; at least 3"),),
            reset=3,
            writable=7,
        ),
        Register(0x020, "AIAR", "ro", "Aliased interrupt acknowledge, of group 1", _INTERRUPT, reset=0x3FF),
        Register(0x024, "AEOIR", "wo", "Aliased end of interrupt, of group 1", _INTERRUPT),
        Register(
            0x028, "AHPPIR", "ro", "Aliased highest pending interrupt, of group 1", _INTERRUPT, reset=0x3FF
        ),
        Register(0x0D0, "APR0", "rw", "Active priorities of group 0, a bit for each level"),
        *_no_levels(0x0D4, "APR"),
        Register(0x0E0, "NSAPR0", "rw", "Active priorities of group 1, a bit for each level"),
        *_no_levels(0x0E4, "NSAPR"),
        Register(0x0FC, "IIDR", "ro", "CPU interface identification", IIDR, reset=0x0202143B),
        Register(0x1000, "DIR", "wo", "Deactivate interrupt", _INTERRUPT),
    ],
)
