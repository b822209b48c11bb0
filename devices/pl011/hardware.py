"""PL011 UART: two FIFOs, interrupts, a line to the outside.

Transmitted bytes are handed out at once; received characters arrive one by one
at the programmed baud rate of virtual time, so a guest that reads too late
loses characters as it would on silicon. UARTCLK is the clock that the board calls
`uartclk`, or its first; 24 MHz if it has none.

Source: Arm DDI 0183.

Not modelled: transmission time (a character leaves in the instant it is
queued), DMA requests, IrDA, hardware flow control (RTSEN, CTSEN), break,
parity and framing errors, a sender at another baud rate (a divisor of zero
counts as one), modem inputs except in loopback, the integration test registers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import ClassVar

from devices.pl011.regs import (
    BUSY,
    DR_OE,
    FEN,
    FIFO_DEPTH,
    LBE,
    OE,
    RSR_OE,
    RT,
    RX,
    RXE,
    RXFE,
    RXFF,
    TABLE,
    TX,
    TXE,
    TXFE,
    TXFF,
    UARTCLK,
    UARTEN,
)
from soc.bus import Target
from soc.clock import SECOND, Event
from soc.device import Slot
from soc.registers import RegisterFile, RegisterTable

OUTPUT_LIMIT = 1 << 20
"""Bytes of output kept; the oldest go first."""

TIMEOUT_BITS = 32
TRIGGER = (2, 4, 8, 12, 14)
"""Characters of a 16-deep FIFO at UARTIFLS selection 0..4; the reserved ones act as 4."""

LOOPED_MODEM = tuple(
    (TABLE.mask("UARTCR", output), TABLE.mask("UARTFR", driven), TABLE.mask("UARTRIS", driven))
    for output, driven in (("DTR", "DSR"), ("RTS", "CTS"), ("OUT1", "DCD"), ("OUT2", "RI"))
)
"""(UARTCR bit of the output, UARTFR bit of the input it drives, UARTRIS bit of that input's change)."""


class Pl011:
    """One UART. `output` is what it sent; `on_output` hears each piece as it leaves."""

    compatible: ClassVar[tuple[str, ...]] = ("arm,pl011",)
    tables: ClassVar[tuple[RegisterTable, ...]] = (TABLE,)
    dma: ClassVar[bool] = False

    def __init__(self, slot: Slot) -> None:
        self.output = bytearray()
        self.on_output: Callable[[bytes], None] | None = None
        self._clock = slot.clock
        self._line = slot.irqs[0] if slot.irqs else None
        self._log = slot.log
        self._uartclk = slot.clock_rate("uartclk", UARTCLK)
        self._said: set[str] = set()
        self._transmit: deque[int] = deque()
        self._received: deque[int] = deque()
        self._wire: deque[int] = deque()
        self._timeout: Event | None = None
        self._raw = 0
        self._plain = False  # 8 bits, FIFOs on, no loopback: a character leaves as it comes
        self._modem = 0
        self._overrun = False
        self._divisor = 64
        self._regs = regs = RegisterFile(TABLE, slot.log)
        self.targets: tuple[Target, ...] = (regs,)
        regs.on_read("UARTDR", self._read_data)
        regs.on_write("UARTDR", self._write_data)
        regs.on_write("UARTRSR", lambda _: regs.set("UARTRSR", 0))
        regs.on_write("UARTLCR_H", self._set_line)
        regs.on_write("UARTCR", self._set_control)
        regs.on_write("UARTIFLS", self._set_levels)
        regs.on_write("UARTIMSC", self._set_mask)
        regs.on_write("UARTICR", self._clear_interrupts)

    # --- the outside -------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """`data` comes down the line, a character per character time from now."""
        idle = not self._wire
        self._wire.extend(data)
        if idle and self._wire:
            self._clock.after(self._character_time(), self._arrive)

    @property
    def room(self) -> int:
        """Characters that could be sent to it now without one being lost."""
        control = self._regs.get("UARTCR")
        if not control & UARTEN or not control & RXE or control & LBE:
            return 0
        return self._depth - len(self._received) - len(self._wire)

    def _arrive(self) -> None:
        character = self._wire.popleft()
        if self._wire:
            self._clock.after(self._character_time(), self._arrive)
        control = self._regs.get("UARTCR")
        if control & UARTEN and control & RXE and not control & LBE:
            self._push(character)
            self._refresh()

    # --- receiver ----------------------------------------------------------

    def _push(self, character: int) -> None:
        """A complete character leaves the receive shift register."""
        if len(self._received) >= self._depth:
            self._overrun = True
            self._raw |= OE
            self._regs.set("UARTRSR", self._regs.get("UARTRSR") | RSR_OE)
            return
        self._received.append(character & self._character_mask)
        if len(self._received) >= self._level("RXIFLSEL"):
            self._raw |= RX
        if self._timeout:
            self._timeout.cancel()
        self._timeout = self._clock.after(TIMEOUT_BITS * self._bit_time(), self._time_out)

    def _time_out(self) -> None:
        if self._received:
            self._raw |= RT
            self._refresh()

    def _read_data(self) -> int:
        if not self._received:
            return 0
        value = self._received.popleft()
        if self._overrun:
            value |= DR_OE
            self._overrun = False
        if len(self._received) < self._level("RXIFLSEL"):
            self._raw &= ~RX
        if not self._received:
            self._raw &= ~RT
        self._refresh()
        return value

    # --- transmitter -------------------------------------------------------

    def _write_data(self, value: int) -> None:
        if self._plain and not self._transmit:
            self._send(bytes((value & 0xFF,)))
            if not self._raw & TX:
                self._raw |= TX
                self._refresh()
            return
        if len(self._transmit) >= self._depth:
            self._say("a character was written to a full transmit FIFO and is lost")
            return
        self._transmit.append(value & 0xFF)
        if len(self._transmit) > self._level("TXIFLSEL") or self._depth == 1:
            self._raw &= ~TX
        self._drain()
        self._refresh()

    def _drain(self) -> None:
        """Send what is queued, if the transmitter is on."""
        if not self._transmit:
            return
        control = self._regs.get("UARTCR")
        if not (control & UARTEN and control & TXE):
            self._say("output waits: UARTCR.UARTEN or UARTCR.TXE is clear")
            return
        mask = self._character_mask
        if mask != 0xFF:
            self._say(f"characters are {mask.bit_length()} bits wide: UARTLCR_H.WLEN is not 3")
        data = bytes(character & mask for character in self._transmit)
        self._transmit.clear()
        self._raw |= TX
        if control & LBE and control & RXE:
            for character in data:
                self._push(character)
        self._send(data)

    def _send(self, data: bytes) -> None:
        self.output += data
        if len(self.output) > OUTPUT_LIMIT:
            del self.output[:-OUTPUT_LIMIT]
        if self.on_output:
            self.on_output(data)

    # --- control -----------------------------------------------------------

    def _keep(self, name: str, value: int) -> None:
        self._regs.set(name, value & TABLE[name].writable)

    def _set_line(self, value: int) -> None:
        if (self._regs.get("UARTLCR_H") ^ value) & FEN:
            self._received.clear()
            self._transmit.clear()
            self._raw &= ~(RX | RT)
        self._keep("UARTLCR_H", value)
        self._divisor = (self._regs.get("UARTIBRD") << 6 | self._regs.get("UARTFBRD")) or 64
        self._refresh()

    def _set_control(self, value: int) -> None:
        self._keep("UARTCR", value)
        modem = 0
        for output, flag, change in LOOPED_MODEM:
            level = flag if value & LBE and value & output else 0
            modem |= level
            if level != self._modem & flag:
                self._raw |= change
        self._modem = modem
        self._drain()
        self._refresh()

    def _set_levels(self, value: int) -> None:
        self._keep("UARTIFLS", value)
        due = len(self._received) >= self._level("RXIFLSEL")
        self._raw = self._raw | RX if due else self._raw & ~RX
        self._refresh()

    def _set_mask(self, value: int) -> None:
        self._keep("UARTIMSC", value)
        self._refresh()

    def _clear_interrupts(self, value: int) -> None:
        self._raw &= ~value
        self._refresh()

    # --- state -------------------------------------------------------------

    def _refresh(self) -> None:
        """Bring flags, interrupt status and the line up to date."""
        flags = self._modem
        flags |= TXFF if len(self._transmit) >= self._depth else 0
        flags |= BUSY if self._transmit else TXFE
        flags |= RXFF if len(self._received) >= self._depth else 0
        flags |= 0 if self._received else RXFE
        control = self._regs.get("UARTCR")
        sending = control & (UARTEN | TXE | LBE) == UARTEN | TXE
        self._plain = sending and self._depth > 1 and self._character_mask == 0xFF
        masked = self._raw & self._regs.get("UARTIMSC")
        self._regs.set("UARTFR", flags)
        self._regs.set("UARTRIS", self._raw)
        self._regs.set("UARTMIS", masked)
        if self._line:
            self._line.set(masked != 0)

    @property
    def _depth(self) -> int:
        return FIFO_DEPTH if self._regs.get("UARTLCR_H") & FEN else 1

    def _level(self, selection: str) -> int:
        """Characters at which the interrupt of that FIFO is due."""
        if self._depth == 1:
            return 1
        return TRIGGER[min(self._regs.field("UARTIFLS", selection), 4)]

    @property
    def _character_mask(self) -> int:
        return (1 << (5 + self._regs.field("UARTLCR_H", "WLEN"))) - 1

    def _bit_time(self) -> int:
        """Nanoseconds a bit: 16 * divisor / UARTCLK, the divisor in 64ths."""
        return SECOND * self._divisor // (4 * self._uartclk)

    def _character_time(self) -> int:
        """Nanoseconds from start bit to stop bit."""
        fields = ("WLEN", "PEN", "STP2")
        width, parity, second_stop = (self._regs.field("UARTLCR_H", field) for field in fields)
        return (1 + 5 + width + parity + 1 + second_stop) * self._bit_time()

    def _say(self, problem: str) -> None:
        """Log `problem` the first time."""
        if problem not in self._said:
            self._said.add(problem)
            self._log(f"pl011: {problem}")
