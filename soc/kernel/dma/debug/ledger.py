"""The live mappings of all devices, found by device and address.

Segments are what is counted: a scatter-gather list takes as many entries as
it has DMA segments, but is kept as one object with arrays, because behind an
IOMMU thousands of pages are one segment and without one they are thousands.
Source: dma_entry_hash, bucket_find_exact and bucket_find_contain of kernel/dma/debug.c.

Not modelled: growth of the pool; Linux asks for another page of entries before it gives up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from soc.kernel.dma.debug.entry import Entry

if TYPE_CHECKING:
    from soc.kernel.device import Device


class Ledger:
    """At most `total` segments at a time; `least_free` is the lowest that `free` ever was."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.free = total
        self.least_free = total
        self._of: dict[int, dict[int, list[Entry]]] = {}

    def add(self, entry: Entry) -> bool:
        """False if there is no room for it."""
        if entry.count > self.free:
            return False
        self.free -= entry.count
        self.least_free = min(self.least_free, self.free)
        self._of.setdefault(id(entry.device), {}).setdefault(entry.address, []).append(entry)
        return True

    def remove(self, entry: Entry) -> None:
        mine = self._of[id(entry.device)]
        mine[entry.address].remove(entry)
        if not mine[entry.address]:
            del mine[entry.address]
        if not mine:
            del self._of[id(entry.device)]
        self.free += entry.count

    def of(self, device: Device) -> Iterator[Entry]:
        """The live mappings of `device`."""
        for entries in self._of.get(id(device), {}).values():
            yield from entries

    def __iter__(self) -> Iterator[Entry]:
        for mine in self._of.values():
            for entries in mine.values():
                yield from entries

    def starting(self, device: Device, address: int) -> list[Entry]:
        """The mappings of `device` that begin at `address`."""
        return self._of.get(id(device), {}).get(address, [])

    def find_exact(self, claim: Entry) -> Entry | None:
        """The mapping with a segment at the claim's address, that which agrees best if there are several."""
        found = self.starting(claim.device, claim.address)
        if not found:
            found = [entry for entry in self.of(claim.device) if claim.address in entry.addresses]
        return max(found, key=lambda entry: _agreement(entry, claim), default=None)

    def find_around(self, device: Device, address: int, size: int) -> tuple[Entry, int] | None:
        """The mapping with a segment, the second result, that holds [address, address + size).

        Without one, a mapping that holds the first byte at least.
        """
        partial: tuple[Entry, int] | None = None
        for entries in (self.starting(device, address), self.of(device)):
            for entry in entries:
                segment = entry.segment(address)
                if segment is None:
                    continue
                if address + size <= int(entry.addresses[segment] + entry.lengths[segment]):
                    return entry, segment
                partial = partial or (entry, segment)
        return partial


def _agreement(entry: Entry, claim: Entry) -> int:
    """How many of the four facts that a driver repeats at unmap agree."""
    return (
        (entry.size == claim.size)
        + (entry.type is claim.type)
        + (entry.direction is claim.direction)
        + (entry.entries == claim.entries)
    )
