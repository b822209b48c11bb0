"""One channel of the DMA-330's driver: its queue of transfers, and its thread."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from errno import EINVAL
from typing import Protocol

from devices.pl330.assembler import KILL
from devices.pl330.driver.program import memcpy_program
from devices.pl330.isa import Instruction
from devices.pl330.regs import CHANNEL_FAULTS, TABLE, State
from soc.clock import Event
from soc.kernel.device import Mmio
from soc.kernel.dmaengine import DmaChannel, DmaDescriptor, DmaResult
from soc.kernel.errors import KernelError
from soc.kernel.kernel import Kernel
from soc.kernel.registers import Registers

POLL = 1000
"""Nanoseconds until the driver looks again whether a thread has stopped."""
MOST_POLLS = 1000
ADDRESS_SPACE = 1 << 32


class Controller(Protocol):
    """What a channel needs of its driver."""

    kernel: Kernel
    mmio: Mmio
    regs: Registers
    bus_bytes: int
    share: int
    non_secure: bool

    def execute(self, instruction: Instruction, channel: int | None = None) -> None: ...

    def run(self, number: int, code: bytes) -> None: ...

    def enable_interrupt(self, number: int, enable: bool) -> None: ...


@dataclass(eq=False)
class Copy(DmaDescriptor):
    """A copy with its microcode."""

    target: int = 0
    code: bytes = b""


class Pl330Channel(DmaChannel):
    """Channel `number`, which signals by event `number`; `room` bytes of microcode."""

    def __init__(self, name: str, number: int, controller: Controller, room: int) -> None:
        super().__init__(name)
        self.number = number
        self._controller = controller
        self._room = room
        self._issued: deque[DmaDescriptor] = deque()
        self._running: Copy | None = None
        self._timer: Event | None = None

    # --- as a channel of the dmaengine -------------------------------------

    def allocate(self) -> None:
        self.reset_cookies()

    def free(self) -> None:
        self.terminate_all()

    def prep_memcpy(self, target: int, source: int, size: int) -> DmaDescriptor:
        """-EINVAL for nothing, beyond 4 GiB, or for more than the microcode's room has loops for."""
        if size < 1 or min(target, source) < 0 or max(target, source) + size > ADDRESS_SPACE:
            raise KernelError(EINVAL, f"{self.name}: cannot copy {size} bytes, {source:#x} to {target:#x}")
        controller = self._controller
        code = memcpy_program(
            target,
            source,
            size,
            controller.bus_bytes,
            controller.share,
            self.number,
            controller.non_secure,
        )
        if len(code) > self._room:
            raise KernelError(EINVAL, f"{self.name}: {size} bytes need {len(code)} bytes of microcode")
        return Copy(self, size, target=target, code=code)

    def issue_pending(self) -> None:
        self._issued.extend(self.submitted)
        self.submitted.clear()
        self._next()

    def terminate_all(self) -> None:
        self._cancel_timer()
        self._controller.execute(KILL, self.number)
        self._controller.enable_interrupt(self.number, False)
        running = [self._running] if self._running is not None else []
        for descriptor in (*running, *self._issued, *self.submitted):
            self.drop(descriptor)
        self._running = None
        self._issued.clear()
        self.submitted.clear()

    def residue(self, cookie: int) -> int:
        if self._running is not None and self._running.cookie == cookie:
            done = self._controller.regs.read(f"DAR{self.number}") - self._running.target
            return self._running.size - (done if 0 <= done <= self._running.size else 0)
        waiting = (*self._issued, *self.submitted)
        return next((descriptor.size for descriptor in waiting if descriptor.cookie == cookie), 0)

    # --- interrupts --------------------------------------------------------

    def finished(self) -> None:
        """The program has raised the channel's interrupt; its DMAEND is still to come."""
        self._over(DmaResult.NOERROR)

    def fault(self) -> None:
        """The thread has faulted: say so, and make it stop."""
        controller, number = self._controller, self.number
        reason = controller.mmio.readl(TABLE.offset("FTR", number))
        names = " ".join(field.name.lower() for field in CHANNEL_FAULTS if field.get(reason))
        places = " ".join(
            f"{name.lower()} {controller.regs.read(f'{name}{number}'):#x}" for name in ("CPC", "SAR", "DAR")
        )
        controller.kernel.log.error(f"{self.name}: {names} (FTR {reason:#x}), {places}")
        controller.execute(KILL, number)
        controller.enable_interrupt(number, False)
        faults = TABLE["FTR"]
        if faults.field("DATA_READ_ERR").get(reason):
            self._over(DmaResult.READ_FAILED)
        elif faults.field("DATA_WRITE_ERR").get(reason):
            self._over(DmaResult.WRITE_FAILED)
        else:
            self._over(DmaResult.ABORTED)

    # --- the queue ---------------------------------------------------------

    def _over(self, result: DmaResult) -> None:
        descriptor, self._running = self._running, None
        if descriptor is not None:
            self.complete(descriptor, result)
        self._next()

    def _next(self, polls: int = 0) -> None:
        """Start the oldest transfer when the thread has stopped; look again soon if it has not."""
        if self._running is not None or self._timer is not None or not self._issued:
            return
        status = TABLE[f"CSR{self.number}"].field("CHANNEL_STATUS")
        state = status.get(self._controller.regs.read(f"CSR{self.number}"))
        if state == State.STOPPED:
            descriptor = self._issued.popleft()
            assert isinstance(descriptor, Copy)  # prep_memcpy makes no others
            self._running = descriptor
            self._controller.run(self.number, descriptor.code)
        elif polls < MOST_POLLS:
            self._timer = self._controller.kernel.clock.after(POLL, lambda: self._look_again(polls))
        else:
            self._controller.kernel.log.error(f"{self.name}: the thread does not stop")
            self.complete(self._issued.popleft(), DmaResult.ABORTED)

    def _look_again(self, polls: int) -> None:
        self._timer = None
        self._next(polls + 1)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
