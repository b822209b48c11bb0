"""A GIC-400 on a bus of its own, for the tests of its hardware and its driver."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from devices.gic400.hardware import Gic400
from devices.gic400.regs import CPU_INTERFACE, DISTRIBUTOR
from soc.address import PhysAddr
from soc.bus import Bus, Window
from soc.clock import Clock
from soc.device import Slot
from soc.devicetree.tree import Node
from soc.iommu.port import DmaPort
from soc.memory.dram import Dram

GICD, GICC = PhysAddr(0x0800_0000), PhysAddr(0x0801_0000)
SPURIOUS = 1023
LEVEL, EDGE = 4, 1


class Bench:
    """A GIC on a bus of its own; D and C access its halves by register name."""

    def __init__(self) -> None:
        bus = Bus(Dram([]))
        self.log: list[str] = []
        windows = [SimpleNamespace(address=GICD, size=0x1000), SimpleNamespace(address=GICC, size=0x2000)]
        self.node = cast(
            Node, SimpleNamespace(name="interrupt-controller@8000000", reg=windows, dma_coherent=True)
        )
        self.cpu = bus.master("cpu")
        self.gic = Gic400(Slot(self.node, Clock(), bus, (), self.cpu, DmaPort(self.cpu), self.log.append))
        for window, target in zip(windows, self.gic.targets, strict=True):
            bus.attach(Window(window.address, window.size, target, hex(window.address)))

    def d(self, name: str, index: int = 0) -> int:
        return self.cpu.read(PhysAddr(GICD + DISTRIBUTOR.offset(name, index)), 4)

    def set_d(self, name: str, value: int, index: int = 0) -> None:
        self.cpu.write(PhysAddr(GICD + DISTRIBUTOR.offset(name, index)), 4, value)

    def c(self, name: str) -> int:
        return self.cpu.read(PhysAddr(GICC + CPU_INTERFACE.offset(name)), 4)

    def set_c(self, name: str, value: int) -> None:
        self.cpu.write(PhysAddr(GICC + CPU_INTERFACE.offset(name)), 4, value)

    def start(self) -> Bench:
        """Group 0 on in both halves, every interrupt enabled at priority 0xa0."""
        for index in range(5):
            self.set_d("ISENABLER", 0xFFFF_FFFF, index)
        for index in range(40):
            self.set_d("IPRIORITYR", 0xA0A0_A0A0, index)
        self.set_d("CTLR", 1)
        self.set_c("PMR", 0xF0)
        self.set_c("CTLR", 1)
        return self

    def priority(self, interrupt: int, value: int) -> None:
        self.cpu.write(PhysAddr(GICD + DISTRIBUTOR.offset("IPRIORITYR") + interrupt), 1, value)

    def edge(self, interrupt: int, on: bool = True) -> None:
        old = self.d("ICFGR", interrupt // 16)
        bit = 2 << 2 * (interrupt % 16)
        self.set_d("ICFGR", old | bit if on else old & ~bit, interrupt // 16)

    def pend(self, interrupt: int) -> None:
        self.set_d("ISPENDR", 1 << interrupt % 32, interrupt // 32)

    @property
    def irq(self) -> bool:
        return self.gic.cpu_irq.level
