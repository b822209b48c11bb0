"""Registers of the PL061 GPIO: eight pins, a bit each."""

from __future__ import annotations

from devices.amba import id_registers
from soc.registers import Field, Register, RegisterTable

PERIPHERAL_ID = 0x0004_1061
PINS = 8
ALL = (1 << PINS) - 1

_PINS = tuple(Field(f"PIN{pin}", pin) for pin in range(PINS))


def _row(offset: int, name: str, access: str, doc: str) -> Register:
    return Register(offset, name, access, doc, _PINS, writable=ALL)


TABLE = RegisterTable(
    "pl061",
    0x1000,
    "Arm DDI 0190, PrimeCell General Purpose Input/Output (PL061) Technical Reference Manual, chapter 3",
    [
        Register(
            0x000,
            "GPIODATA",
            "rw",
            "Data; bits 9:2 of the address are a mask: pins outside it read as zero and keep their value",
            _PINS,
            count=1 << PINS,
            writable=ALL,
        ),
        _row(0x400, "GPIODIR", "rw", "Direction: one is an output"),
        _row(0x404, "GPIOIS", "rw", "Interrupt sense: one is a level, zero an edge"),
        _row(0x408, "GPIOIBE", "rw", "Interrupt both edges: one is either edge, zero the one of GPIOIEV"),
        _row(0x40C, "GPIOIEV", "rw", "Interrupt event: one is rising or high, zero falling or low"),
        _row(0x410, "GPIOIE", "rw", "Interrupt mask: one enables"),
        _row(0x414, "GPIORIS", "ro", "Raw interrupt status"),
        _row(0x418, "GPIOMIS", "ro", "Interrupt status behind the mask"),
        _row(0x41C, "GPIOIC", "wo", "Interrupt clear: one clears an edge"),
        Register(
            0x420, "GPIOAFSEL", "rw", "Mode control: one hands the pin to hardware", _PINS, 0, modelled=False
        ),
        Register(0x600, "GPIOITCR", "rw", "Integration test control", modelled=False),
        Register(0x604, "GPIOITIP1", "rw", "Integration test input", modelled=False),
        Register(0x608, "GPIOITIP2", "rw", "Integration test input", modelled=False),
        Register(0x60C, "GPIOITOP1", "wo", "Integration test output", modelled=False),
        Register(0x610, "GPIOITOP2", "rw", "Integration test output", modelled=False),
        Register(0x614, "GPIOITOP3", "rw", "Integration test output", modelled=False),
        *id_registers("GPIO", PERIPHERAL_ID),
    ],
)
