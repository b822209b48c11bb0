"""The Arm generic timer: EL1 physical and virtual timer, those of EL2 and of Secure EL1.

Counters count `frequency` ticks per second of the machine's clock; the
timers hold their lines while count >= CVAL and they are enabled and unmasked.
Source: Arm ARM DDI 0487, D11 (generic timer) and D24 (CNT*_EL0).

Who may access what is the core's business (see `access`).

Not modelled: memory-mapped timers, the event stream.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from soc.clock import SECOND, Clock, Event
from soc.cpu.engine import Engine
from soc.cpu.sysregs import SystemRegisters
from soc.irq import IrqLine
from soc.registers import SystemRegister

ENABLE, IMASK, ISTATUS = 1 << 0, 1 << 1, 1 << 2
WORD, DOUBLE = (1 << 32) - 1, (1 << 64) - 1

CNTFRQ_EL0 = (3, 3, 14, 0, 0)
CNTPCT_EL0 = (3, 3, 14, 0, 1)
CNTVCT_EL0 = (3, 3, 14, 0, 2)

TVAL, CTL, CVAL = 0, 1, 2
"""op2 of a timer's registers."""

CNTVOFF_EL2 = (3, 4, 14, 0, 3)

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
        live, met = self.control & (ENABLE | IMASK) == ENABLE, self._met()  # once: time may go on meanwhile
        self.line.set(live and met)
        if live and not met:
            when = self._counter.time_of(self.compare + self.offset & DOUBLE)
            if when < FOREVER:
                self._event = self._counter.clock.at(when, self.update)

    def _met(self) -> bool:
        return bool(self.control & ENABLE) and self._count >= self.compare


@dataclass(frozen=True)
class Place:
    """Where the registers of one timer of the core are."""

    name: str
    op1: int
    crm: int


PLACES = (
    Place("secure physical", 7, 2),
    Place("physical", 3, 2),
    Place("virtual", 3, 3),
    Place("hypervisor", 4, 2),
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
        self.counter = Counter(clock, frequency)
        self.lines = tuple(IrqLine(f"timer.{place.name}") for place in PLACES)
        self.channels = tuple(TimerChannel(self.counter, line) for line in self.lines)
        self.physical, self.virtual = self.channels[PHYSICAL], self.channels[VIRTUAL]
        registers.on_read(CNTPCT_EL0, lambda: self._count(0))
        registers.on_read(CNTVCT_EL0, lambda: self._count(self.virtual.offset))
        registers.on_read(CNTVOFF_EL2, lambda: self.virtual.offset)
        registers.on_write(CNTVOFF_EL2, self._set_offset)
        for place, channel in zip(PLACES, self.channels, strict=True):
            self._attach(registers, place, channel)
        self.reset()

    def reset(self) -> None:
        """All timers off, and CNTFRQ_EL0, which is only a place to write to, as firmware would leave it."""
        self._engine.write_system(CNTFRQ_EL0, self.counter.frequency)
        for channel in self.channels:
            channel.reset()

    def _attach(self, registers: SystemRegisters, place: Place, channel: TimerChannel) -> None:
        for which in (TVAL, CTL, CVAL):
            register: SystemRegister = (3, place.op1, 14, place.crm, which)
            registers.on_read(register, partial(channel.read, which))
            registers.on_write(register, partial(_write, channel, which))

    def _set_offset(self, value: int) -> bool:
        self.virtual.offset = value & DOUBLE
        self.virtual.update()
        return True

    def _count(self, offset: int) -> int:
        """The count at the end of the time that a read takes."""
        self._poll.read()
        return self.counter.value - offset & DOUBLE


def _write(channel: TimerChannel, which: int, value: int) -> bool:
    """The engine's own timer stays as it is."""
    channel.write(which, value)
    return True


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
