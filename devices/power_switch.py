"""What ends the run of a board: a node without registers that waits for something to happen."""

from __future__ import annotations

from typing import ClassVar

from soc.bus import Target
from soc.device import Slot
from soc.processor import StopReason
from soc.registers import RegisterTable


class PowerSwitch:
    """A base of models; `reason` is how the run ends once `end` is called."""

    tables: ClassVar[tuple[RegisterTable, ...]] = ()
    dma: ClassVar[bool] = False
    reason: ClassVar[StopReason]

    def __init__(self, slot: Slot) -> None:
        self.targets: tuple[Target, ...] = ()
        self._slot = slot

    def end(self, cause: str) -> None:
        """End the run, and say in the log what it was that happened."""
        self._slot.log(f"{cause}: {self.reason.value}")
        self._slot.power(self.reason)
