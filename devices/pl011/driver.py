"""Console on a PL011, as drivers/tty/serial/amba-pl011.c sets one up.

Binding: Documentation/devicetree/bindings/serial/pl011.yaml.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import ENODEV
from typing import ClassVar

from devices.pl011.regs import CELL_ID, PERIPHERAL_ID, TABLE
from soc.kernel.device import Driver, Mmio
from soc.kernel.errors import KernelError

UARTCLK = 24_000_000
BAUD = 115_200
PART_MASK = 0x000F_FFFF
TX_POLLS = 1000
INPUT_LIMIT = 4096
"""Bytes of unread input kept, as a tty keeps a line discipline's buffer; later ones are lost."""

OFFSETS = {register.name: register.offset for register in TABLE.registers}
RXFE, TXFF = 1 << 4, 1 << 5
RX, RT, ALL_INTERRUPTS = 1 << 4, 1 << 6, 0x7FF
LCR_8N1_FIFO = 0x70
CR_ON = 1 << 0 | 1 << 8 | 1 << 9
DATA_ERRORS = 0xF00


class Pl011Console(Driver):
    """`write(text)` sends, `read()` takes what came; `on_input` hears when something did.

    `lost_output` and `lost_input` count characters given up.
    """

    name: ClassVar[str] = "uart-pl011"
    of_match: ClassVar[tuple[str, ...]] = ("arm,pl011",)

    regs: Mmio

    def probe(self) -> None:
        """Set the UART to 115200 8N1 with FIFOs. -ENODEV if the ID registers are not a PL011's."""
        self.regs = self.device.ioremap()
        self.lost_output = 0
        self.lost_input = 0
        self.on_input: Callable[[], None] | None = None
        self._input = bytearray()
        part, cell = self._identify("UARTPeriphID"), self._identify("UARTPCellID")
        if part & PART_MASK != PERIPHERAL_ID & PART_MASK or cell != CELL_ID:
            raise KernelError(ENODEV, f"{self.device.name}: id {part:#010x}/{cell:#010x} is not a PL011")
        self._writel("UARTCR", 0)
        divisor = (UARTCLK * 4 + BAUD // 2) // BAUD
        self._writel("UARTIBRD", divisor >> 6)
        self._writel("UARTFBRD", divisor & 0x3F)
        self._writel("UARTLCR_H", LCR_8N1_FIFO)
        self._writel("UARTICR", ALL_INTERRUPTS)
        self._writel("UARTCR", CR_ON)
        self.device.request_irq(self._interrupt)
        self._writel("UARTIMSC", RX | RT)
        for line in self.kernel.log.lines():
            self.print_line(line)
        self.kernel.log.sink = self.print_line

    def remove(self) -> None:
        self.kernel.log.sink = None
        self._writel("UARTIMSC", 0)
        self._writel("UARTCR", 0)

    def write(self, text: str) -> None:
        """Send `text` as UTF-8, line feeds as CR LF, waiting for room in the FIFO."""
        for byte in text.replace("\n", "\r\n").encode():
            for _ in range(TX_POLLS):
                if not self._readl("UARTFR") & TXFF:
                    self._writel("UARTDR", byte)
                    break
            else:
                self.lost_output += 1

    def print_line(self, line: str) -> None:
        """A line of the kernel log."""
        self.write(f"{line}\n")

    def read(self) -> bytes:
        """Everything received since the last read."""
        data = bytes(self._input)
        self._input.clear()
        return data

    def _interrupt(self) -> None:
        while not self._readl("UARTFR") & RXFE:
            value = self._readl("UARTDR")
            if value & DATA_ERRORS:
                self.lost_input += 1
            if len(self._input) < INPUT_LIMIT:
                self._input.append(value & 0xFF)
            else:
                self.lost_input += 1
        self._writel("UARTICR", RX | RT)
        if self._input and self.on_input:
            self.on_input()

    def _identify(self, name: str) -> int:
        """The four ID bytes of `name` as one word."""
        return sum((self._readl(f"{name}{i}") & 0xFF) << (8 * i) for i in range(4))

    def _readl(self, name: str) -> int:
        return self.regs.readl(OFFSETS[name])

    def _writel(self, name: str, value: int) -> None:
        self.regs.writel(OFFSETS[name], value)
