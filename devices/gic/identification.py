"""The identification registers at the end of a GIC's frames, laid out as CoreSight has them."""

from __future__ import annotations

from devices.amba import CELL_ID
from soc.registers import Field, Register

IIDR = (
    Field("Implementer", 0, 12, "JEP106 code, Arm 0x43b"),
    Field("Revision", 12, 4),
    Field("Variant", 16, 4),
    Field("ProductID", 24, 8),
)


def id_registers(base: int, peripheral_id: int) -> list[Register]:
    """PIDR4-7, PIDR0-3 and CIDR0-3 from `base` on; `peripheral_id` is PIDR7 .. PIDR0, a byte each."""
    rows = []
    for offset, name, first, word in (
        (0x00, "PIDR", 4, peripheral_id >> 32),
        (0x10, "PIDR", 0, peripheral_id),
        (0x20, "CIDR", 0, CELL_ID),
    ):
        for index in range(4):
            byte = (word >> (8 * index)) & 0xFF
            place = base + offset + 4 * index
            rows.append(Register(place, f"{name}{first + index}", "ro", "Identification", reset=byte))
    return rows
