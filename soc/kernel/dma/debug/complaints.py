"""Where complaints go: counted always, logged as far as the administrator wants them.

By default the first is logged and the rest only counted (num_errors = 1), so
that one broken driver does not fill the log; all_errors logs each. A driver
filter keeps to one driver. Source: err_printk and driver_filter of kernel/dma/debug.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.clock import SECOND
from soc.kernel.dma.debug.entry import Entry
from soc.kernel.log import KernelLog

if TYPE_CHECKING:
    from soc.kernel.device import Device


class Complaints:
    """`num_errors` more are logged, or every one with `all_errors`; of driver `filter` alone unless empty."""

    def __init__(self, log: KernelLog) -> None:
        self.log = log
        self.all_errors = 0
        self.num_errors = 1
        self.error_count = 0
        self.filter = ""

    def report(self, device: Device, text: str, entry: Entry | None = None) -> None:
        """Complain about `device`'s driver; `entry` is the mapping, if there is one."""
        self.error_count += 1
        if self._passes(device) and (self.all_errors or self.num_errors):
            self.log.warn(f"DMA-API: {driver_string(device)} {device.name}: {text}")
            if entry is not None:
                self.log.info(f"DMA-API: Mapped at: {entry.time / SECOND:.6f} s, {entry.what}")
        if not self.all_errors and self.num_errors:
            self.num_errors -= 1

    def set_filter(self, text: str) -> None:
        """As written to driver_filter: one driver's name; anything else ends the filter."""
        line = text.split("\n", 1)[0][:63]
        if line[:1].isalnum():
            allowed = [character.isalnum() or character in "-_" for character in line]
            self.filter = line[: allowed.index(False)] if False in allowed else line
            self.log.info(f"DMA-API: enable driver filter for driver [{self.filter}]")
        elif self.filter:
            self.filter = ""
            self.log.info("DMA-API: switching off dma-debug driver filter")

    def _passes(self, device: Device) -> bool:
        return not self.filter or (device.driver is not None and device.driver.name == self.filter)


def driver_string(device: Device) -> str:
    """The driver's name, else that of the bus (dev_driver_string)."""
    return device.driver.name if device.driver is not None else "platform"
