"""Registers of SMMUv3, pages 0 and 1, non-secure programming interface. Source: ARM IHI 0070, chapter 6.

The event queue's PROD and CONS lie in page 1.

Not modelled: the registers of PRI, ATOS, MPAM, DPT and ECMDQ, which the
identification registers say do not exist.
"""

from __future__ import annotations

from devices.smmuv3.identification import IDENTIFICATION
from soc.registers import Field, Register, RegisterTable

_CR0 = (
    Field("SMMUEN", 0, doc="translate"),
    Field("PRIQEN", 1),
    Field("EVENTQEN", 2, doc="record events"),
    Field("CMDQEN", 3, doc="process commands"),
    Field("ATSCHK", 4),
    Field("VMW", 6, 3),
)

_CR1 = (
    Field("QUEUE_IC", 0, 2, "inner cacheability of queue accesses"),
    Field("QUEUE_OC", 2, 2, "outer cacheability of queue accesses"),
    Field("QUEUE_SH", 4, 2, "shareability of queue accesses"),
    Field("TABLE_IC", 6, 2, "inner cacheability of table accesses"),
    Field("TABLE_OC", 8, 2, "outer cacheability of table accesses"),
    Field("TABLE_SH", 10, 2, "shareability of table accesses"),
)

_CR2 = (
    Field("E2H", 0, doc="reserved without Hyp"),
    Field("RECINVSID", 1, doc="record C_BAD_STREAMID"),
    Field("PTM", 2, doc="reserved without BTM"),
    Field("REC_CFG_ATS", 3),
)

_GBPA = (
    Field("MemAttr", 0, 4),
    Field("MTCFG", 4),
    Field("ALLOCCFG", 8, 4),
    Field("SHCFG", 12, 2, "1: as incoming"),
    Field("PRIVCFG", 16, 2, "0: as incoming"),
    Field("INSTCFG", 18, 2, "0: as incoming"),
    Field("ABORT", 20, doc="abort instead of bypass"),
    Field("UPDATE", 31, doc="must be written as 1; reads as 0 when the write has taken effect"),
)

_GERROR = (
    Field("CMDQ_ERR", 0, doc="CMDQ_CONS.ERR says which"),
    Field("EVENTQ_ABT_ERR", 2, doc="an event could not be written"),
    Field("PRIQ_ABT_ERR", 3),
    Field("MSI_CMDQ_ABT_ERR", 4, doc="the MSI of a CMD_SYNC could not be written"),
    Field("MSI_EVENTQ_ABT_ERR", 5, doc="the MSI of the event queue could not be written"),
    Field("MSI_PRIQ_ABT_ERR", 6),
    Field("MSI_GERROR_ABT_ERR", 7, doc="the MSI of a global error could not be written"),
    Field("SFM_ERR", 8),
)

_IRQ_CTRL = (Field("GERROR_IRQEN", 0), Field("PRIQ_IRQEN", 1), Field("EVENTQ_IRQEN", 2))

_INDEX = 20
_INDEX_MASK = (1 << _INDEX) - 1
_ADDRESS_52 = ((1 << 52) - 1) & ~3


def _msi(offset: int, name: str, source: str) -> list[Register]:
    """The three registers of one message: address, data, attributes."""
    return [
        Register(
            offset,
            f"{name}_IRQ_CFG0",
            "rw",
            f"MSI of {source}: address; 0 sends none",
            (Field("ADDR", 2, 50),),
            size=8,
            writable=_ADDRESS_52,
        ),
        Register(offset + 8, f"{name}_IRQ_CFG1", "rw", f"MSI of {source}: data", (Field("DATA", 0, 32),)),
        Register(
            offset + 12,
            f"{name}_IRQ_CFG2",
            "rw",
            f"MSI of {source}: memory attributes",
            (Field("MemAttr", 0, 4), Field("SH", 4, 2)),
            writable=0x3F,
        ),
    ]


def _base(offset: int, name: str, doc: str, size: str, hint: str) -> Register:
    """A queue's base: address, hint and size in one."""
    fields = (Field("LOG2SIZE", 0, 5, f"log2 of its {size} entries"), Field("ADDR", 5, 47), Field(hint, 62))
    return Register(offset, name, "rw", doc, fields, size=8, writable=1 << 62 | (1 << 52) - 1)


