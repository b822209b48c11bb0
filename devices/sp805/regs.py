"""Registers of the SP805 watchdog."""

from __future__ import annotations

from devices.amba import id_registers
from soc.registers import Field, Register, RegisterTable

PERIPHERAL_ID = 0x0014_1805
UNLOCK = 0x1ACC_E551
WDOGCLK = 24_000_000
"""Hz: the clock of the counter where the board gives none."""

_INTERRUPT = (Field("WDOGINT", 0, doc="the counter has reached zero"),)

TABLE = RegisterTable(
    "sp805",
    0x1000,
    "Arm DDI 0270, Watchdog Module (SP805) Technical Reference Manual, chapter 3",
    [
        Register(
            0x000, "WDOGLOAD", "rw", "What the counter starts from; a write starts it", reset=0xFFFF_FFFF
        ),
        Register(0x004, "WDOGVALUE", "ro", "The counter, which counts down", reset=0xFFFF_FFFF),
        Register(
            0x008,
            "WDOGCONTROL",
            "rw",
            "Control",
            (
                Field("INTEN", 0, doc="counter and interrupt on; it starts from WDOGLOAD"),
                Field("RESEN", 1, doc="reset the board at the second zero"),
            ),
            writable=3,
        ),
        Register(
            0x00C, "WDOGINTCLR", "wo", "A write of any value clears the interrupt and restarts the counter"
        ),
        Register(0x010, "WDOGRIS", "ro", "Raw interrupt status", _INTERRUPT),
        Register(0x014, "WDOGMIS", "ro", "Interrupt status behind WDOGCONTROL.INTEN", _INTERRUPT),
        Register(
            0xC00,
            "WDOGLOCK",
            "rw",
            "A write of 0x1acce551 opens the registers above for writing, any other closes them",
            (Field("LOCKED", 0, doc="as read: they are closed"),),
        ),
        Register(0xF00, "WDOGITCR", "rw", "Integration test control", modelled=False),
        Register(0xF04, "WDOGITOP", "wo", "Integration test output", modelled=False),
        *id_registers("WDOG", PERIPHERAL_ID),
    ],
)

INTEN = TABLE.mask("WDOGCONTROL", "INTEN")
RESEN = TABLE.mask("WDOGCONTROL", "RESEN")
WDOGINT = TABLE.mask("WDOGRIS", "WDOGINT")
