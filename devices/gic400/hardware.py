"""GIC-400: interrupt lines in, the CPU's IRQ and FIQ lines out.

Source: Arm IHI 0048B (GICv2), Arm DDI 0471B (GIC-400); the specifier's cells
are those of the binding interrupt-controller/arm,gic.yaml.

Not modelled: see distributor.py and cpu_interface.py; further the virtual
interface control and virtual CPU interface (`reg` entries 2 and 3). All 16 PPIs
exist, of which a real GIC-400 has seven, and input polarity is not a property
of a line here: a line is asserted or it is not.
"""

from __future__ import annotations

from typing import ClassVar

from devices.gic400.cpu_interface import CpuInterface
from devices.gic400.distributor import Distributor
from devices.gic400.regs import CPU_INTERFACE, DISTRIBUTOR, INTERRUPTS
from soc.bus import Target
from soc.device import Slot
from soc.irq import IrqLine, Sink
from soc.registers import RegisterTable

SPI, PPI = 0, 1
FIRST_ID = {SPI: 32, PPI: 16}
COUNT = {SPI: INTERRUPTS - 32, PPI: 16}
KIND = {SPI: "SPI", PPI: "PPI"}
TRIGGER_MASK = 0xF
TRIGGERS = {SPI: (1, 4), PPI: (1, 2, 4, 8)}


def interrupt_id(specifier: tuple[int, ...]) -> int:
    """Interrupt ID of the cells (type, number, flags). ValueError says which cell is wrong."""
    if len(specifier) != 3:
        raise ValueError(f"a GIC interrupt has 3 cells (type, number, flags), not {len(specifier)}")
    kind, number, flags = specifier
    if kind not in KIND:
        raise ValueError(f"interrupt type must be 0 (SPI) or 1 (PPI), not {kind}")
    if not 0 <= number < COUNT[kind]:
        raise ValueError(f"{KIND[kind]} number must be 0..{COUNT[kind] - 1}, not {number}")
    if flags & TRIGGER_MASK not in TRIGGERS[kind]:
        allowed = "1 (rising edge) or 4 (high level)" if kind == SPI else "1, 2, 4 or 8"
        raise ValueError(f"{KIND[kind]} trigger must be {allowed}, not {flags & TRIGGER_MASK}")
    return FIRST_ID[kind] + number


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
        self._asserted = [0] * INTERRUPTS

    def input(self, specifier: tuple[int, ...]) -> Sink:
        """An input of its own for the line; lines of one interrupt are OR-ed. ValueError if malformed."""
        interrupt = interrupt_id(specifier)
        before = False

        def sink(level: bool) -> None:
            nonlocal before
            if level == before:
                return
            before = level
            self._asserted[interrupt] += 1 if level else -1
            if self._asserted[interrupt] == level:
                self.distributor.drive(interrupt, level)

        return sink
