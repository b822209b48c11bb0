"""The CPU interface: the system registers ICC_*, and of the virtual interface what every EL2 touches.

All have 64 bits in the CPU; those that the architecture gives 32 use the lower half.
Source: Arm IHI 0069, sections 12.2 and 12.4.
"""

from __future__ import annotations

from devices.gicv3.regs.distributor import PRIORITY_MASK
from soc.registers import Field, Register
from soc.system_registers import SystemRegisterTable, system_offset

SPURIOUS = 1023
MIN_POINTS = (2, 3)
"""Binary points of groups 0 and 1 at which all five bits of a priority preempt."""
CBPR, EOI_MODE = 1 << 0, 1 << 1
FEATURES = 4 << 8 | 1 << 15
"""ICC_CTLR_EL1: five priority bits, affinity level 3."""
FEATURES_EL2 = 4 << 29 | 4 << 26 | 1 << 21 | 1 << 20
"""ICH_VTR_EL2: five priority bits, affinity level 3, no direct injection, the least of list registers."""

_ID = (Field("INTID", 0, 24, "interrupt ID, 1023 for none"),)
_PRIORITY = (Field("Priority", 0, 8),)
_LEVELS = (Field("P", 0, 32, "a bit for each level, the lowest is the highest priority"),)
_ENABLE = (Field("Enable", 0),)

_SRE = (
    Field("SRE", 0, doc="system registers are in use, always 1"),
    Field("DFB", 1, doc="no bypass of FIQ, always 1"),
    Field("DIB", 2, doc="no bypass of IRQ, always 1"),
)
_SRE_LOWER = (*_SRE, Field("Enable", 3, doc="lower exception levels may access theirs, always 1"))

_FEATURES = (
    Field("PMHE", 6, doc="priority mask as a hint, always 0"),
    Field("PRIbits", 8, 3, "bits of a priority, less one"),
    Field("IDbits", 11, 3, "0: 16 bits of interrupt ID"),
    Field("SEIS", 14, doc="SErrors of the interface itself"),
    Field("A3V", 15, doc="affinity level 3 may be other than zero"),
    Field("RSS", 18, doc="range selector for SGIs"),
)

_SGI = (
    Field("TargetList", 0, 16, "a bit for each Aff0"),
    Field("Aff1", 16, 8),
    Field("INTID", 24, 4, "the SGI"),
    Field("Aff2", 32, 8),
    Field("IRM", 40, doc="to every CPU but this"),
    Field("RS", 44, 4, "reserved: there is no range selector"),
    Field("Aff3", 48, 8),
)


def _register(
    place: tuple[int, int, int, int],
    name: str,
    access: str,
    doc: str,
    fields: tuple[Field, ...] = (),
    reset: int = 0,
    writable: int = -1,
) -> Register:
    """A row; `place` is (op1, CRn, CRm, op2), op0 is 3."""
    offset = system_offset(3, *place)
    return Register(offset, name, access, doc, fields, reset=reset, size=8, writable=writable)


