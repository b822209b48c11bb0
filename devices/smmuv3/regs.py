"""Registers of SMMUv3, pages 0 and 1. Source: ARM IHI 0070, chapter 6.

The event queue's PROD and CONS lie in page 1.
"""

from __future__ import annotations

from soc.registers import Field, Register, RegisterTable

OAS_40 = 2
TTF_AARCH64 = 2
TTENDIAN_LITTLE = 2
STALL_MODEL_TERMINATE_ONLY = 1

SID_BITS = 8
CMDQ_LOG2 = 8
EVENTQ_LOG2 = 7

_IDR0 = (
    Field("S2P", 0, doc="stage 2"),
    Field("S1P", 1, doc="stage 1"),
    Field("TTF", 2, 2, "2: AArch64 tables"),
    Field("COHACC", 4, doc="table and queue accesses are coherent"),
    Field("BTM", 5),
    Field("HTTU", 6, 2),
    Field("ATS", 10),
    Field("ASID16", 12),
    Field("MSI", 13),
    Field("SEV", 14),
    Field("PRI", 16),
    Field("VMID16", 18),
    Field("CD2L", 19),
    Field("TTENDIAN", 21, 2, "2: little endian"),
    Field("STALL_MODEL", 24, 2, "1: faults terminate"),
    Field("TERM_MODEL", 26, doc="1: a terminated access always aborts, CD.A must be 1"),
    Field("ST_LEVEL", 27, 2, "0: linear stream table only"),
)
_IDR0_RESET = 1 << 1 | TTF_AARCH64 << 2 | 1 << 4 | 1 << 12 | TTENDIAN_LITTLE << 21
_IDR0_RESET |= STALL_MODEL_TERMINATE_ONLY << 24 | 1 << 26

_IDR1 = (
    Field("SIDSIZE", 0, 6, "bits of a stream id"),
    Field("SSIDSIZE", 6, 5),
    Field("PRIQS", 11, 5),
    Field("EVENTQS", 16, 5, "log2 of the most entries"),
    Field("CMDQS", 21, 5, "log2 of the most entries"),
)
_IDR1_RESET = SID_BITS | EVENTQ_LOG2 << 16 | CMDQ_LOG2 << 21

_CR0 = (
    Field("SMMUEN", 0, doc="translate"),
    Field("PRIQEN", 1),
    Field("EVENTQEN", 2, doc="record events"),
    Field("CMDQEN", 3, doc="process commands"),
    Field("ATSCHK", 4),
)

_GERROR = (
    Field("CMDQ_ERR", 0, doc="CMDQ_CONS.ERR says which"),
    Field("EVENTQ_ABT_ERR", 2, doc="an event could not be written"),
    Field("SFM_ERR", 8),
)

_INDEX = 20

