"""A thread of the DMAC: program counter, state, and execution in slices of time.

A thread executes a slice of its program at one instant, then lets the time
pass that this took. Whatever others can see (events, interrupts, requests, the
end, a fault) happens at its own time: a slice ends before it. An instruction
takes one cycle, a burst one more for each beat.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from devices.pl330.hardware.events import Events
from devices.pl330.hardware.faults import FAULT, Stalled, ThreadFault, bus_fault
from devices.pl330.hardware.fetch import InstructionCache
from devices.pl330.hardware.gate import Gate
from devices.pl330.isa import Instruction, InvalidOperand, Op, UndefinedInstruction, decode
from devices.pl330.regs import State
from soc.clock import Clock, Event
from soc.iommu.port import DmaAbort, DmaPort, DmaStalled

CYCLE = 5
"""Nanoseconds: 200 MHz."""
SLICE = 1 << 16
"""Cycles of execution after which time passes at the latest."""
MOST_STEPS = 512
"""Instructions a slice executes one by one at most."""
SETTLE = 16
"""Cycles a thread takes from its end, its fault or its kill until it rests."""

VISIBLE = frozenset((Op.END, Op.KILL, Op.GO, Op.SEV, Op.WFE, Op.WFP, Op.LDP, Op.STP, Op.FLUSHP))
"""Instructions that others see or that depend on others."""


@dataclass
class Shared:
    """What all threads of one DMAC have. `executing` while one of them is at it."""

    clock: Clock
    port: DmaPort
    events: Events
    events_non_secure: int
    changed: Callable[[], None]
    executing: bool = False


class Thread(ABC):
    """`fault` is the fault type register, kept until the next start; `wakeup` what it waits for.

    `blocked`: it waits for space in the MFIFO.
    """

    event_fault: ClassVar[int]

    def __init__(self, shared: Shared, non_secure: bool) -> None:
        self.pc = 0
        self.state = State.STOPPED
        self.non_secure = non_secure
        self.fault = 0
        self.wakeup = 0
        self.blocked = False
        self._gate = Gate(shared.port)
        self.cache = InstructionCache(self._gate.fetch)
        self._shared = shared
        self._timer: Event | None = None
        self._busy_until = 0
        self._held: DmaStalled | None = None
        shared.events.waiters.append(self)

    @abstractmethod
    def execute(self, instruction: Instruction) -> int:
        """Carry out one instruction with its step of the PC; the cycles it took."""

    @abstractmethod
    def kill(self) -> None:
        """DMAKILL."""

    @abstractmethod
    def abort(self, bits: int) -> None:
        """A fault: the thread stops where it is until it is killed."""

    def start(self, pc: int, non_secure: bool) -> None:
        """Begin at `pc`."""
        self._stop()
        self._gate.forget()
        self.cache.flush()
        self.pc, self.non_secure, self.fault = pc, non_secure, 0
        self._become(State.EXECUTING)
        self._later(1, self._slice)

    def debug(self, code: bytes) -> None:
        """Execute an instruction from DBGINST, six bytes. A faulting thread does nothing but DMAKILL."""
        try:
            instruction = decode(code)
            if instruction.op is Op.KILL:
                self.kill()
            elif not self.faulting:
                self.execute_debug(instruction)
            return
        except ThreadFault as fault:
            bits = fault.bits
        except UndefinedInstruction:
            bits = FAULT["UNDEF_INSTR"]
        except InvalidOperand:
            bits = FAULT["OPERAND_INVALID"]
        if not self.faulting:
            self.abort(bits | FAULT["DBG_INSTR"])

    def execute_debug(self, instruction: Instruction) -> None:
        """What DBGINST may ask of this thread. ThreadFault for the rest."""
        if instruction.op is not Op.SEV:
            raise ThreadFault(FAULT["UNDEF_INSTR"])
        self._check_event(instruction.number)
        self._shared.events.send(instruction.number)

    @property
    def faulting(self) -> bool:
        """FSRD and FSRC."""
        return self.state in (State.FAULTING, State.FAULTING_COMPLETING)

    # --- as a waiter -------------------------------------------------------

    def awaits(self, event: int) -> bool:
        return self.state is State.WAITING_FOR_EVENT and self.wakeup == event

    def resume(self) -> None:
        self._become(State.EXECUTING)
        self._later(1, self._slice)

    # --- for the instructions of a kind of thread --------------------------

    def _send_or_wait(self, instruction: Instruction) -> int:
        """DMASEV and DMAWFE. A waiting thread's PC is behind the instruction already."""
        self._check_event(instruction.number)
        if instruction.op is Op.SEV:
            self._advance(instruction)
            self._shared.events.send(instruction.number)
            return 1
        if instruction.flag:
            self.cache.flush()
        self._advance(instruction)
        if not self._shared.events.take(instruction.number):
            self.wakeup = instruction.number
            self._become(State.WAITING_FOR_EVENT)
        return 1

    def _check_event(self, event: int) -> None:
        if self.non_secure and not self._shared.events_non_secure >> event & 1:
            raise ThreadFault(self.event_fault)

    def _advance(self, instruction: Instruction) -> None:
        self.pc = (self.pc + instruction.size) & 0xFFFF_FFFF

    def _become(self, state: State) -> None:
        self.state = state
        self._shared.changed()

    # --- time --------------------------------------------------------------

    def _slice(self) -> None:
        self._timer = None
        self._shared.executing = True
        try:
            self._run()
        finally:
            self._shared.executing = False

    def _run(self) -> None:
        """Execute until time has to pass or the thread cannot go on."""
        spent = 0
        then: Callable[[], None] = self._slice
        try:
            for _ in range(MOST_STEPS):
                instruction = self._fetch()
                if spent and instruction.op in VISIBLE:
                    break
                spent += self.execute(instruction)
                if self.state is not State.EXECUTING or self.blocked or self._timer is not None:
                    self._spend(spent)
                    return
                if spent >= SLICE:
                    break
        except ThreadFault as fault:
            then = partial(self.abort, fault.bits)
        except Stalled as stalled:
            self._spend(spent)
            self._held = stalled.held
            stalled.held.wait(partial(self._answered, stalled))
            return
        self._spend(spent)
        self._later(0 if spent else 1, then)

    def _fetch(self) -> Instruction:
        try:
            return self.cache.fetch(self.pc)
        except UndefinedInstruction:
            raise ThreadFault(FAULT["UNDEF_INSTR"]) from None
        except InvalidOperand:
            raise ThreadFault(FAULT["OPERAND_INVALID"]) from None
        except DmaAbort as abort:
            raise bus_fault(abort, "INSTR_FETCH_ERR") from abort

    def _answered(self, stalled: Stalled, retry: bool) -> None:
        """Software has decided about a stalled access."""
        self._held = None
        if stalled.held.discarded:
            self._gate.discard(stalled.held)
            retry = True
        self._later(0, self._slice if retry else partial(self.abort, stalled.bits))

    def _spend(self, cycles: int) -> None:
        self._busy_until = self._shared.clock.now + cycles * CYCLE

    def _later(self, cycles: int, action: Callable[[], None]) -> None:
        """Go on with `action` so many cycles after all that was executed."""
        clock = self._shared.clock
        self._timer = clock.at(max(self._busy_until, clock.now) + cycles * CYCLE, action)

    def _stop(self) -> None:
        """Nothing that was under way goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._held is not None:
            self._held.abandon()
            self._held = None
        self._busy_until = 0
        self.blocked = False