CPU_INTERFACE = SystemRegisterTable(
    "gicv3-cpu",
    "Arm IHI 0069 sections 12.2, 12.4",
    [
        _register(
            (0, 4, 6, 0),
            "ICC_PMR_EL1",
            "rw",
            "Priority mask: only higher priorities (lower numbers) pass",
            _PRIORITY,
            writable=PRIORITY_MASK,
        ),
        _register((0, 12, 8, 0), "ICC_IAR0_EL1", "ro", "Acknowledge, group 0", _ID, SPURIOUS),
        _register((0, 12, 8, 1), "ICC_EOIR0_EL1", "wo", "End of interrupt, group 0", _ID),
        _register((0, 12, 8, 2), "ICC_HPPIR0_EL1", "ro", "Highest pending, group 0", _ID, SPURIOUS),
        _register(
            (0, 12, 8, 3),
            "ICC_BPR0_EL1",
            "rw",
            "Binary point, group 0",
            (Field("BinaryPoint", 0, 3, "priority bits above this one preempt; at least 2"),),
            MIN_POINTS[0],
        ),
        _register((0, 12, 8, 4), "ICC_AP0R0_EL1", "rw", "Active priorities, group 0", _LEVELS),
        _register((0, 12, 9, 0), "ICC_AP1R0_EL1", "rw", "Active priorities, group 1", _LEVELS),
        _register((0, 12, 11, 1), "ICC_DIR_EL1", "wo", "Deactivate interrupt", _ID),
        _register((0, 12, 11, 3), "ICC_RPR_EL1", "ro", "Running priority, 0xff when idle", _PRIORITY, 0xFF),
        _register((0, 12, 11, 5), "ICC_SGI1R_EL1", "wo", "Send an SGI of either group", _SGI),
        _register((0, 12, 11, 6), "ICC_ASGI1R_EL1", "wo", "Send an SGI of group 0", _SGI),
        _register((0, 12, 11, 7), "ICC_SGI0R_EL1", "wo", "Send an SGI of group 0", _SGI),
        _register((0, 12, 12, 0), "ICC_IAR1_EL1", "ro", "Acknowledge, group 1", _ID, SPURIOUS),
        _register((0, 12, 12, 1), "ICC_EOIR1_EL1", "wo", "End of interrupt, group 1", _ID),
        _register((0, 12, 12, 2), "ICC_HPPIR1_EL1", "ro", "Highest pending, group 1", _ID, SPURIOUS),
        _register(
            (0, 12, 12, 3),
            "ICC_BPR1_EL1",
            "rw",
            "Binary point, group 1",
            (Field("BinaryPoint", 0, 3, "priority bits from this one up preempt; at least 3"),),
            MIN_POINTS[1],
        ),
        _register(
            (0, 12, 12, 4),
            "ICC_CTLR_EL1",
            "rw",
            "CPU interface control",
            (
                Field("CBPR", 0, doc="ICC_BPR0_EL1 holds for both groups"),
                Field("EOImode", 1, doc="ICC_EOIR only drops the priority, ICC_DIR_EL1 deactivates"),
                *_FEATURES,
            ),
            FEATURES,
            writable=CBPR | EOI_MODE,
        ),
        _register((0, 12, 12, 5), "ICC_SRE_EL1", "rw", "System register enable", _SRE, 0x7, writable=0),
        _register((0, 12, 12, 6), "ICC_IGRPEN0_EL1", "rw", "Group 0 on", _ENABLE, writable=1),
        _register((0, 12, 12, 7), "ICC_IGRPEN1_EL1", "rw", "Group 1 on", _ENABLE, writable=1),
        _register((4, 12, 9, 5), "ICC_SRE_EL2", "rw", "System register enable", _SRE_LOWER, 0xF, writable=0),
        _register(
            (4, 12, 11, 0),
            "ICH_HCR_EL2",
            "rw",
            "Virtual interface control; kept without effect",
            (Field("En", 0, doc="virtual interface on"),),
            writable=0xFFFF_FFFF,
        ),
        _register(
            (4, 12, 11, 1),
            "ICH_VTR_EL2",
            "ro",
            "Virtual interface type",
            (
                Field("ListRegs", 0, 5, "list registers less one"),
                Field("nV4", 20, doc="no direct injection"),
                Field("A3V", 21),
                Field("IDbits", 23, 3),
                Field("PREbits", 26, 3, "bits that preempt, less one"),
                Field("PRIbits", 29, 3, "bits of a priority, less one"),
            ),
            FEATURES_EL2,
        ),
        _register(
            (6, 12, 12, 4),
            "ICC_CTLR_EL3",
            "rw",
            "CPU interface control, as EL3 sees it",
            (
                Field("CBPR_EL1NS", 1, doc="ICC_CTLR_EL1.CBPR"),
                Field("EOImode_EL1NS", 4, doc="ICC_CTLR_EL1.EOImode"),
                *_FEATURES,
            ),
            FEATURES,
            writable=CBPR << 1 | EOI_MODE << 3,
        ),
        _register((6, 12, 12, 5), "ICC_SRE_EL3", "rw", "System register enable", _SRE_LOWER, 0xF, writable=0),
        _register(
            (6, 12, 12, 7),
            "ICC_IGRPEN1_EL3",
            "rw",
            "Group 1 on, as EL3 sees it",
            (Field("EnableGrp1NS", 0, doc="ICC_IGRPEN1_EL1.Enable"),),
            writable=1,
        ),
    ],
)
