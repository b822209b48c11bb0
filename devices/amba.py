"""Identification of Arm's PrimeCells: eight bytes at the end of the page, by which a bus finds their driver.

Linux compares the low 20 bits of the peripheral id (part and designer); the rest is revision and
configuration.
"""

from __future__ import annotations

from soc.registers import Field, Register

CELL_ID = 0xB105_F00D


def id_registers(prefix: str, peripheral_id: int) -> list[Register]:
    """PeriphID0-3 and PCellID0-3 at 0xfe0: one byte of `peripheral_id` and of `CELL_ID` each."""
    return [
        Register(
            base + 4 * byte, f"{prefix}{name}{byte}", "ro", "Identification", (Field("ID", 0, 8),), value
        )
        for base, name, word in ((0xFE0, "PeriphID", peripheral_id), (0xFF0, "PCellID", CELL_ID))
        for byte, value in enumerate(word.to_bytes(4, "little"))
    ]
