"""The Arm generic timer: EL1 physical and virtual timer, those of EL2 and of Secure EL1.

Counters count `frequency` ticks per second of the machine's clock; the
timers hold their lines while count >= CVAL and they are enabled and unmasked.
Source: Arm ARM DDI 0487, D11 (generic timer) and D24 (CNT*_EL0).

Not modelled: memory-mapped timers, the event stream, traps to EL2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from soc.clock import SECOND, Clock, Event
from soc.cpu.engine import Engine
from soc.cpu.sysregs import SystemRegisters
from soc.irq import IrqLine
from soc.registers import SystemRegister

ENABLE, IMASK, ISTATUS = 1 << 0, 1 << 1, 1 << 2
WORD, DOUBLE = (1 << 32) - 1, (1 << 64) - 1

CNTKCTL_EL1 = (3, 0, 14, 1, 0)
EL0PCTEN, EL0VCTEN, EL0VTEN, EL0PTEN = 1 << 0, 1 << 1, 1 << 8, 1 << 9
CNTFRQ_EL0 = (3, 3, 14, 0, 0)
CNTPCT_EL0 = (3, 3, 14, 0, 1)
CNTVCT_EL0 = (3, 3, 14, 0, 2)

TVAL, CTL, CVAL = 0, 1, 2
"""op2 of a timer's registers."""

CNTVOFF_EL2 = (3, 4, 14, 0, 3)
CNTVOFF_LEVEL = 2
PHYSICAL, VIRTUAL = 1, 2
"""Places of the EL1 timers among the four."""

CHEAPEST_READ, STEP, DEAREST_READ = 16, 8, 1_000
"""Nanoseconds that a read of the counter takes."""
LITTLE_ELSE = 200
"""Nanoseconds between two reads of one who only waits."""

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
    """One timer: compare value, control and an interrupt line. It counts `offset` behind the counter."""

    def __init__(self, counter: Counter, line: IrqLine) -> None:
        self._counter = counter
        self._event: Event | None = None
        self.line = line
        self.control = 0
        self.compare = 0
        self.offset = 0

    @property
    def _count(self) -> int:
        return (self._counter.value - self.offset) & DOUBLE

    def reset(self) -> None:
        self.control = self.compare = self.offset = 0
        self.update()

    def read(self, which: int) -> int:
        if which == CTL:
            return self.control | (ISTATUS if self._met() else 0)
        if which == CVAL:
            return self.compare
        return (self.compare - self._count) & WORD

    def write(self, which: int, value: int) -> None:
        if which == CTL:
            self.control = value & (ENABLE | IMASK)
        elif which == CVAL:
            self.compare = value & DOUBLE
        else:
            signed = (value & WORD) - ((value & 1 << 31) << 1)
            self.compare = (self._count + signed) & DOUBLE
        self.update()

    def update(self) -> None:
        """Drive the line and put the next expiry on the agenda."""
        if self._event:
            self._event.cancel()
            self._event = None
        live = self.control & (ENABLE | IMASK) == ENABLE
        self.line.set(live and self._met())
        if live and not self._met():
            when = self._counter.time_of(self.compare + self.offset & DOUBLE)
            if when < FOREVER:
                self._event = self._counter.clock.at(when, self.update)

    def _met(self) -> bool:
        return bool(self.control & ENABLE) and self._count >= self.compare


@dataclass(frozen=True)
class Place:
    """Where one timer of the core is: its registers, what EL0 needs to use it, who may else."""

    name: str
    op1: int
    crm: int
    gate: int
    level: int


PLACES = (
    Place("secure physical", 7, 2, 0, 3),
    Place("physical", 3, 2, EL0PTEN, 0),
    Place("virtual", 3, 3, EL0VTEN, 0),
    Place("hypervisor", 4, 2, 0, 2),
)
"""The core's timers in the order of the binding's interrupts (arm,arch_timer)."""


class GenericTimer:
    """The timers of the core; connect `lines`, in the order of `PLACES`.

    `charge` takes the nanoseconds that a read of the counter costs.
    """

    def __init__(
        self,
        engine: Engine,
        registers: SystemRegisters,
        clock: Clock,
        frequency: int,
        charge: Callable[[int], None],
    ) -> None:
        self._engine = engine
        self._poll = Poll(clock, charge)
        self._offset = 0
        self.counter = Counter(clock, frequency)
        self.lines = tuple(IrqLine(f"timer.{place.name}") for place in PLACES)
        self.channels = tuple(TimerChannel(self.counter, line) for line in self.lines)
        self.physical, self.virtual = self.channels[PHYSICAL], self.channels[VIRTUAL]
        registers.on_read(CNTFRQ_EL0, lambda: self._gated(EL0PCTEN | EL0VCTEN, self.counter.frequency))
        registers.on_read(CNTPCT_EL0, lambda: self._count(EL0PCTEN, 0))
        registers.on_read(CNTVCT_EL0, lambda: self._count(EL0VCTEN, self.virtual.offset))
        registers.on_read(CNTVOFF_EL2, lambda: self.virtual.offset)
        registers.on_write(CNTVOFF_EL2, self._set_offset)
        for place, channel in zip(PLACES, self.channels, strict=True):
            self._attach(registers, place, channel)

    def reset(self) -> None:
        """All timers off."""
        for channel in self.channels:
            channel.reset()

    def _attach(self, registers: SystemRegisters, place: Place, channel: TimerChannel) -> None:
        for which in (TVAL, CTL, CVAL):
            register: SystemRegister = (3, place.op1, 14, place.crm, which)

            def read(which: int = which) -> int | None:
                return channel.read(which) if self._open(place) else None

            def write(value: int, which: int = which) -> bool:
                if not self._open(place):
                    return False
                channel.write(which, value)
                return True

            registers.on_read(register, read)
            registers.on_write(register, write)

    def _set_offset(self, value: int) -> bool:
        if self._engine.exception_level() < CNTVOFF_LEVEL:
            return False
        self.virtual.offset = value & DOUBLE
        self.virtual.update()
        return True

    def _count(self, gate: int, offset: int) -> int | None:
        count = self._gated(gate, self.counter.value - offset & DOUBLE)
        if count is not None:
            self._poll.read()
        return count

    def _gated(self, gate: int, value: int) -> int | None:
        return value if self._engine.exception_level() or self._lets_el0(gate) else None

    def _open(self, place: Place) -> bool:
        """Where a level may not use the timer the engine traps; EL0 needs its gate open."""
        level = self._engine.exception_level()
        return level >= place.level if level else self._lets_el0(place.gate)

    def _lets_el0(self, gate: int) -> bool:
        return bool(self._engine.read_system(CNTKCTL_EL1) & gate)


class Poll:
    """What it costs to read the counter: more and more, up to a microsecond, for one who does little else.

    A program that waits in a loop for a time to come would otherwise pass it
    ten nanoseconds by ten, each at the price of a call of the model.
    """

    def __init__(self, clock: Clock, charge: Callable[[int], None]) -> None:
        self._clock = clock
        self._charge = charge
        self._last = 0
        self._cost = CHEAPEST_READ

    def read(self) -> None:
        now = self._clock.now
        if now - self._last > 2 * self._cost + LITTLE_ELSE:
            self._cost = CHEAPEST_READ
        else:
            self._cost = min(self._cost + STEP, DEAREST_READ)
        self._last = now
        self._charge(self._cost)
