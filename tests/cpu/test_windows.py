"""Register blocks of any size and place answer, and only there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from soc.address import PhysAddr
from soc.bus import Bus, BusError, Window
from soc.clock import Clock
from soc.cpu import Cpu, Image, StopReason, flat_image
from soc.memory.dram import Bank, Dram
from tests.cpu.guest import BASE, DEVICE, GuestMachine

LOADS = (0xF940_0001, 0xB940_0402, 0x7940_1003, 0x3940_3004)
"""ldr x1,[x0]; ldr w2,[x0,#4]; ldrh w3,[x0,#8]; ldrb w4,[x0,#12]"""
WFI_AND_STAY = (0xD503_207F, 0x1400_0000)


class Numbered:
    """Reads answer this block's number in every byte."""

    def __init__(self, number: int) -> None:
        self.number = number

    def read(self, offset: int, size: int) -> int:
        return int.from_bytes(bytes([self.number] * size), "little")

    def write(self, offset: int, size: int, value: int) -> None:
        raise AssertionError("nobody writes")


@pytest.fixture
def dram() -> Iterator[Dram]:
    built = Dram([Bank(BASE, 1 << 20)])
    yield built
    built.banks[0].close()


def core(dram: Dram, windows: list[tuple[int, int]]) -> Cpu:
    bus = Bus(dram)
    for number, (base, size) in enumerate(windows, 1):
        bus.attach(Window(PhysAddr(base), size, Numbered(number), f"block{number}"))
    cpu = Cpu(bus, Clock(), lambda line: None)
    code = b"".join(word.to_bytes(4, "little") for word in (*LOADS, *WFI_AND_STAY))
    cpu.load(flat_image(code, BASE))
    return cpu


@pytest.mark.parametrize(
    "windows",
    [
        [(0x1000, 0x1000), (0x2000, 0x1000)],
        [(0x1000, 0x20), (0x1020, 0x20), (0x1040, 0xFC0)],
        [(0x1F00, 0x200), (0x2100, 0x1000)],
        [(0x1000, 0x1800), (0x2800, 0x800), (0x3000, 0x1000)],
        [(0x1800, 0x10), (0x5000, 0x2000), (0x7000, 0x10)],
    ],
    ids=["whole pages", "one page shared", "straddling", "neighbours", "apart"],
)
def test_each_block_answers_its_own_addresses(dram: Dram, windows: list[tuple[int, int]]) -> None:
    cpu = core(dram, windows)
    for number, (base, _) in enumerate(windows, 1):
        cpu.reset(BASE, base)
        assert cpu.run(cpu.clock.now + 100) is StopReason.WFI
        got = [cpu.x(n) for n in range(1, 5)]
        assert got == [number * 0x0101_0101_0101_0101, number * 0x0101_0101, number * 0x0101, number]


def test_bus_error_of_a_model_is_an_abort(machine: GuestMachine) -> None:
    def refuse(offset: int) -> None:
        raise BusError(DEVICE + offset, 4, "read", "cpu")

    machine.device.on_read = refuse
    machine.start("load_at", x0=DEVICE)
    assert machine.run() is StopReason.WFI
    assert (machine.x(20), machine.x(21)) == (1, 0x9600_0410)


def test_offset_and_size_reach_the_model(programs: Image) -> None:
    machine = GuestMachine(programs, "auto")
    machine.start("store_bytes", x0=DEVICE)
    machine.run()
    accesses = machine.device.accesses
    assert accesses[0] == ("write", 0, 1, 0x88)
    assert ("write", 8, 4, 0x5566_7788) in accesses
    assert ("write", 12, 4, 0x1122_3344) in accesses
    machine.close()
