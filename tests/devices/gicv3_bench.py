"""A GICv3 on a bus of its own, and the CPU's side of its system registers, for the tests of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from devices.gicv3.hardware import Gicv3
from devices.gicv3.regs import CPU_INTERFACE, DISTRIBUTOR, REDISTRIBUTOR
from soc.address import PhysAddr
from soc.bus import Bus, Window
from soc.clock import Clock
from soc.device import Slot
from soc.devicetree.tree import Node
from soc.iommu.port import DmaPort
from soc.memory.dram import Dram
from soc.system_registers import system_register

GICD, GICR = PhysAddr(0x0800_0000), PhysAddr(0x080A_0000)
SPURIOUS = 1023
LEVEL, EDGE = 4, 1
GROUP0, GROUP1 = 0, 1


class Bench:
    """D and R access the frames by register name, `read` and `write` the system registers.

    `bit`, `poke` and the like are for one interrupt, in whichever frame it is.
    """

    def __init__(self) -> None:
        bus = Bus(Dram([]))
        self.log: list[str] = []
        windows = [SimpleNamespace(address=GICD, size=0x1_0000), SimpleNamespace(address=GICR, size=0x2_0000)]
        self.node = cast(
            Node, SimpleNamespace(name="interrupt-controller@8000000", reg=windows, dma_coherent=True)
        )
        self.cpu = bus.master("cpu")
        self.gic = Gicv3(Slot(self.node, Clock(), bus, (), self.cpu, DmaPort(self.cpu), self.log.append))
        for window, target in zip(windows, self.gic.targets, strict=True):
            bus.attach(Window(window.address, window.size, target, hex(window.address)))

    # --- registers by name ---------------------------------------------------

    def d(self, name: str, index: int = 0) -> int:
        row = DISTRIBUTOR[name]
        return self.cpu.read(PhysAddr(GICD + DISTRIBUTOR.offset(name, index)), row.size)

    def set_d(self, name: str, value: int, index: int = 0) -> None:
        row = DISTRIBUTOR[name]
        self.cpu.write(PhysAddr(GICD + DISTRIBUTOR.offset(name, index)), row.size, value)

    def r(self, name: str, index: int = 0) -> int:
        row = REDISTRIBUTOR[name]
        return self.cpu.read(PhysAddr(GICR + REDISTRIBUTOR.offset(name, index)), row.size)

    def set_r(self, name: str, value: int, index: int = 0) -> None:
        row = REDISTRIBUTOR[name]
        self.cpu.write(PhysAddr(GICR + REDISTRIBUTOR.offset(name, index)), row.size, value)

    def read(self, name: str) -> int:
        """MRS of ICC_<name>."""
        reader = self.gic.cpu_registers[system_register(CPU_INTERFACE[f"ICC_{name}"].offset)].read
        assert reader is not None, f"ICC_{name} cannot be read"
        return reader()

    def write(self, name: str, value: int) -> None:
        """MSR of ICC_<name>."""
        writer = self.gic.cpu_registers[system_register(CPU_INTERFACE[f"ICC_{name}"].offset)].write
        assert writer is not None, f"ICC_{name} cannot be written"
        writer(value)

    # --- one interrupt -------------------------------------------------------

    def bit(self, name: str, interrupt: int) -> bool:
        """Its bit of ISENABLER, ISPENDR, ..."""
        word = self.r(f"{name}0") if interrupt < 32 else self.d(name, interrupt // 32)
        return bool(word >> interrupt % 32 & 1)

    def poke(self, name: str, interrupt: int) -> None:
        """Write a one to its bit of ISENABLER, ICPENDR, ... and zeros to the others."""
        if interrupt < 32:
            self.set_r(f"{name}0", 1 << interrupt)
        else:
            self.set_d(name, 1 << interrupt % 32, interrupt // 32)

    def pend(self, interrupt: int) -> None:
        self.poke("ISPENDR", interrupt)

    def group(self, interrupt: int, group: int) -> None:
        bit = 1 << interrupt % 32
        if interrupt < 32:
            old = self.r("IGROUPR0")
            self.set_r("IGROUPR0", old | bit if group else old & ~bit)
        else:
            old = self.d("IGROUPR", interrupt // 32)
            self.set_d("IGROUPR", old | bit if group else old & ~bit, interrupt // 32)

    def priority(self, interrupt: int, value: int) -> None:
        frame, table = (GICR, REDISTRIBUTOR) if interrupt < 32 else (GICD, DISTRIBUTOR)
        self.cpu.write(PhysAddr(frame + table.offset("IPRIORITYR") + interrupt), 1, value)

    def edge(self, interrupt: int, on: bool = True) -> None:
        bit = 2 << 2 * (interrupt % 16)
        read, write = (self.r, self.set_r) if interrupt < 32 else (self.d, self.set_d)
        old = read("ICFGR", interrupt // 16)
        write("ICFGR", old | bit if on else old & ~bit, interrupt // 16)

    # --- bring-up and outputs ------------------------------------------------

    def start(self) -> Bench:
        """As Linux leaves it: all in group 1, on, at priority 0xa0; EOImode 0."""
        for index in range(1, 8):
            self.set_d("IGROUPR", 0xFFFF_FFFF, index)
            self.set_d("ISENABLER", 0xFFFF_FFFF, index)
        for index in range(8, 64):
            self.set_d("IPRIORITYR", 0xA0A0_A0A0, index)
        for index in range(8):
            self.set_r("IPRIORITYR", 0xA0A0_A0A0, index)
        self.set_d("CTLR", 0x13)
        self.set_r("WAKER", 0)
        self.set_r("IGROUPR0", 0xFFFF_FFFF)
        self.set_r("ISENABLER0", 0xFFFF_FFFF)
        self.write("PMR_EL1", 0xF0)
        self.write("BPR1_EL1", 0)
        self.write("IGRPEN1_EL1", 1)
        return self

    def ack(self, group: int = GROUP1) -> int:
        return self.read(f"IAR{group}_EL1")

    def end(self, interrupt: int, group: int = GROUP1) -> None:
        self.write(f"EOIR{group}_EL1", interrupt)

    @property
    def irq(self) -> bool:
        return self.gic.cpu_irq.level

    @property
    def fiq(self) -> bool:
        return self.gic.cpu_fiq.level

    @property
    def running(self) -> int:
        return self.read("RPR_EL1")
