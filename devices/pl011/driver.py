"""Console on a PL011, as drivers/tty/serial/amba-pl011.c sets one up.

Binding: Documentation/devicetree/bindings/serial/pl011.yaml.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import ENODEV
from typing import ClassVar

from devices.amba import CELL_ID
from devices.pl011.regs import (
    ALL_INTERRUPTS,
    DR_ERRORS,
    PERIPHERAL_ID,
    RT,
    RX,
    RXE,
    RXFE,
    TABLE,
    TXE,
    TXFF,
    UARTCLK,
    UARTEN,
)
from soc.kernel.device import Driver
from soc.kernel.errors import KernelError
from soc.kernel.registers import Registers

BAUD = 115_200
PART_MASK = 0x000F_FFFF
TX_POLLS = 1000
INPUT_LIMIT = 4096
"""Bytes of unread input kept, as a tty keeps a line discipline's buffer; later ones are lost."""

EIGHT_BITS = 3
"""UARTLCR_H.WLEN."""


class Pl011Console(Driver):
    """`write(text)` sends, `read()` takes what came; `on_input` hears when something did.

    `lost_output` and `lost_input` count characters given up.
    """

    name: ClassVar[str] = "uart-pl011"
    of_match: ClassVar[tuple[str, ...]] = ("arm,pl011",)

    def probe(self) -> None:
        """Set the UART to 115200 8N1 with FIFOs. -ENODEV if the ID registers are not a PL011's."""
        self._regs = Registers(self.device.ioremap(), TABLE)
        self.lost_output = 0
        self.lost_input = 0
        self.on_input: Callable[[], None] | None = None
        self._input = bytearray()
        part, cell = self._identify("UARTPeriphID"), self._identify("UARTPCellID")
        if part & PART_MASK != PERIPHERAL_ID & PART_MASK or cell != CELL_ID:
            raise KernelError(ENODEV, f"{self.device.name}: id {part:#010x}/{cell:#010x} is not a PL011")
        self._regs.write("UARTCR", 0)
        divisor = (self._uartclk() * 4 + BAUD // 2) // BAUD
        self._regs.write("UARTIBRD", DIVINT=divisor >> 6)
        self._regs.write("UARTFBRD", DIVFRAC=divisor & 0x3F)
        self._regs.write("UARTLCR_H", WLEN=EIGHT_BITS, FEN=1)
        self._regs.write("UARTICR", ALL_INTERRUPTS)
        self._regs.write("UARTCR", UARTEN | TXE | RXE)
        self.device.request_irq(self._interrupt)
        self._regs.write("UARTIMSC", RX | RT)
        for line in self.kernel.log.lines():
            self.print_line(line)
        self.kernel.log.sink = self.print_line

    def remove(self) -> None:
        self.kernel.log.sink = None
        self._regs.write("UARTIMSC", 0)
        self._regs.write("UARTCR", 0)

    def write(self, text: str) -> None:
        """Send `text` as UTF-8, line feeds as CR LF, waiting for room in the FIFO."""
        for byte in text.replace("\n", "\r\n").encode():
            for _ in range(TX_POLLS):
                if not self._regs.read("UARTFR") & TXFF:
                    self._regs.write("UARTDR", byte)
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
        while not self._regs.read("UARTFR") & RXFE:
            value = self._regs.read("UARTDR")
            if value & DR_ERRORS:
                self.lost_input += 1
            if len(self._input) < INPUT_LIMIT:
                self._input.append(value & 0xFF)
            else:
                self.lost_input += 1
        self._regs.write("UARTICR", RX | RT)
        if self._input and self.on_input:
            self.on_input()

    def _uartclk(self) -> int:
        """Hz of the first of its clocks, a fixed one; 24 MHz where the board gives none."""
        clocks = self.device.node.phandles("clocks", "#clock-cells")
        return clocks[0].node.number("clock-frequency", UARTCLK) if clocks else UARTCLK

    def _identify(self, name: str) -> int:
        """The four ID bytes of `name` as one word."""
        return sum((self._regs.read(f"{name}{i}") & 0xFF) << (8 * i) for i in range(4))
