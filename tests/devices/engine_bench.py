"""A camera or a display alone on a bus with 1 MiB of DRAM, for the tests of the hardware."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar, cast

import numpy as np

from soc.address import PhysAddr
from soc.bus import Bus, Window
from soc.clock import Clock
from soc.device import Slot
from soc.devicetree.tree import Node
from soc.iommu.port import DmaPort
from soc.irq import IrqLine
from soc.memory.dram import Bank, Dram
from soc.memory.span import Bytes

DRAM = PhysAddr(0x8000_0000)
SIZE = 1 << 20
END = DRAM + SIZE
BASE = PhysAddr(0x3200_0000)
FILL = 0xA5
"""What DRAM holds before an engine writes to it."""


class EngineBench:
    """The engine `kind`; its DMA has no IOMMU, so addresses are physical and fault at `END`.

    `raised` keeps every change of the interrupt line.
    """

    clock_type: ClassVar[type[Clock]] = Clock

    def __init__(self, kind: Any, irqs: int = 1, **properties: int) -> None:
        self.clock = self.clock_type()
        self.bus = Bus(Dram([Bank(DRAM, SIZE)]))
        self.memory(DRAM, SIZE)[:] = FILL
        self.log: list[str] = []
        self.raised: list[bool] = []
        master = self.bus.master("engine")
        lines = tuple(IrqLine("engine", self.raised.append) for _ in range(irqs))
        nothing = {"phandles": lambda *names: (), "strings": lambda name: ()}
        node = cast(Node, SimpleNamespace(name="engine@32000000", number=properties.get, **nothing))
        slot = Slot(node, self.clock, self.bus, lines, master, DmaPort(master), self.log.append)
        self.engine = kind(slot)
        self.table = kind.tables[0]
        self.bus.attach(Window(BASE, self.table.span, self.engine.targets[0], "engine"))
        self.cpu = self.bus.master("cpu")

    def read(self, name: str) -> int:
        return self.cpu.read(PhysAddr(BASE + self.table.offset(name)), 4)

    def write(self, name: str, value: int) -> None:
        self.cpu.write(PhysAddr(BASE + self.table.offset(name)), 4, value)

    def run(self, duration: int) -> None:
        """Virtual time goes on by `duration` ns, with the events in it."""
        end = self.clock.now + duration
        while (due := self.clock.next_event()) is not None and due <= end:
            self.clock.advance(due)
            self.clock.run_due()
        self.clock.advance(end)

    def memory(self, address: int, size: int) -> Bytes:
        """The bytes of DRAM themselves, not a copy."""
        return self.bus.dram.view(PhysAddr(address), size)

    def fill(self, address: int, data: bytes) -> None:
        self.memory(address, len(data))[:] = np.frombuffer(data, dtype=np.uint8)

    @property
    def moved(self) -> tuple[int, int]:
        """Bytes (read, written) by the engine, as the bus counted them."""
        return self.bus.masters["engine"].traffic.total()