TABLE = RegisterTable(
    "smmuv3",
    0x20000,
    "ARM IHI 0070, chapter 6",
    [
        *IDENTIFICATION,
        Register(0x020, "CR0", "rw", "Enables", _CR0, writable=0xD),
        Register(0x024, "CR0ACK", "ro", "The enables that are in force", _CR0),
        Register(0x028, "CR1", "rw", "Attributes of table and queue accesses", _CR1, writable=0xFFF),
        Register(0x02C, "CR2", "rw", "Control", _CR2, writable=0x2),
        Register(0x040, "STATUSR", "ro", "Status", (Field("DORMANT", 0),)),
        Register(
            0x044,
            "GBPA",
            "rw",
            "What happens to traffic while translation is off",
            _GBPA,
            reset=0x1000,
            writable=0x1F3F1F,
        ),
        Register(0x048, "AGBPA", "ro", "Implementation defined"),
        Register(0x050, "IRQ_CTRL", "rw", "Interrupt enables", _IRQ_CTRL, writable=5),
        Register(0x054, "IRQ_CTRLACK", "ro", "The interrupt enables that are in force", _IRQ_CTRL),
        Register(0x060, "GERROR", "ro", "Global errors; active where it differs from GERRORN", _GERROR),
        Register(0x064, "GERRORN", "rw", "Acknowledged global errors", _GERROR, writable=0xB5),
        *_msi(0x068, "GERROR", "GERROR"),
        Register(
            0x080,
            "STRTAB_BASE",
            "rw",
            "Stream table",
            (Field("ADDR", 6, 46), Field("RA", 62)),
            size=8,
            writable=1 << 62 | (1 << 52) - 64,
        ),
        Register(
            0x088,
            "STRTAB_BASE_CFG",
            "rw",
            "Stream table format",
            (
                Field("LOG2SIZE", 0, 6, "bits of stream id it covers"),
                Field("SPLIT", 6, 5, "bits of stream id that a level-2 table covers: 6, 8 or 10"),
                Field("FMT", 16, 2, "0 linear, 1 two levels"),
            ),
            writable=0x307FF,
        ),
        _base(0x090, "CMDQ_BASE", "Command queue", "16-byte", "RA"),
        Register(
            0x098,
            "CMDQ_PROD",
            "rw",
            "Command queue write index",
            (Field("WR", 0, _INDEX),),
            writable=_INDEX_MASK,
        ),
        Register(
            0x09C,
            "CMDQ_CONS",
            "rw",
            "Command queue read index",
            (Field("RD", 0, _INDEX), Field("ERR", 24, 7, "1 illegal command, 2 fetch aborted")),
            writable=_INDEX_MASK | 0x7F << 24,
        ),
        _base(0x0A0, "EVENTQ_BASE", "Event queue", "32-byte", "WA"),
        *_msi(0x0B0, "EVENTQ", "the event queue"),
        Register(0xFD0, "ID_REGS", "ro", "Implementation defined identification", count=12),
        Register(
            0x100A8,
            "EVENTQ_PROD",
            "rw",
            "Event queue write index",
            (Field("WR", 0, _INDEX), Field("OVFLG", 31)),
            writable=_INDEX_MASK | 1 << 31,
        ),
        Register(
            0x100AC,
            "EVENTQ_CONS",
            "rw",
            "Event queue read index",
            (Field("RD", 0, _INDEX), Field("OVACKFLG", 31)),
            writable=_INDEX_MASK | 1 << 31,
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
MSI_CMDQ_ABT_ERR = TABLE.mask("GERROR", "MSI_CMDQ_ABT_ERR")
MSI_EVENTQ_ABT_ERR = TABLE.mask("GERROR", "MSI_EVENTQ_ABT_ERR")
MSI_GERROR_ABT_ERR = TABLE.mask("GERROR", "MSI_GERROR_ABT_ERR")
OVERFLOW = TABLE.mask("EVENTQ_PROD", "OVFLG")
"""OVFLG of EVENTQ_PROD and OVACKFLG of EVENTQ_CONS, one bit in both."""
