"""A PL011 on a bus of its own, for the tests of its hardware and its driver."""

from __future__ import annotations

from devices.pl011.hardware import Pl011
from devices.pl011.regs import TABLE
from soc.address import PhysAddr
from soc.bus import Bus, Window
from soc.clock import Clock
from soc.device import Slot
from soc.iommu.port import DmaPort
from soc.irq import IrqLine
from soc.memory.dram import Dram
from tests.devices.slot_bench import tree_of

BASE = PhysAddr(0x0900_0000)
NODE = "uart@9000000: {compatible: arm,pl011, reg: [[0x9000000, 0x1000]]}"
CR_ON, LBE = 0x301, 0x80
FIFO_8N1 = 0x70
RX, TX, RT, OE = 0x10, 0x20, 0x40, 0x400
TXFE, RXFF, TXFF, RXFE, BUSY = 0x80, 0x40, 0x20, 0x10, 0x08
BIT = 8677
CHARACTER = 10 * BIT
"""Nanoseconds of one and of ten bits: divisor 13 + 1/64 of 24 MHz, which is 115246 baud."""


class Bench:
    """A PL011 on a bus of its own. `raised` keeps every change of its interrupt line."""

    def __init__(self, irqs: int = 1, nodes: str = NODE) -> None:
        self.clock = Clock()
        self.bus = Bus(Dram([]))
        self.log: list[str] = []
        self.raised: list[bool] = []
        master = self.bus.master("uart")
        lines = tuple(IrqLine("uart", self.raised.append) for _ in range(irqs))
        node = tree_of(nodes).compatible("arm,pl011")[0]
        self.slot = Slot(node, self.clock, self.bus, lines, master, DmaPort(master), self.log.append)
        self.uart = Pl011(self.slot)
        self.bus.attach(Window(BASE, 0x1000, self.uart.targets[0], "uart"))
        self.cpu = self.bus.master("cpu")

    def read(self, name: str) -> int:
        return self.cpu.read(PhysAddr(BASE + TABLE.offset(name)), 4)

    def write(self, name: str, value: int) -> None:
        self.cpu.write(PhysAddr(BASE + TABLE.offset(name)), 4, value)

    def start(self, line: int = FIFO_8N1, control: int = CR_ON) -> Bench:
        self.write("UARTIBRD", 13)
        self.write("UARTFBRD", 1)
        self.write("UARTLCR_H", line)
        self.write("UARTCR", control)
        return self

    def run(self, duration: int) -> None:
        """Virtual time goes on by `duration` ns, with the events in it."""
        end = self.clock.now + duration
        while (due := self.clock.next_event()) is not None and due <= end:
            self.clock.advance(due)
            self.clock.run_due()
        self.clock.advance(end)

    def take(self, count: int) -> bytes:
        return bytes(self.read("UARTDR") & 0xFF for _ in range(count))
