"""GICv3 for a machine with one CPU and one security state: lines in, the CPU's IRQ and FIQ out.

GICD_CTLR.DS is always 1, so there is no Secure side: group 0 is signalled by
FIQ, group 1 by IRQ, and software at any exception level sees the same registers.
GICD_CTLR.ARE is always 1 as well: the CPU has its interface in system
registers, and its affinity is 0.0.0.0.
Source: Arm IHI 0069 (GICv3), Arm DDI 0516 (the GIC-500, whose identification it
has); the specifier's cells are those of the binding interrupt-controller/arm,gic-v3.yaml.

Not modelled: see the other files here; in short LPIs and the ITS, message-based
and extended interrupts, security, the memory-mapped GICC, GICH and GICV, the
virtual interface. An input has no polarity, and all PPIs can be edge or level.
"""

from __future__ import annotations

from typing import ClassVar

from devices.gic.inputs import SPI, Inputs
from devices.gic.states import InterruptStates
from devices.gicv3.hardware.cpu_interface import CpuInterface
from devices.gicv3.hardware.distributor import Distributor
from devices.gicv3.hardware.redistributor import Redistributor
from devices.gicv3.regs import CPU_INTERFACE, DISTRIBUTOR, INTERRUPTS, REDISTRIBUTOR
from soc.bus import Target
from soc.device import Slot
from soc.irq import IrqLine, Sink
from soc.registers import RegisterTable


class Gicv3:
    """`cpu_irq` and `cpu_fiq` are its outputs, `cpu_registers` its ICC_* inside the CPU."""

    compatible: ClassVar[tuple[str, ...]] = ("arm,gic-v3",)
    tables: ClassVar[tuple[RegisterTable, ...]] = (DISTRIBUTOR, REDISTRIBUTOR, CPU_INTERFACE)
    dma: ClassVar[bool] = False

    def __init__(self, slot: Slot) -> None:
        self.cpu_irq = IrqLine("gic irq")
        self.cpu_fiq = IrqLine("gic fiq")
        states = InterruptStates(INTERRUPTS)
        distributor = Distributor(states, slot.log)
        redistributor = Redistributor(states, distributor, slot.log)
        interface = CpuInterface(states, redistributor, self.cpu_irq, self.cpu_fiq, slot.log)
        self.cpu_registers = interface.registers
        self.targets: tuple[Target, ...] = (distributor.regs, redistributor.regs)
        self._inputs = Inputs(states)

    def input(self, specifier: tuple[int, ...]) -> Sink:
        """An input of its own for the line; lines of one interrupt are OR-ed. ValueError if malformed.

        A fourth cell says which CPUs share a PPI: with one CPU any will do, but an SPI has none.
        """
        if len(specifier) == 4:
            if specifier[0] == SPI and specifier[3]:
                raise ValueError(f"the fourth cell of an SPI must be 0, not {specifier[3]}")
            specifier = specifier[:3]
        return self._inputs.input(specifier)
