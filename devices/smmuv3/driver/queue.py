"""The command queue from the driver's side: whole batches, one doorbell, errors skipped.

Source: arm_smmu_cmdq_issue_cmdlist and arm_smmu_cmdq_skip_err of
drivers/iommu/arm/arm-smmu-v3; ARM IHI 0070, 4.1 and 4.7.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import ETIMEDOUT

import numpy as np
from numpy.typing import NDArray

from devices.smmuv3.regs import CMDQ_ERR
from devices.smmuv3.spec import Command, CommandError, Opcode, SyncSignal
from devices.smmuv3.spec.queues import QueueShape
from soc.kernel.errors import KernelError
from soc.kernel.registers import Registers

Words = NDArray[np.uint64]
Encoded = tuple[int, int]
"""A command's two words."""

ERROR_TEXT = {
    CommandError.NONE: "No error",
    CommandError.ILLEGAL: "Illegal command",
    CommandError.ABORT: "Abort on command fetch",
    CommandError.ATC_INV_SYNC: "ATC invalidate timeout",
}


def encode(command: Command) -> Encoded:
    """ValueError for a value that does not fit its field."""
    low, high = command.build()
    return low, high


class CommandQueue:
    """`ring` holds the queue's words; `log` takes error lines, `recover` serves a global error."""

    def __init__(
        self,
        regs: Registers,
        shape: QueueShape,
        ring: Words,
        sev: bool,
        log: Callable[[str], None],
        recover: Callable[[], None],
    ) -> None:
        self._regs = regs
        self._shape = shape
        self._ring = ring.reshape(-1, 2)
        self._log = log
        self._recover = recover
        self._sync = encode(Command(Opcode.SYNC, signal=SyncSignal.SEV if sev else SyncSignal.NONE))
        self._prod = self._cons = 0

    def reset(self) -> None:
        """Empty, as the SMMU is told while it does not read the queue."""
        self._prod = self._cons = 0
        self._regs.write("CMDQ_BASE", self._shape.base, LOG2SIZE=self._shape.log2, RA=1)
        self._regs.write("CMDQ_PROD", 0)
        self._regs.write("CMDQ_CONS", 0)

    def issue(self, commands: list[Encoded]) -> None:
        """Put commands and a CMD_SYNC into the queue and wait for the end. -ETIMEDOUT if it stays stuck."""
        words = np.array([*commands, self._sync], dtype=np.uint64)
        size = len(self._ring)
        while len(words):
            count = min(self._room() or self._wait(), len(words))
            if not count:
                raise self._timeout("the command queue does not drain")
            at = self._prod & (size - 1)
            head = min(count, size - at)
            self._ring[at : at + head] = words[:head]
            self._ring[: count - head] = words[head:count]
            self._prod = (self._prod + count) & self._shape.index_mask
            self._regs.write("CMDQ_PROD", self._prod)
            words = words[count:]
        if self._wait() < size:
            raise self._timeout("CMD_SYNC timeout")

    def skip_error(self) -> None:
        """Say what stopped the queue, and turn an illegal command into a CMD_SYNC so that it can go on."""
        cons = self._regs.read("CMDQ_CONS")
        code = cons >> 24 & 0x7F
        error = CommandError(code) if code in ERROR_TEXT else None
        text = "Unknown" if error is None else ERROR_TEXT[error]
        self._log(f"CMDQ error (cons 0x{cons:08x}): {text}")
        if error is CommandError.ABORT:
            self._log("retrying command fetch")
        if error not in (None, CommandError.ILLEGAL):
            return
        entry = self._ring[cons & (len(self._ring) - 1)]
        self._log("skipping command in error state:")
        for word in entry.tolist():
            self._log(f"\t0x{word:016x}")
        entry[:] = self._sync

    def _room(self) -> int:
        """Free entries, as far as is known."""
        return len(self._ring) - ((self._prod - self._cons) & self._shape.index_mask)

    def _wait(self) -> int:
        """Free entries, once the SMMU has come as far as it can.

        Who waits here serves an error too, as its interrupt cannot come in before.
        """
        self._cons = self._regs.read("CMDQ_CONS")
        while self._room() < len(self._ring) and self._stopped():
            before = self._cons
            self._recover()
            self._cons = self._regs.read("CMDQ_CONS")
            if self._cons == before:
                break
        return self._room()

    def _stopped(self) -> bool:
        """Whether the queue waits for its error to be acknowledged."""
        return bool((self._regs.read("GERROR") ^ self._regs.read("GERRORN")) & CMDQ_ERR)

    def _timeout(self, what: str) -> KernelError:
        cons = self._regs.read("CMDQ_CONS")
        return KernelError(ETIMEDOUT, f"{what} at 0x{self._prod:08x} [hwcons 0x{cons:08x}]")
