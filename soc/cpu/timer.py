"""The Arm generic timer on virtual time: EL1 virtual and physical timer.

Counters count `frequency` ticks per second of the machine's clock; the two
timers hold their lines while count >= CVAL and they are enabled and unmasked.
Source: Arm ARM DDI 0487, D11 (generic timer) and D24 (CNT*_EL0).

Not modelled: CNTVOFF (always 0), the secure, hypervisor and memory-mapped
timers, the event stream, traps to EL2.
"""

from __future__ import annotations

from dataclasses import dataclass

from soc.clock import SECOND, Clock, Event
from soc.cpu.engine import Engine, SystemRegister
from soc.cpu.sysregs import SystemRegisters
from soc.irq import IrqLine

ENABLE, IMASK, ISTATUS = 1 << 0, 1 << 1, 1 << 2
WORD, DOUBLE = (1 << 32) - 1, (1 << 64) - 1

CNTKCTL_EL1 = (3, 0, 14, 1, 0)
EL0PCTEN, EL0VCTEN, EL0VTEN, EL0PTEN = 1 << 0, 1 << 1, 1 << 8, 1 << 9
CNTFRQ_EL0 = (3, 3, 14, 0, 0)
CNTPCT_EL0 = (3, 3, 14, 0, 1)
CNTVCT_EL0 = (3, 3, 14, 0, 2)

TVAL, CTL, CVAL = 0, 1, 2
"""op2 of a timer's registers; CRm is 2 for the physical, 3 for the virtual timer."""

PHYSICAL_CRM, VIRTUAL_CRM = 2, 3
FOREVER = 1 << 63
"""An expiry this many ns away is never put on the agenda."""


@dataclass(frozen=True)
class Counter:
    """System count: `frequency` Hz, derived from the clock's nanoseconds. At 0 Hz it stands still."""

    clock: Clock
    frequency: int

    @property
    def value(self) -> int:
        return self.clock.now * self.frequency // SECOND

    def time_of(self, count: int) -> int:
        """The first nanosecond at which `value` >= `count`; `FOREVER` for a counter that stands still."""
        if not self.frequency:
            return FOREVER
        return -(-count * SECOND // self.frequency)


class TimerChannel:
    """One timer: compare value, control and an interrupt line."""

    def __init__(self, counter: Counter, line: IrqLine) -> None:
        self._counter = counter
        self._event: Event | None = None
        self.line = line
        self.control = 0
        self.compare = 0

    def reset(self) -> None:
        self.control = self.compare = 0
        self.update()

    def read(self, which: int) -> int:
        if which == CTL:
            return self.control | (ISTATUS if self._met() else 0)
        if which == CVAL:
            return self.compare
        return (self.compare - self._counter.value) & WORD

    def write(self, which: int, value: int) -> None:
        if which == CTL:
            self.control = value & (ENABLE | IMASK)
        elif which == CVAL:
            self.compare = value & DOUBLE
        else:
            signed = (value & WORD) - ((value & 1 << 31) << 1)
            self.compare = (self._counter.value + signed) & DOUBLE
        self.update()

    def update(self) -> None:
        """Drive the line and put the next expiry on the agenda."""
        if self._event:
            self._event.cancel()
            self._event = None
        live = self.control & (ENABLE | IMASK) == ENABLE
        self.line.set(live and self._met())
        if live and not self._met():
            when = self._counter.time_of(self.compare)
            if when < FOREVER:
                self._event = self._counter.clock.at(when, self.update)

    def _met(self) -> bool:
        return bool(self.control & ENABLE) and self._counter.value >= self.compare


class GenericTimer:
    """The CPU's two EL1 timers; connect `virtual_irq` (PPI 11) and `physical_irq` (PPI 14)."""

    def __init__(self, engine: Engine, registers: SystemRegisters, clock: Clock, frequency: int) -> None:
        self._engine = engine
        self.counter = Counter(clock, frequency)
        self.virtual_irq = IrqLine("timer.virtual")
        self.physical_irq = IrqLine("timer.physical")
        self.virtual = TimerChannel(self.counter, self.virtual_irq)
        self.physical = TimerChannel(self.counter, self.physical_irq)
        registers.on_read(CNTFRQ_EL0, lambda: self._gated(EL0PCTEN | EL0VCTEN, self.counter.frequency))
        registers.on_read(CNTPCT_EL0, lambda: self._gated(EL0PCTEN, self.counter.value))
        registers.on_read(CNTVCT_EL0, lambda: self._gated(EL0VCTEN, self.counter.value))
        self._attach(registers, PHYSICAL_CRM, self.physical, EL0PTEN)
        self._attach(registers, VIRTUAL_CRM, self.virtual, EL0VTEN)

    def reset(self) -> None:
        """Both timers off."""
        self.virtual.reset()
        self.physical.reset()

    def _attach(self, registers: SystemRegisters, crm: int, channel: TimerChannel, gate: int) -> None:
        for which in (TVAL, CTL, CVAL):
            register: SystemRegister = (3, 3, 14, crm, which)

            def read(which: int = which) -> int | None:
                return channel.read(which) if self._open(gate) else None

            def write(value: int, which: int = which) -> bool:
                if not self._open(gate):
                    return False
                channel.write(which, value)
                return True

            registers.on_read(register, read)
            registers.on_write(register, write)

    def _gated(self, gate: int, value: int) -> int | None:
        return value if self._open(gate) else None

    def _open(self, gate: int) -> bool:
        """EL0 needs one of `gate` set in CNTKCTL_EL1; where it is not, the engine traps."""
        if self._engine.exception_level():
            return True
        return bool(self._engine.read_system(CNTKCTL_EL1) & gate)
