"""What a hardware model is, and what the board gives it.

A model lives in devices/<ip>/hardware.py. It knows registers, interrupt lines,
its DMA port and the clock; it never sees a dma-buf, a driver or the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from soc.bus import Bus, Master, Target
from soc.clock import Clock
from soc.devicetree.tree import Node
from soc.iommu.port import DmaPort
from soc.irq import IrqLine, Sink
from soc.processor import StopReason
from soc.registers import CpuRegister, RegisterTable, SystemRegister


@dataclass
class Slot:
    """A model's place on the board.

    `irqs` are its interrupt lines in the order of the node's `interrupts`;
    `dma` is its port (stream id of its first `iommus` entry); `master` is the
    same agent on the bus below any IOMMU, for table walks; `log` takes one line.
    `power` ends the machine's run: a watchdog's reset, a power button's power-off.
    `provider` finds the model that a phandle names, such as a clock or a GPIO controller.
    """

    node: Node
    clock: Clock
    bus: Bus
    irqs: tuple[IrqLine, ...]
    master: Master
    dma: DmaPort
    log: Callable[[str], None]
    power: Callable[[StopReason], None] = lambda reason: None
    provider: Callable[[Node], Model | None] = lambda node: None

    def irq(self, name: str) -> IrqLine:
        """The line that `interrupt-names` calls `name`; one that leads nowhere if the board has none."""
        names = self.node.strings("interrupt-names")
        if name in names and names.index(name) < len(self.irqs):
            return self.irqs[names.index(name)]
        return IrqLine(f"{self.node.name}.{name} (not connected)")

    def clock_rate(self, name: str, default: int) -> int:
        """Hz of the clock that `clock-names` calls `name`, else of the first, as clk_get without a name.

        `default` if the board gives no clock, or one that has no model.
        """
        clocks = self.node.phandles("clocks", "#clock-cells")
        names = self.node.strings("clock-names")[: len(clocks)]
        if not clocks:
            return default
        source = self.provider(clocks[names.index(name) if name in names else 0].node)
        return source.rate if isinstance(source, ClockSource) else default


class Model(Protocol):
    """A hardware model. `targets` answers for the node's `reg` entries, in order.

    `dma` says whether it moves data in memory that software shares with it.
    """

    compatible: ClassVar[tuple[str, ...]]
    tables: ClassVar[tuple[RegisterTable, ...]]
    dma: ClassVar[bool]
    targets: tuple[Target, ...]

    def __init__(self, slot: Slot) -> None: ...


@runtime_checkable
class InterruptController(Protocol):
    """A model that takes interrupt lines and drives the CPU's."""

    cpu_irq: IrqLine

    def input(self, specifier: tuple[int, ...]) -> Sink:
        """Where the line of an `interrupts` specifier ends. ValueError if it is malformed."""
        ...


@runtime_checkable
class ClockSource(Protocol):
    """A model that others take their clock from, at `rate` Hz."""

    rate: int


@runtime_checkable
class CpuInterface(Protocol):
    """A model with registers inside the CPU, reached by MRS and MSR (a GICv3's ICC_*)."""

    cpu_registers: Mapping[SystemRegister, CpuRegister]
