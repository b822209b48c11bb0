"""A channel thread: its life and its instructions.

A fault leaves the PC at the instruction that failed. While the thread waits at
DMAWFE or DMAWFP the PC is behind that instruction; while the MFIFO is full it is
at the load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from devices.pl330.hardware.datapath import DataPath
from devices.pl330.hardware.faults import FAULT, ThreadFault
from devices.pl330.hardware.mfifo import Mfifo, Watchdog
from devices.pl330.hardware.requests import Request, RequestInterface
from devices.pl330.hardware.thread import SETTLE, SLICE, Shared, Thread
from devices.pl330.isa import Address, Condition, Instruction, Op
from devices.pl330.regs import State

RUNNING = (State.EXECUTING, State.WAITING_FOR_EVENT, State.WAITING_FOR_PERIPHERAL)
NO_REQUEST = Request(burst=False)
"""What conditional instructions go by before the first DMAWFP."""


@dataclass(frozen=True)
class Peripherals:
    """The request interfaces; bit n of `non_secure`, number n is that."""

    interfaces: tuple[RequestInterface, ...]
    non_secure: int


class Channel(Thread):
    """`whole_loops` off makes it execute every burst on its own, with the same outcome."""

    event_fault: ClassVar[int] = FAULT["CH_EVNT_ERR"]

    def __init__(
        self, number: int, shared: Shared, mfifo: Mfifo, watchdog: Watchdog, peripherals: Peripherals
    ) -> None:
        super().__init__(shared, non_secure=False)
        self.data = DataPath(number, self._gate, mfifo)
        self.counters = [0, 0]
        self.whole_loops = True
        self._watchdog = watchdog
        self._peripherals = peripherals
        self._request = NO_REQUEST
        self._wanted = Condition.SINGLE

    @property
    def status(self) -> int:
        """CSR."""
        status = self.non_secure << 21 | self.state
        if self.state is State.WAITING_FOR_PERIPHERAL:
            status |= (self._wanted is Condition.PERIPH) << 15 | (self._wanted is Condition.BURST) << 14
        if self.state in (State.WAITING_FOR_PERIPHERAL, State.WAITING_FOR_EVENT):
            status |= self.wakeup << 4
        return status

    # --- life --------------------------------------------------------------

    def start(self, pc: int, non_secure: bool) -> None:
        """DMAGO: nothing if the channel is not stopped."""
        if self.state is State.STOPPED:
            self._request = NO_REQUEST
            super().start(pc, non_secure)

    def kill(self) -> None:
        if self.state not in (State.STOPPED, State.KILLING, State.COMPLETING):
            self._end(State.KILLING)

    def abort(self, bits: int) -> None:
        self._stop()
        self.fault = bits
        self._become(State.FAULTING_COMPLETING)
        self._later(SETTLE, lambda: self._rest(State.FAULTING))

    def lock_up(self) -> None:
        """The watchdog has found that this channel will never get the space it waits for."""
        self.abort(FAULT["LOCKUP_ERR"])

    @property
    def may_store(self) -> bool:
        return not self.blocked and self.state in RUNNING and bool(self.data.held)

    def space_released(self) -> None:
        """Somebody's data has left the MFIFO."""
        if self.blocked:
            self.blocked = False
            self._later(1, self._slice)

    def request_arrived(self, peripheral: int) -> None:
        """A peripheral has asked for something."""
        waiting = self.state is State.WAITING_FOR_PERIPHERAL and self.wakeup == peripheral
        if waiting and self._take(peripheral):
            self.resume()

    def _end(self, state: State) -> None:
        self._stop()
        self._become(state)
        self.cache.flush()
        self.data.flush()
        self._later(SETTLE, lambda: self._rest(State.STOPPED))

    def _rest(self, state: State) -> None:
        self._timer = None
        self._become(state)

    # --- instructions ------------------------------------------------------

    def execute(self, instruction: Instruction) -> int:
        match instruction.op:
            case Op.LD | Op.LDP | Op.ST | Op.STP | Op.STZ:
                return self._transfer(instruction)
            case Op.LPEND:
                return self._loop_end(instruction)
            case Op.SEV | Op.WFE:
                return self._send_or_wait(instruction)
            case Op.LP:
                self.counters[instruction.number] = instruction.value - 1
            case Op.MOV:
                self._move(instruction)
            case Op.ADDH:
                self._add(instruction.number, instruction.value)
            case Op.ADNH:
                self._add(instruction.number, instruction.value - 0x1_0000)
            case Op.WFP:
                self._wait_for_request(instruction)
            case Op.FLUSHP:
                self._interface(instruction).discard()
            case Op.END:
                self._end(State.COMPLETING)
                return 1
            case Op.KILL:
                self.kill()
                return 1
            case Op.GO:
                raise ThreadFault(FAULT["UNDEF_INSTR"])
        self._advance(instruction)
        return 1

    def _transfer(self, instruction: Instruction) -> int:
        """A load or store; with a peripheral's request, it is acknowledged."""
        interface = self._interface(instruction) if instruction.op in (Op.LDP, Op.STP) else None
        if not self._holds(instruction.condition):
            self._advance(instruction)
            return 1
        single = instruction.condition is Condition.SINGLE
        match instruction.op:
            case Op.LD | Op.LDP:
                beats = self.data.load(single)
            case Op.STZ:
                beats = self.data.store_zeros()
            case _:
                beats = self.data.store(single)
        if not beats:
            self.blocked = True
            self._watchdog.watch()
            return 0
        self._advance(instruction)
        if interface is not None:
            interface.acknowledge(not single)
        return 1 + beats

    def _move(self, instruction: Instruction) -> None:
        match instruction.number:
            case Address.SAR:
                self.data.source = instruction.value
            case Address.DAR:
                self.data.target = instruction.value
            case _:
                self.data.set_control(instruction.value, self.non_secure)

    def _add(self, register: int, value: int) -> None:
        if register == Address.SAR:
            self.data.source = (self.data.source + value) & 0xFFFF_FFFF
        else:
            self.data.target = (self.data.target + value) & 0xFFFF_FFFF

    def _loop_end(self, instruction: Instruction) -> int:
        counter = instruction.number
        ended = not self._holds(instruction.condition)
        if not ended and instruction.flag:
            ended = self._request.last
        elif not ended:
            if cycles := self._run_whole(instruction):
                return cycles
            ended = self.counters[counter] == 0
            self.counters[counter] -= not ended
        if ended:
            self._advance(instruction)
        else:
            self.pc = (self.pc - instruction.value) & 0xFFFF_FFFF
        return 1

    def _run_whole(self, end: Instruction) -> int:
        """At DMALPEND: execute as many of the iterations to come as can be moved as one; their cycles."""
        left = self.counters[end.number]
        if not self.whole_loops or not left or end.condition is not Condition.ALWAYS:
            return 0
        count, run = self.data.run(self.cache.decoded, self.pc, left, SLICE)
        if count:
            self.counters[end.number] -= count
            for counter in run.counters:
                self.counters[counter] = 0
        return count * run.cycles

    def _holds(self, condition: Condition) -> bool:
        """Whether an instruction for single or for burst requests is to be executed."""
        return condition is Condition.ALWAYS or self._request.burst == (condition is Condition.BURST)

    # --- peripherals -------------------------------------------------------

    def _interface(self, instruction: Instruction) -> RequestInterface:
        """The peripheral that the instruction names. ThreadFault if it is none of this thread's."""
        if self.non_secure and not self._peripherals.non_secure >> instruction.number & 1:
            raise ThreadFault(FAULT["CH_PERIPH_ERR"])
        return self._peripherals.interfaces[instruction.number]

    def _wait_for_request(self, instruction: Instruction) -> None:
        self._interface(instruction)
        self._wanted, self.wakeup = instruction.condition, instruction.number
        if not self._take(instruction.number):
            self._become(State.WAITING_FOR_PERIPHERAL)

    def _take(self, peripheral: int) -> bool:
        request = self._peripherals.interfaces[peripheral].take(self._wanted)
        if request is None:
            return False
        burst = request.burst if self._wanted is Condition.PERIPH else self._wanted is Condition.BURST
        self._request = Request(burst, request.last)
        return True
