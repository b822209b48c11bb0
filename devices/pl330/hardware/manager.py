"""The manager thread: starts channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from devices.pl330.hardware.faults import FAULT, ThreadFault
from devices.pl330.hardware.thread import Shared, Thread
from devices.pl330.isa import Instruction, Op
from devices.pl330.regs import State

StartChannel = Callable[[int, int, bool], None]
"""Start channel, at an address, non-secure or not; nothing if it is not stopped."""


class Manager(Thread):
    """Runs a program of its own only when it boots from memory; else it lives by DBGINST."""

    event_fault: ClassVar[int] = FAULT["MGR_EVNT_ERR"]

    def __init__(self, shared: Shared, non_secure: bool, start_channel: StartChannel) -> None:
        super().__init__(shared, non_secure)
        self._start_channel = start_channel

    @property
    def status(self) -> int:
        """DSR."""
        wakeup = self.wakeup if self.state is State.WAITING_FOR_EVENT else 0
        return self.non_secure << 9 | wakeup << 4 | self.state

    def execute(self, instruction: Instruction) -> int:
        match instruction.op:
            case Op.NOP:
                self._advance(instruction)
            case Op.SEV | Op.WFE:
                return self._send_or_wait(instruction)
            case Op.GO:
                self._go(instruction)
                self._advance(instruction)
            case Op.END | Op.KILL:
                self.kill()
            case _:
                raise ThreadFault(FAULT["UNDEF_INSTR"])
        return 1

    def execute_debug(self, instruction: Instruction) -> None:
        if instruction.op is Op.GO:
            self._go(instruction)
        else:
            super().execute_debug(instruction)

    def kill(self) -> None:
        self._stop()
        self._become(State.STOPPED)

    def abort(self, bits: int) -> None:
        self._stop()
        self.fault = bits
        self._become(State.FAULTING)

    def _go(self, instruction: Instruction) -> None:
        if self.non_secure and not instruction.flag:
            raise ThreadFault(FAULT["DMAGO_ERR"])
        self._start_channel(instruction.number, instruction.value, instruction.flag)
