"""Registers of the PL031 real-time clock."""

from __future__ import annotations

from devices.amba import id_registers
from soc.registers import Field, Register, RegisterTable

PERIPHERAL_ID = 0x0004_1031

_INTERRUPT = (Field("RTCINTR", 0, doc="the time has come to RTCMR"),)

TABLE = RegisterTable(
    "pl031",
    0x1000,
    "Arm DDI 0224, PrimeCell Real Time Clock (PL031) Technical Reference Manual, chapter 3",
    [
        Register(0x000, "RTCDR", "ro", "Data: the time in seconds, 32 bits"),
        Register(0x004, "RTCMR", "rw", "Match: the time of the alarm"),
        Register(0x008, "RTCLR", "rw", "Load: a write sets the time; reads give the last value written"),
        Register(
            0x00C,
            "RTCCR",
            "rw",
            "Control; once on, only a reset of the block switches it off",
            (Field("START", 0, doc="the clock runs"),),
            reset=1,
            writable=0,
        ),
        Register(0x010, "RTCIMSC", "rw", "Interrupt mask: one enables", _INTERRUPT, writable=1),
        Register(0x014, "RTCRIS", "ro", "Raw interrupt status", _INTERRUPT),
        Register(0x018, "RTCMIS", "ro", "Interrupt status behind the mask", _INTERRUPT),
        Register(0x01C, "RTCICR", "wo", "Interrupt clear: one clears", _INTERRUPT),
        Register(0x080, "RTCITCR", "rw", "Integration test control", modelled=False),
        Register(0x084, "RTCITIP", "rw", "Integration test input", modelled=False),
        Register(0x088, "RTCITOP", "rw", "Integration test output", modelled=False),
        Register(0x08C, "RTCTOFFSET", "rw", "Test offset", modelled=False),
        Register(0x090, "RTCTCOUNT", "rw", "Test count", modelled=False),
        *id_registers("RTC", PERIPHERAL_ID),
    ],
)

ALARM = TABLE.mask("RTCRIS", "RTCINTR")
