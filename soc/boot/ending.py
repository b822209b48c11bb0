"""How a boot ended, and what there is to say of a guest that did not end well."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from soc.boot.assemble import Booted
from soc.clock import SECOND
from soc.cpu.exceptions import Taken
from soc.cpu.symbols import SymbolTable

PANICS = (b"---[ end Kernel panic", b"### ERROR ### Please RESET the board ###")
"""What Linux and U-Boot print when they have given up."""

CLASSES = {
    0x00: "unknown reason",
    0x07: "access to SIMD or floating point",
    0x0E: "illegal execution state",
    0x15: "SVC",
    0x16: "HVC",
    0x17: "SMC",
    0x18: "system register access",
    0x20: "instruction abort from a lower level",
    0x21: "instruction abort",
    0x22: "misaligned PC",
    0x24: "data abort from a lower level",
    0x25: "data abort",
    0x26: "misaligned SP",
    0x3C: "BRK",
}
"""Exception classes, ESR_ELx.EC."""

CLASS_SHIFT = 26
WITH_ADDRESS = (0x20, 0x21, 0x22, 0x24, 0x25)
"""Those that leave an address in FAR_ELx."""
NO_ADDRESS = 1 << 10
"""FnV: this abort does not."""


class Ending(Enum):
    """Why the run is over; only a power-off is success."""

    POWER_OFF = "power off"
    RESET = "the guest reset the machine"
    HALTED = "the core is halted"
    PANIC = "the guest panicked"
    TIME = "the guest did not power off in time"
    ASLEEP = "the guest waits for an interrupt that nothing will raise"
    LOCKED_UP = "the core is locked up: its vector faults itself"
    LEFT = "left by Ctrl-A X"


@dataclass(frozen=True)
class Outcome:
    """`lines` is the report, empty for a good end."""

    ending: Ending
    time: int
    lines: tuple[str, ...] = ()


def report(booted: Booted, symbols: SymbolTable) -> tuple[str, ...]:
    """Where the core is and what it went through last; one line each."""
    cpu = booted.guest.cpu
    lines = [
        f"  pc       {_place(cpu.pc, symbols)}",
        f"  level    EL{cpu.exception_level}",
        f"  ESR      {cpu.syndrome:#010x}  {_class(cpu.syndrome) if cpu.syndrome else 'none'}",
    ]
    if cpu.exceptions:
        lines.append("  last exceptions")
        lines += [f"    {_exception(taken, symbols)}" for taken in cpu.exceptions]
    return tuple(lines)


def _exception(taken: Taken, symbols: SymbolTable) -> str:
    what = f"{_class(taken.esr)}, ESR {taken.esr:#010x}"
    if taken.esr >> CLASS_SHIFT in WITH_ADDRESS and not taken.esr & NO_ADDRESS:
        what += f", FAR {taken.far:#x}"
    return f"[{taken.time / SECOND:12.6f}] {_place(taken.pc, symbols)}: {what}"


def _place(pc: int, symbols: SymbolTable) -> str:
    name = symbols.name(pc) if symbols.find(pc) else ""
    return f"{pc:#018x} {name}".rstrip()


def _class(esr: int) -> str:
    return CLASSES.get(esr >> CLASS_SHIFT, f"exception class {esr >> CLASS_SHIFT:#x}")
