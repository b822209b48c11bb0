"""A driver's registers by name: the accesses they become."""

from __future__ import annotations

from typing import cast

import pytest

from soc.kernel.device import Mmio
from soc.kernel.registers import Registers
from soc.registers import Field, Register, RegisterTable

TABLE = RegisterTable(
    "ip",
    0x100,
    "a test",
    [
        Register(0x08, "SIZE", "rw", "", (Field("WIDTH", 0, 16), Field("HEIGHT", 16, 16))),
        Register(0x10, "BASE", "rw", "", (Field("LOG2SIZE", 0, 5), Field("RA", 62)), size=8),
    ],
)


class Accesses:
    """Stands for ioremap'ed memory: every access is written down, reads answer 0x0003_0002."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int] | tuple[str, int, int]] = []

    def readl(self, offset: int) -> int:
        self.seen.append(("readl", offset))
        return 0x0003_0002

    def readq(self, offset: int) -> int:
        self.seen.append(("readq", offset))
        return 0x0003_0002

    def writel(self, offset: int, value: int) -> None:
        self.seen.append(("writel", offset, value))

    def writeq(self, offset: int, value: int) -> None:
        self.seen.append(("writeq", offset, value))


@pytest.fixture
def accesses() -> Accesses:
    return Accesses()


@pytest.fixture
def registers(accesses: Accesses) -> Registers:
    return Registers(cast(Mmio, accesses), TABLE)


def test_an_access_has_the_size_of_its_register(registers: Registers, accesses: Accesses) -> None:
    assert registers.read("SIZE") == registers.read("BASE") == 0x0003_0002
    registers.write("SIZE", 7)
    registers.write("BASE", 8)
    assert accesses.seen == [("readl", 0x08), ("readq", 0x10), ("writel", 0x08, 7), ("writeq", 0x10, 8)]


def test_numbers_go_to_their_fields(registers: Registers, accesses: Accesses) -> None:
    registers.write("SIZE", WIDTH=1920, HEIGHT=1080)
    registers.write("BASE", 0x8000_0000, LOG2SIZE=8, RA=1)
    assert accesses.seen == [("writel", 0x08, 1080 << 16 | 1920), ("writeq", 0x10, 1 << 62 | 0x8000_0008)]


def test_a_name_that_is_not_in_the_datasheet_is_refused(registers: Registers, accesses: Accesses) -> None:
    with pytest.raises(KeyError, match="SPEED"):
        registers.read("SPEED")
    with pytest.raises(KeyError, match="SIZE has no field DEPTH"):
        registers.write("SIZE", DEPTH=1)
    assert accesses.seen == []
