"""A device's registers by the names of its datasheet, for drivers.

regs = Registers(device.ioremap(), TABLE)
regs.write("CTRL_SET", RUN)
regs.write("SIZE", WIDTH=1920, HEIGHT=1080)
status = regs.read("STATUS")
"""

from __future__ import annotations

from soc.kernel.device import Mmio
from soc.registers import RegisterTable


class Registers:
    """The block of `table` behind `mmio`. KeyError for a name that is not in the table."""

    def __init__(self, mmio: Mmio, table: RegisterTable) -> None:
        self._mmio = mmio
        self._table = table

    def read(self, name: str) -> int:
        """The register's value, by one access of its size."""
        register = self._table[name]
        return (self._mmio.readl if register.size == 4 else self._mmio.readq)(register.offset)

    def write(self, name: str, value: int = 0, /, **fields: int) -> None:
        """`value` with these numbers OR-ed into its fields, by one access of the register's size."""
        register = self._table[name]
        for field, number in fields.items():
            value |= register.field(field).put(number)
        (self._mmio.writel if register.size == 4 else self._mmio.writeq)(register.offset, value)
