"""Registers of the PL011 UART, revision r1p4 (16-deep FIFOs).

UARTDR and UARTRSR are two registers each at one offset: what is read is the
receiver's, what is written the transmitter's or, for UARTRSR, UARTECR.
"""

from __future__ import annotations

from devices.amba import id_registers
from soc.registers import Field, Register, RegisterTable

FIFO_DEPTH = 16
UARTCLK = 24_000_000
"""Hz: the clock of the block where the board gives none."""
PERIPHERAL_ID = 0x0024_1011
"""UARTPeriphID3..0 as one word; drivers compare the low 20 bits, the rest is revision and configuration."""

_ERRORS = (
    Field("FE", 0, doc="framing error"),
    Field("PE", 1, doc="parity error"),
    Field("BE", 2, doc="break"),
    Field("OE", 3, doc="overrun"),
)

_INTERRUPTS = (
    Field("RI", 0, doc="ring indicator changed"),
    Field("CTS", 1, doc="clear to send changed"),
    Field("DCD", 2, doc="data carrier detect changed"),
    Field("DSR", 3, doc="data set ready changed"),
    Field("RX", 4, doc="receive FIFO reached its trigger level"),
    Field("TX", 5, doc="transmit FIFO fell to its trigger level"),
    Field("RT", 6, doc="receive timeout: data waits and none came for 32 bit periods"),
    Field("FE", 7, doc="framing error"),
    Field("PE", 8, doc="parity error"),
    Field("BE", 9, doc="break"),
    Field("OE", 10, doc="overrun"),
)
ALL_INTERRUPTS = sum(field.mask for field in _INTERRUPTS)

