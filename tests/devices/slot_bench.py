"""Models of a few nodes, each in a slot of its own on one bus: no CPU, no interrupt controller."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from devices.catalogue import models
from soc.address import PhysAddr
from soc.bus import Bus, Window
from soc.clock import Clock
from soc.device import Slot
from soc.devicetree import yaml_source
from soc.devicetree.tree import Tree
from soc.iommu.port import DmaPort
from soc.irq import IrqLine
from soc.memory.dram import Dram
from soc.processor import StopReason
from soc.registers import RegisterTable

BOARD = Path("board.yaml")
HEAD = "'#address-cells': 2\n'#size-cells': 2\n"


def tree_of(nodes: str) -> Tree:
    """The tree of the nodes below the root, written as in a board file; they begin at line 3."""
    return Tree(BOARD, yaml_source.parse(BOARD, HEAD + dedent(nodes)))


class Bench:
    """The models of `nodes`, built in their order; the register helpers are for the last one.

    `raised` keeps every change of the interrupt lines (`irqs` a node), `log` every remark,
    `ended` every reason for which a model would end the run.
    """

    def __init__(self, nodes: str, irqs: int = 1) -> None:
        self.clock = Clock()
        self.bus = Bus(Dram([]))
        self.cpu = self.bus.master("cpu")
        self.log: list[str] = []
        self.raised: list[bool] = []
        self.ended: list[StopReason] = []
        self.models: dict[str, Any] = {}
        for node in tree_of(nodes).walk():
            if node.enabled and (kind := node.match(models())):
                lines = tuple(IrqLine(node.name, self.raised.append) for _ in range(irqs))
                master = self.bus.master(node.name)
                self.slot = Slot(
                    node,
                    self.clock,
                    self.bus,
                    lines,
                    master,
                    DmaPort(master),
                    self.log.append,
                    self.ended.append,
                    lambda other: self.models.get(other.path),
                )
                self.model: Any = kind(self.slot)
                self.models[node.path] = self.model
                for reg, target in zip(node.reg, self.model.targets, strict=True):
                    self.base = reg.address
                    self.bus.attach(Window(reg.address, reg.size, target, node.name))

    @property
    def table(self) -> RegisterTable:
        return self.model.tables[0]

    @property
    def level(self) -> bool:
        """The interrupt line of the last model."""
        return self.slot.irqs[0].level

    def read(self, name: str, index: int = 0) -> int:
        return self.cpu.read(PhysAddr(self.base + self.table.offset(name, index)), 4)

    def write(self, name: str, value: int, index: int = 0) -> None:
        self.cpu.write(PhysAddr(self.base + self.table.offset(name, index)), 4, value)

    def run_to(self, when: int) -> None:
        """Virtual time goes on to `when` ns, with the events up to and in that instant."""
        while (due := self.clock.next_event()) is not None and due <= when:
            self.clock.advance(due)
            self.clock.run_due()
        self.clock.advance(when)

    def run(self, duration: int) -> None:
        self.run_to(self.clock.now + duration)

    def identity(self, prefix: str) -> tuple[int, int]:
        """Peripheral and cell id, as the AMBA bus puts them together."""
        words = (f"{prefix}PeriphID", f"{prefix}PCellID")
        part, cell = (sum((self.read(f"{w}{i}") & 0xFF) << 8 * i for i in range(4)) for w in words)
        return part, cell
