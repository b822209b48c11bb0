"""The command queue: fetch, errors, CMD_SYNC. Source: ARM IHI 0070, 3.5, 4.1, 4.7.3 and 7.1.

A command is carried out as soon as software moves CMDQ_PROD, so that whatever
a CMD_SYNC waits for is complete when it is reached.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from devices.smmuv3.hardware.interrupts import Interrupts
from devices.smmuv3.identification import CMDQ_LOG2, FEATURES
from devices.smmuv3.regs import CMDQ_ERR, CMDQEN
from devices.smmuv3.spec import Command, CommandError, Opcode, SyncSignal
from devices.smmuv3.spec.queues import QueueShape
from soc.address import PhysAddr
from soc.bus import BusError, Master
from soc.memory.span import PageSpan
from soc.registers import RegisterFile

ENTRY = 16
"""Bytes of one command."""


class CommandQueue:
    """Consumes commands; `execute` carries out every legal one but CMD_SYNC.

    `wake_listeners` hear of wake-up events, which reach a CPU that waits in WFE.
    """

    def __init__(
        self,
        regs: RegisterFile,
        master: Master,
        interrupts: Interrupts,
        execute: Callable[[Command], None],
    ) -> None:
        self._regs = regs
        self._master = master
        self._interrupts = interrupts
        self._execute = execute
        self._running = False
        self.wake_listeners: list[Callable[[], None]] = []

    def run(self) -> None:
        """Consume what can be consumed, as far as twice round the queue.

        A message that a command sends may hit the queue's own registers: the loop
        that is under way sees what it wrote, and a queue that feeds itself ends.
        """
        if self._running:
            return
        self._running = True
        try:
            for _ in range(2 << CMDQ_LOG2):
                if not self._step():
                    break
        finally:
            self._running = False

    def _step(self) -> bool:
        """Consume one command. False if there is none that may be consumed."""
        queue = QueueShape.parse(self._regs.get("CMDQ_BASE"), ENTRY, CMDQ_LOG2, FEATURES.oas)
        prod = self._regs.get("CMDQ_PROD")
        cons = self._regs.get("CMDQ_CONS") & queue.index_mask
        enabled = self._regs.get("CR0") & CMDQEN and not self._interrupts.active(CMDQ_ERR)
        if not enabled or queue.empty(prod, cons):
            return False
        command = self._fetch(queue.address(cons))
        if isinstance(command, CommandError):
            self._regs.set("CMDQ_CONS", cons | command << 24)
            self._interrupts.raise_error(CMDQ_ERR)
            return True
        if command.opcode != Opcode.SYNC:
            self._execute(command)
        self._regs.set("CMDQ_CONS", queue.next(cons))
        if queue.full(prod, cons):
            self._wake()
        if command.opcode == Opcode.SYNC:
            self._complete(command)
        return True

    def _fetch(self, address: PhysAddr) -> Command | CommandError:
        """The command at an address, or why it cannot be consumed."""
        try:
            low, high = self._master.read_span(PageSpan.linear(address, ENTRY)).view("<u8").tolist()
        except BusError:
            return CommandError.ABORT
        return _decode(low, high)

    def _complete(self, command: Command) -> None:
        """Tell that a CMD_SYNC, and so every command before it, is complete."""
        if command.signal == SyncSignal.IRQ:
            self._interrupts.sync(command.msi_address, command.msi_data)
        elif command.signal == SyncSignal.SEV:
            self._wake()

    def _wake(self) -> None:
        for listener in self.wake_listeners:
            listener()


@lru_cache(maxsize=256)
def _decode(low: int, high: int) -> Command | CommandError:
    """The command of two words; drivers send the same few again and again."""
    command = Command.parse((low, high))
    return CommandError.ILLEGAL if command.illegal(FEATURES) else command
