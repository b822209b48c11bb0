"""Takes a mapping into the ledger or out of it and complains about what does not fit.

Source: add_dma_entry, dma_entry_alloc, check_unmap and check_sync of kernel/dma/debug.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.kernel.dma.debug import checks
from soc.kernel.dma.debug.cachelines import MAX_OVERLAP, Cachelines
from soc.kernel.dma.debug.complaints import Complaints
from soc.kernel.dma.debug.entry import Entry
from soc.kernel.dma.debug.ledger import Ledger
from soc.kernel.scatterlist import DmaDirection, Ints

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel

OVERLAP = "cacheline tracking EEXIST, overlapping mappings aren't supported"


class Recorder:
    """The state behind the hooks. Once `disabled`, the ledger stays as it is and nothing is looked at."""

    def __init__(self, kernel: Kernel, entries: int) -> None:
        self.disabled = False
        self.complaints = Complaints(kernel.log)
        self.ledger = Ledger(entries)
        self._clock = kernel.clock
        self._lines = Cachelines(kernel.memory.dram)
        self._lines_exceeded = False

    def add(self, entry: Entry) -> bool:
        """False if the ledger has no room left, which ends the checks."""
        if self.disabled:
            return False
        entry.time = self._clock.now
        if not self.ledger.add(entry):
            self.disabled = True
            self.complaints.log.error("DMA-API: debugging out of memory - disabling")
            return False
        return True

    def complain(self, entry: Entry, *texts: str | None) -> None:
        """About the driver that made `entry`."""
        for text in texts:
            if text:
                self.complaints.report(entry.device, text, entry)

    def refuse(self, device: Device, text: str | None) -> None:
        """About a call of `device`'s driver that makes no mapping."""
        if text and not self.disabled:
            self.complaints.report(device, text)

    def hold(self, entry: Entry, starts: Ints, lengths: Ints, shared: bool = False) -> None:
        """Take the cache lines of `entry`: ranges of physical memory. `shared` lines are no complaint."""
        if entry.direction is DmaDirection.TO_DEVICE:
            return
        entry.held = held = self._lines.hold(starts, lengths)
        if held.overlap > MAX_OVERLAP and not self._lines_exceeded:
            self._lines_exceeded = True
            self.complaints.log.warn(
                f"DMA-API: exceeded {MAX_OVERLAP} overlapping mappings of cacheline {held.line:#018x}"
            )
        if held.overlap and not shared:
            self.complain(entry, OVERLAP)

    def unmap(self, claim: Entry) -> None:
        """The mapping that `claim` means ends, whatever is wrong with the claim."""
        if self.disabled:
            return
        entry = self.ledger.find_exact(claim)
        if entry is None:
            self.complaints.report(claim.device, checks.unknown_unmap(claim.address, claim.size))
            return
        self.complain(entry, *checks.unmap(entry, claim))
        self.ledger.remove(entry)
        if entry.held is not None:
            self._lines.release(entry.held)

    def sync(self, claim: Entry, to_cpu: bool) -> None:
        """The segments of `claim` against the mappings they are in, as far as the first that is wrong."""
        if self.disabled:
            return
        for index in range(claim.count):
            part = claim.part(index)
            found = self.ledger.find_around(claim.device, part.address, part.size)
            if found is None:
                self.complaints.report(claim.device, checks.unknown_sync(part.address, part.size))
                return
            entry, segment = found
            wrong = list(checks.sync(entry, segment, part, to_cpu))
            self.complain(entry, *wrong)
            if wrong or entry.same_segments(claim):
                return
