"""Address decoding: RAM, register blocks, holes, and who is named when."""

from __future__ import annotations

import numpy as np
import pytest

from soc.address import PhysAddr, human_size, page_align
from soc.bus import Bus, BusError, Window
from soc.errors import SocError
from soc.irq import IrqLine
from soc.memory.dram import Bank, Dram
from soc.memory.span import PageSpan

RAM = PhysAddr(0x8000_0000)


class Block:
    """A target that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def read(self, offset: int, size: int) -> int:
        self.asked.append(("read", offset, size))
        return 0x55

    def write(self, offset: int, size: int, value: int) -> None:
        self.asked.append(("write", offset, size, value))


@pytest.fixture
def bus():
    bank = Bank(RAM, 0x2000)
    yield Bus(Dram([bank]))
    bank.close()


def window(base: int, size: int, name: str) -> Window:
    return Window(PhysAddr(base), size, Block(), name)


def test_a_register_block_gets_offsets(bus):
    uart = window(0x1000, 0x100, "uart")
    bus.attach(window(0x2000, 0x100, "timer"))
    bus.attach(uart)
    cpu = bus.master("cpu")
    assert cpu.read(PhysAddr(0x1004), 4) == 0x55
    cpu.write(PhysAddr(0x10FF), 1, 7)
    assert uart.target.asked == [("read", 4, 4), ("write", 0xFF, 1, 7)]
    assert cpu.traffic.total() == (0, 0)


def test_memory_is_little_endian_and_counted(bus):
    cpu, dma = bus.master("cpu"), bus.master("dma")
    cpu.write(PhysAddr(RAM + 0xFFE), 4, 0x11223344)
    assert cpu.read(PhysAddr(RAM + 0xFFF), 2) == 0x2233
    assert dma.read_span(PageSpan.linear(PhysAddr(RAM + 0xFFE), 4)).tolist() == [0x44, 0x33, 0x22, 0x11]
    assert (cpu.traffic.total(), dma.traffic.total()) == ((2, 4), (4, 0))
    assert bus.master("cpu") is cpu


@pytest.mark.parametrize(
    ("base", "size", "message"),
    [
        (0x10FF, 1, "new overlaps uart"),
        (0x0F00, 0x101, "new overlaps uart"),
        (0x0, 0x10000, "new overlaps uart"),
        (RAM + 0x1FFF, 4, "new overlaps DRAM at 0x80000000"),
        (RAM - 1, 2, "new overlaps DRAM at 0x80000000"),
    ],
)
def test_an_overlap_names_both(bus, base, size, message):
    bus.attach(window(0x1000, 0x100, "uart"))
    with pytest.raises(ValueError, match="overlaps") as caught:
        bus.attach(window(base, size, "new"))
    assert str(caught.value) == message
    assert [w.name for w in bus.windows] == ["uart"]


def test_neighbours_do_not_overlap(bus):
    bus.attach(window(0x1000, 0x100, "uart"))
    bus.attach(window(0x1100, 0x100, "after"))
    bus.attach(window(0xF00, 0x100, "before"))
    bus.attach(window(RAM - 0x100, 0x100, "below memory"))
    bus.attach(window(RAM + 0x2000, 0x100, "above memory"))
    assert bus.window(0x10FF, 1).name == "uart"
    assert bus.window(0x1100, 4).name == "after"


@pytest.mark.parametrize(
    ("address", "size"),
    [(0, 4), (0xFFF, 1), (0x10FE, 4), (0x1100, 1), (RAM - 2, 4), (RAM + 0x1FFE, 4), (1 << 63, 8)],
)
def test_a_hole_is_a_bus_error(bus, address, size):
    bus.attach(window(0x1000, 0x100, "uart"))
    cpu = bus.master("cpu")
    with pytest.raises(BusError) as caught:
        cpu.read(PhysAddr(address), size)
    assert str(caught.value) == f"cpu: read of {size} bytes at {address:#x}: nothing answers there"
    with pytest.raises(BusError) as caught:
        cpu.write(PhysAddr(address), size, 0)
    error = caught.value
    assert (error.address, error.size, error.access, error.master) == (address, size, "write", "cpu")
    assert isinstance(error, SocError)
    assert cpu.traffic.total() == (0, 0)


def test_a_transfer_that_leaves_memory_moves_nothing(bus):
    span = PageSpan.of(np.array([(RAM >> 12) + 1, (RAM >> 12) + 2]), 0, 0x2000)
    with pytest.raises(BusError):
        bus.master("dma").write_span(span, np.full(0x2000, 0xFF, dtype=np.uint8))
    assert not bus.dram.view(RAM, 0x2000).any()


@pytest.mark.parametrize("frames", [[0, 1], [1, 0]], ids=["a view of the bank", "gathered"])
def test_what_is_read_cannot_be_written_through(bus, frames):
    span = PageSpan.of(np.array(frames) + (RAM >> 12), 0, 0x2000)
    data = bus.master("dma").read_span(span)
    with pytest.raises(ValueError, match="read-only"):
        data[0] = 1
    assert bus.dram.banks[0].bytes.flags.writeable


def test_a_wire_tells_changes_only():
    levels: list[bool] = []
    line = IrqLine("uart.0")
    line.set(True)
    line.connect(levels.append)
    line.set(True)
    line.set(False)
    line.pulse()
    assert levels == [True, False, True, False]
    IrqLine("nowhere").pulse()


def test_sizes_as_people_read_them():
    assert [human_size(n) for n in (1 << 30, 3 << 20, 8100 << 10, 4097, 0)] == [
        "1 GiB",
        "3 MiB",
        "8100 KiB",
        "4097 B",
        "0 B",
    ]
    assert [page_align(n) for n in (0, 1, 4096, 4097)] == [0, 4096, 4096, 8192]
