"""The core's data cache, on a board where not every master of the bus sees into it."""

from __future__ import annotations

from collections.abc import Callable

from soc.cpu.caches import CacheMaintenance
from soc.cpu.engine import Engine
from soc.cpu.locate import Locator
from soc.cpu.stale import StaleWindows
from soc.cpu.sysregs import SystemRegisters
from soc.cpu.watch import Watches
from soc.memory.cache.comparing import ComparingCache


class DataCache:
    """Maintenance by software, and watching for loads of lines that a device has overtaken.

    `cut` asks for a stop before the next block: lines have become stale or clean.
    """

    def __init__(
        self,
        engine: Engine,
        registers: SystemRegisters,
        cache: ComparingCache,
        locator: Locator,
        watches: Watches,
        cut: Callable[[], None],
    ) -> None:
        self._maintenance = CacheMaintenance(engine, registers, cache, self._changed)
        self.stale = StaleWindows(engine, cache, locator, watches)
        self._cut = cut
        cache.overtaken = cut

    def reset(self) -> None:
        self._maintenance.reset()

    def update_windows(self) -> None:
        """Open and close windows on stale lines. Between slices only."""
        self.stale.update()

    def _changed(self) -> None:
        """A window that is no longer needed closes before the next block."""
        if self.stale.closable:
            self._cut()