TABLE = RegisterTable(
    "pl011",
    0x1000,
    "Arm DDI 0183, PrimeCell UART (PL011) Technical Reference Manual, chapter 3",
    [
        Register(
            0x000,
            "UARTDR",
            "rw",
            "Data: read takes a received character, write queues one to transmit",
            (
                Field("DATA", 0, 8),
                Field("FE", 8, doc="framing error of this character"),
                Field("PE", 9, doc="parity error of this character"),
                Field("BE", 10, doc="this character is a break"),
                Field("OE", 11, doc="characters were lost because the receive FIFO was full"),
            ),
        ),
        Register(0x004, "UARTRSR", "rw", "Receive status; a write of any value (UARTECR) clears it", _ERRORS),
        Register(
            0x018,
            "UARTFR",
            "ro",
            "Flags",
            (
                Field("CTS", 0, doc="clear to send"),
                Field("DSR", 1, doc="data set ready"),
                Field("DCD", 2, doc="data carrier detect"),
                Field("BUSY", 3, doc="characters are waiting or being sent"),
                Field("RXFE", 4, doc="receive FIFO empty"),
                Field("TXFF", 5, doc="transmit FIFO full"),
                Field("RXFF", 6, doc="receive FIFO full"),
                Field("TXFE", 7, doc="transmit FIFO empty"),
                Field("RI", 8, doc="ring indicator"),
            ),
            reset=0x90,
        ),
        Register(
            0x020, "UARTILPR", "rw", "IrDA low-power divisor", (Field("ILPDVSR", 0, 8),), modelled=False
        ),
        Register(
            0x024, "UARTIBRD", "rw", "Baud rate divisor, integer", (Field("DIVINT", 0, 16),), writable=0xFFFF
        ),
        Register(
            0x028, "UARTFBRD", "rw", "Baud rate divisor, 64ths", (Field("DIVFRAC", 0, 6),), writable=0x3F
        ),
        Register(
            0x02C,
            "UARTLCR_H",
            "rw",
            "Line control; the write also takes over both divisor registers",
            (
                Field("BRK", 0, doc="send break"),
                Field("PEN", 1, doc="parity bit"),
                Field("EPS", 2, doc="even parity"),
                Field("STP2", 3, doc="two stop bits"),
                Field("FEN", 4, doc="FIFOs on; off they hold one character"),
                Field("WLEN", 5, 2, "bits a character: 0 5, 1 6, 2 7, 3 8"),
                Field("SPS", 7, doc="stick parity"),
            ),
            writable=0xFF,
        ),
        Register(
            0x030,
            "UARTCR",
            "rw",
            "Control",
            (
                Field("UARTEN", 0, doc="UART on"),
                Field("SIREN", 1, doc="IrDA on"),
                Field("SIRLP", 2, doc="IrDA low power"),
                Field("LBE", 7, doc="loop the transmitter back to the receiver"),
                Field("TXE", 8, doc="transmitter on"),
                Field("RXE", 9, doc="receiver on"),
                Field("DTR", 10, doc="data terminal ready"),
                Field("RTS", 11, doc="request to send"),
                Field("OUT1", 12, doc="modem output 1"),
                Field("OUT2", 13, doc="modem output 2"),
                Field("RTSEN", 14, doc="RTS by hardware"),
                Field("CTSEN", 15, doc="CTS by hardware"),
            ),
            reset=0x300,
            writable=0xFF87,
        ),
        Register(
            0x034,
            "UARTIFLS",
            "rw",
            "FIFO trigger levels",
            (
                Field("TXIFLSEL", 0, 3, "0 1/8, 1 1/4, 2 1/2, 3 3/4, 4 7/8 full"),
                Field("RXIFLSEL", 3, 3, "0 1/8, 1 1/4, 2 1/2, 3 3/4, 4 7/8 full"),
            ),
            reset=0x12,
            writable=0x3F,
        ),
        Register(
            0x038, "UARTIMSC", "rw", "Interrupt mask: one enables", _INTERRUPTS, writable=ALL_INTERRUPTS
        ),
        Register(0x03C, "UARTRIS", "ro", "Raw interrupt status", _INTERRUPTS),
        Register(0x040, "UARTMIS", "ro", "Interrupt status behind the mask", _INTERRUPTS),
        Register(0x044, "UARTICR", "wo", "Interrupt clear: one clears", _INTERRUPTS),
        Register(
            0x048,
            "UARTDMACR",
            "rw",
            "DMA control",
            (
                Field("RXDMAE", 0, doc="receive DMA on"),
                Field("TXDMAE", 1, doc="transmit DMA on"),
                Field("DMAONERR", 2, doc="hold receive DMA on an error"),
            ),
            modelled=False,
            writable=0x7,
        ),
        Register(0x080, "UARTTCR", "rw", "Test control", modelled=False),
        Register(0x084, "UARTITIP", "rw", "Integration test input", modelled=False),
        Register(0x088, "UARTITOP", "rw", "Integration test output", modelled=False),
        Register(0x08C, "UARTTDR", "rw", "Test data", modelled=False),
        *id_registers("UART", PERIPHERAL_ID),
    ],
)

DR_OE = TABLE.mask("UARTDR", "OE")
DR_ERRORS = TABLE.mask("UARTDR", "FE", "PE", "BE", "OE")
RSR_OE = TABLE.mask("UARTRSR", "OE")

BUSY = TABLE.mask("UARTFR", "BUSY")
RXFE = TABLE.mask("UARTFR", "RXFE")
TXFF = TABLE.mask("UARTFR", "TXFF")
RXFF = TABLE.mask("UARTFR", "RXFF")
TXFE = TABLE.mask("UARTFR", "TXFE")

FEN = TABLE.mask("UARTLCR_H", "FEN")

UARTEN = TABLE.mask("UARTCR", "UARTEN")
LBE = TABLE.mask("UARTCR", "LBE")
TXE = TABLE.mask("UARTCR", "TXE")
RXE = TABLE.mask("UARTCR", "RXE")

RX = TABLE.mask("UARTRIS", "RX")
TX = TABLE.mask("UARTRIS", "TX")
RT = TABLE.mask("UARTRIS", "RT")
OE = TABLE.mask("UARTRIS", "OE")
