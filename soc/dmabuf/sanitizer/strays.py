"""Devices that move bytes of a buffer which is not mapped for them.

Behind an IOMMU that is a fault. Without one, or where an address is one of another device's,
the bytes just move. Here the bus ledger is held against the mappings of each buffer, whenever
one of those begins or ends: what a master moved in between, and had no mapping for, is a WARN
that names both. A buffer's pages are known from its first mapping on.

It costs a look at the ledger for each map and unmap, so it is off until `start`, which `soc run` calls.
Not modelled: bounce buffers, whose pages are not the buffer's; engines that a driver lets copy
with mappings of its own (dma_map_sgtable) look like strangers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from soc.dmabuf.buffer import DmaBuf, Mapping
from soc.kernel.mm.traffic_marks import TrafficMarks
from soc.memory.span import Frames

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.device import Device

NO_PAGES: Frames = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class StrayAccess:
    """`master` moved bytes of `buffer`, which only `mappings` gave devices access to."""

    master: str
    buffer: str
    read: int
    written: int
    mappings: tuple[str, ...]

    def __str__(self) -> str:
        deeds = [f"read {self.read} bytes"] if self.read else []
        deeds += [f"wrote {self.written} bytes"] if self.written else []
        mapped = f"mapped by {', '.join(self.mappings)}" if self.mappings else "mapped by no device"
        return f"stray DMA: {self.master} {' and '.join(deeds)} of {self.buffer}, which is {mapped}"


class StrayWatch:
    """`kernel.subsystem(StrayWatch)`. `found` are all accesses so far, oldest first."""

    def __init__(self, kernel: KernelCore) -> None:
        self.found: list[StrayAccess] = []
        self._kernel = kernel
        self._marks: TrafficMarks | None = None
        self._pages: dict[DmaBuf, Frames] = {}

    def start(self) -> None:
        """Watch buffers that are mapped from now on."""
        self._marks = TrafficMarks(self._kernel.cpu.bus)

    def mapped(self, dmabuf: DmaBuf, mapping: Mapping) -> None:
        """A mapping has begun: its pages are the buffer's. `look` comes before it."""
        if self._marks is not None:
            where = self._kernel.cpu.bus.dram.index(mapping.sgt.frames())
            if not np.array_equal(where, self._pages.get(dmabuf, NO_PAGES)):
                self._marks.set(where)
                self._pages[dmabuf] = where

    def look(self, dmabuf: DmaBuf) -> None:
        """A mapping is about to begin or end: whatever moved until now is judged by those there are."""
        if self._marks is None or dmabuf not in self._pages:
            return
        where = self._pages[dmabuf]
        mappings = dmabuf.mappings
        known = {self._kernel.cpu.name, *(name for one in mappings for name in _names(one.attachment.device))}
        for moved in self._marks.moved(where):
            if moved.master not in known:
                read, written = int(moved.read.sum()), int(moved.written.sum())
                stray = StrayAccess(moved.master, str(dmabuf), read, written, tuple(map(str, mappings)))
                self.found.append(stray)
                self._kernel.log.warn(str(stray))
        self._marks.set(where)

    def released(self, dmabuf: DmaBuf) -> None:
        """Its pages are somebody else's affair from now on."""
        self.look(dmabuf)
        self._pages.pop(dmabuf, None)

    def audit(self) -> None:
        """Look at every buffer that is there."""
        for dmabuf in list(self._pages):
            self.look(dmabuf)


def _names(device: Device) -> Iterator[str]:
    """What the bus may call the device: a node's name or, where it has namesakes, its path."""
    yield from (device.node.name, device.node.path)
