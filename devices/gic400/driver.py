"""The kernel's side of a GICv2, as drivers/irqchip/irq-gic.c brings it up.

Binding: Documentation/devicetree/bindings/interrupt-controller/arm,gic.yaml.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL, ENODEV
from typing import ClassVar

from devices.gic400.regs import CPU_INTERFACE, DISTRIBUTOR
from soc.kernel.device import Driver, Mmio
from soc.kernel.errors import KernelError

SPI, PPI = 0, 1
EDGE_RISING, LEVEL_HIGH = 1, 4
TRIGGER_MASK = 0xF
DEFAULT_PRIORITY = 0xA0
PRIORITY_MASK = 0xF0
SPURIOUS_FROM = 1020
GICV2 = 2

GICD = {register.name: register.offset for register in DISTRIBUTOR.registers}
GICC = {register.name: register.offset for register in CPU_INTERFACE.registers}


class Gic400(Driver):
    """The machine's irqchip; a hwirq is the GIC's interrupt ID."""

    name: ClassVar[str] = "gic-400"
    of_match: ClassVar[tuple[str, ...]] = ("arm,gic-400", "arm,cortex-a15-gic")

    gicd: Mmio
    gicc: Mmio
    count: int

    def probe(self) -> None:
        """All interrupts off, level, of one priority; then both halves on. -ENODEV if it is no GICv2."""
        self.gicd = self.device.ioremap(0)
        self.gicc = self.device.ioremap(1)
        version = self.gicd.readl(GICD["PIDR2"]) >> 4 & 0xF
        if version != GICV2:
            raise KernelError(ENODEV, f"{self.device.name}: architecture version {version} is not GICv2")
        self.gicd.writel(GICD["CTLR"], 0)
        self.count = 32 * ((self.gicd.readl(GICD["TYPER"]) & 0x1F) + 1)
        for word in range(self.count // 32):
            self.gicd.writel(GICD["ICENABLER"] + 4 * word, 0xFFFF_FFFF)
            self.gicd.writel(GICD["ICACTIVER"] + 4 * word, 0xFFFF_FFFF)
        for word in range(self.count // 4):
            self.gicd.writel(GICD["IPRIORITYR"] + 4 * word, DEFAULT_PRIORITY * 0x01010101)
        for word in range(2, self.count // 16):
            self.gicd.writel(GICD["ICFGR"] + 4 * word, 0)
        self.gicd.writel(GICD["CTLR"], 1)
        self.gicc.writel(GICC["APR0"], 0)
        self.gicc.writel(GICC["PMR"], PRIORITY_MASK)
        self.gicc.writel(GICC["CTLR"], 1)
        self.kernel.set_irqchip(self)

    def remove(self) -> None:
        self.gicc.writel(GICC["CTLR"], 0)
        self.gicd.writel(GICD["CTLR"], 0)

    def hwirq(self, specifier: tuple[int, ...]) -> int:
        """Interrupt ID of the cells (type, number, flags). -EINVAL if there is no such interrupt."""
        kind, number, _ = specifier if len(specifier) == 3 else (-1, -1, 0)
        if kind == SPI and 0 <= number < self.count - 32:
            return 32 + number
        if kind == PPI and 0 <= number < 16:
            return 16 + number
        raise KernelError(EINVAL, f"{self.device.name}: no interrupt {specifier}")

    def enable(self, specifier: tuple[int, ...]) -> None:
        """Set the trigger the flags ask for and unmask. -EINVAL for a trigger an SPI cannot have."""
        hwirq = self.hwirq(specifier)
        trigger = specifier[2] & TRIGGER_MASK
        if hwirq >= 32:
            if trigger not in (EDGE_RISING, LEVEL_HIGH):
                raise KernelError(
                    EINVAL, f"{self.device.name}: interrupt {specifier} asks for trigger {trigger}"
                )
            offset = GICD["ICFGR"] + 4 * (hwirq // 16)
            edge = 2 << (2 * (hwirq % 16))
            config = self.gicd.readl(offset)
            self.gicd.writel(offset, config | edge if trigger == EDGE_RISING else config & ~edge)
        self.gicd.writel(GICD["ISENABLER"] + 4 * (hwirq // 32), 1 << hwirq % 32)

    def disable(self, specifier: tuple[int, ...]) -> None:
        """Mask the interrupt; it may still become pending."""
        hwirq = self.hwirq(specifier)
        self.gicd.writel(GICD["ICENABLER"] + 4 * (hwirq // 32), 1 << hwirq % 32)

    def handle(self, dispatch: Callable[[int], None]) -> None:
        """Acknowledge, `dispatch(hwirq)` and end every interrupt that is signalled."""
        while True:
            acknowledged = self.gicc.readl(GICC["IAR"])
            hwirq = acknowledged & 0x3FF
            if hwirq >= SPURIOUS_FROM:
                return
            dispatch(hwirq)
            self.gicc.writel(GICC["EOIR"], acknowledged)