TABLE = RegisterTable(
    "smmuv3",
    0x20000,
    "ARM IHI 0070, chapter 6",
    [
        Register(0x000, "IDR0", "ro", "Features", _IDR0, reset=_IDR0_RESET),
        Register(0x004, "IDR1", "ro", "Sizes", _IDR1, reset=_IDR1_RESET),
        Register(0x008, "IDR2", "ro", "Features"),
        Register(0x00C, "IDR3", "ro", "Features"),
        Register(0x010, "IDR4", "ro", "Implementation defined"),
        Register(
            0x014,
            "IDR5",
            "ro",
            "Address sizes and granules",
            (Field("OAS", 0, 3, "2: 40 bits"), Field("GRAN4K", 4), Field("GRAN16K", 5), Field("GRAN64K", 6)),
            reset=OAS_40 | 1 << 4,
        ),
        Register(0x018, "IIDR", "ro", "Implementer", reset=0x0000_0000),
        Register(0x01C, "AIDR", "ro", "Architecture 3.0"),
        Register(0x020, "CR0", "rw", "Enables", _CR0, writable=0xD),
        Register(0x024, "CR0ACK", "ro", "The enables that are in force", _CR0),
        Register(0x028, "CR1", "rw", "Attributes of table and queue accesses"),
        Register(
            0x02C,
            "CR2",
            "rw",
            "Control",
            (Field("RECINVSID", 1, doc="record C_BAD_STREAMID"), Field("PTM", 2)),
        ),
        Register(0x040, "STATUSR", "ro", "Status"),
        Register(
            0x044,
            "GBPA",
            "rw",
            "What happens to traffic while translation is off",
            (Field("ABORT", 20, doc="abort instead of bypass"), Field("UPDATE", 31)),
            reset=0x1000,
        ),
        Register(0x048, "AGBPA", "rw", "Implementation defined", modelled=False),
        Register(
            0x050,
            "IRQ_CTRL",
            "rw",
            "Interrupt enables",
            (Field("GERROR_IRQEN", 0), Field("PRIQ_IRQEN", 1), Field("EVENTQ_IRQEN", 2)),
            writable=5,
        ),
        Register(0x054, "IRQ_CTRLACK", "ro", "The interrupt enables that are in force"),
        Register(0x060, "GERROR", "ro", "Global errors; active where it differs from GERRORN", _GERROR),
        Register(0x064, "GERRORN", "rw", "Acknowledged global errors", _GERROR),
        Register(0x068, "GERROR_IRQ_CFG0", "rw", "MSI of GERROR", size=8, modelled=False),
        Register(0x070, "GERROR_IRQ_CFG1", "rw", "MSI of GERROR", modelled=False),
        Register(0x074, "GERROR_IRQ_CFG2", "rw", "MSI of GERROR", modelled=False),
        Register(0x080, "STRTAB_BASE", "rw", "Stream table", (Field("ADDR", 6, 46), Field("RA", 62)), size=8),
        Register(
            0x088,
            "STRTAB_BASE_CFG",
            "rw",
            "Stream table format",
            (
                Field("LOG2SIZE", 0, 6, "bits of stream id it covers"),
                Field("SPLIT", 6, 5),
                Field("FMT", 16, 2),
            ),
        ),
        Register(
            0x090,
            "CMDQ_BASE",
            "rw",
            "Command queue",
            (Field("LOG2SIZE", 0, 5, "log2 of its 16-byte entries"), Field("ADDR", 5, 47), Field("RA", 62)),
            size=8,
        ),
        Register(0x098, "CMDQ_PROD", "rw", "Command queue write index", (Field("WR", 0, _INDEX),)),
        Register(
            0x09C,
            "CMDQ_CONS",
            "rw",
            "Command queue read index",
            (Field("RD", 0, _INDEX), Field("ERR", 24, 7, "1 illegal command, 2 fetch aborted")),
        ),
        Register(
            0x0A0,
            "EVENTQ_BASE",
            "rw",
            "Event queue",
            (Field("LOG2SIZE", 0, 5, "log2 of its 32-byte entries"), Field("ADDR", 5, 47), Field("WA", 62)),
            size=8,
        ),
        Register(0x0B0, "EVENTQ_IRQ_CFG0", "rw", "MSI of the event queue", size=8, modelled=False),
        Register(0x0B8, "EVENTQ_IRQ_CFG1", "rw", "MSI of the event queue", modelled=False),
        Register(0x0BC, "EVENTQ_IRQ_CFG2", "rw", "MSI of the event queue", modelled=False),
        Register(
            0x100A8,
            "EVENTQ_PROD",
            "rw",
            "Event queue write index",
            (Field("WR", 0, _INDEX), Field("OVFLG", 31)),
        ),
        Register(
            0x100AC,
            "EVENTQ_CONS",
            "rw",
            "Event queue read index",
            (Field("RD", 0, _INDEX), Field("OVACKFLG", 31)),
        ),
    ],
)

S1P = TABLE.mask("IDR0", "S1P")
SMMUEN = TABLE.mask("CR0", "SMMUEN")
EVENTQEN = TABLE.mask("CR0", "EVENTQEN")
CMDQEN = TABLE.mask("CR0", "CMDQEN")
RECINVSID = TABLE.mask("CR2", "RECINVSID")
GBPA_ABORT = TABLE.mask("GBPA", "ABORT")
GBPA_UPDATE = TABLE.mask("GBPA", "UPDATE")
GERROR_IRQEN = TABLE.mask("IRQ_CTRL", "GERROR_IRQEN")
EVENTQ_IRQEN = TABLE.mask("IRQ_CTRL", "EVENTQ_IRQEN")
CMDQ_ERR = TABLE.mask("GERROR", "CMDQ_ERR")
EVENTQ_ABT_ERR = TABLE.mask("GERROR", "EVENTQ_ABT_ERR")
OVERFLOW = TABLE.mask("EVENTQ_PROD", "OVFLG")
"""OVFLG of EVENTQ_PROD and OVACKFLG of EVENTQ_CONS, one bit in both."""
