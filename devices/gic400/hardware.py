"""GIC-400: interrupt lines in, the CPU's IRQ and FIQ lines out.

Source: Arm IHI 0048B (GICv2), Arm DDI 0471B (GIC-400); the specifier's cells
are those of the binding interrupt-controller/arm,gic.yaml.

Not modelled: see distributor.py and cpu_interface.py; further the virtual
interface control and virtual CPU interface (`reg` entries 2 and 3). All 16 PPIs
exist, of which a real GIC-400 has seven, and an input has no polarity.
"""

from __future__ import annotations

from typing import ClassVar

from devices.gic.inputs import Inputs
from devices.gic400.cpu_interface import CpuInterface
from devices.gic400.distributor import Distributor
from devices.gic400.regs import CPU_INTERFACE, DISTRIBUTOR
from soc.bus import Target
from soc.device import Slot
from soc.irq import IrqLine, Sink
from soc.registers import RegisterTable


class Gic400:
    """The interrupt controller of a machine with one CPU.

    `cpu_irq` and `cpu_fiq` are its outputs; the latter is asserted only by
    group 0 interrupts while GICC_CTLR.FIQEn is set.
    """

    compatible: ClassVar[tuple[str, ...]] = ("arm,gic-400", "arm,cortex-a15-gic")
    tables: ClassVar[tuple[RegisterTable, ...]] = (DISTRIBUTOR, CPU_INTERFACE)
    dma: ClassVar[bool] = False

    def __init__(self, slot: Slot) -> None:
        self.cpu_irq = IrqLine("gic irq")
        self.cpu_fiq = IrqLine("gic fiq")
        self.distributor = Distributor(slot.log)
        self.cpu_interface = CpuInterface(self.distributor, self.cpu_irq, self.cpu_fiq, slot.log)
        self.targets: tuple[Target, ...] = (self.distributor.regs, self.cpu_interface.regs)
        self._inputs = Inputs(self.distributor.states)

    def input(self, specifier: tuple[int, ...]) -> Sink:
        """An input of its own for the line; lines of one interrupt are OR-ed. ValueError if malformed."""
        return self._inputs.input(specifier)
