"""Bursts and runs of bursts: what a channel moves, and how it gets to memory.

An incrementing burst that starts off a beat's boundary is short by so many
bytes and ends on a boundary; one to a fixed address uses the same byte lanes
in each beat. A burst over a 4 KiB boundary is made in two, as AXI demands. A
run is many bursts in a row: one read and one write for all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from devices.pl330.hardware.gate import Gate
from soc.address import PAGE_MASK, PAGE_SIZE, Iova
from soc.iommu.port import DmaAbort
from soc.memory.span import Bytes, PageSpan

TOP = 1 << 32


@dataclass(frozen=True)
class Burst:
    """`beats` of `width` bytes; the address goes up with each beat or stays."""

    width: int
    beats: int
    incrementing: bool

    def size(self, address: int) -> int:
        """Bytes it moves from or to `address`."""
        short = address & (self.width - 1)
        return self.width * self.beats - (short if self.incrementing else short * self.beats)

    def next(self, address: int) -> int:
        """The address after it."""
        return (address + self.size(address)) % TOP if self.incrementing else address

    def pieces(self, address: int) -> Iterator[tuple[int, int]]:
        """(address, bytes) of each transaction: the halves on both sides of a page, or each fixed beat."""
        if not self.incrementing:
            for _ in range(self.beats):
                yield address, self.width - (address & (self.width - 1))
            return
        left = self.size(address)
        while left:
            size = min(left, PAGE_SIZE - (address & PAGE_MASK))
            yield address, size
            address, left = (address + size) % TOP, left - size


def swap_bytes(data: Bytes, group: int) -> Bytes:
    """`data` with the bytes of each whole group of so many reversed."""
    if group == 1:
        return data
    whole = len(data) - len(data) % group
    swapped = data[:whole].reshape(-1, group)[:, ::-1].reshape(-1)
    return np.concatenate((swapped, data[whole:]))


class Mover:
    """One channel's bursts and runs through its gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._port = gate.port

    def read(self, address: int, burst: Burst) -> Bytes:
        """The bytes of a burst. DmaAbort if any part of it fails."""
        return np.concatenate([self._gate.read(at, size, burst.width) for at, size in burst.pieces(address)])

    def write(self, address: int, burst: Burst, data: Bytes) -> None:
        """DmaAbort if a part of it fails; those before it are written."""
        done = 0
        for at, size in burst.pieces(address):
            self._gate.write(at, data[done : done + size], burst.width)
            done += size

    # --- runs --------------------------------------------------------------

    def reach(self, source: int | None, target: int, unit: int, count: int) -> int:
        """How many of `count` units of `unit` bytes can be moved as one; 0 to go burst by burst.

        Nothing is moved and no read is reported as a fault. A write that will be
        refused further on is reported now, and comes true when the burst gets there.
        """
        if self._gate.foresees:
            return 0
        count = min(count, (TOP - target) // unit, count if source is None else (TOP - source) // unit)
        while count:
            read = None if source is None else self._port.peek_span(Iova(source), count * unit)
            write = self._port.peek_span(Iova(target), count * unit)
            if write is not None and self._gate.is_memory(write):
                if source is None:
                    return self._writable(target, unit, count)
                if read is not None and self._gate.is_memory(read) and not overlap(read, write):
                    return self._writable(target, unit, count)
            count >>= 2
        return 0

    def read_run(self, address: int, size: int) -> Bytes:
        """A range that `reach` has found readable."""
        return self._port.read(Iova(address), size)[1]

    def write_run(self, address: int, data: Bytes) -> None:
        """A range that `reach` has found writable."""
        self._port.write(Iova(address), data)

    def _writable(self, target: int, unit: int, count: int) -> int:
        try:
            self._port.span(Iova(target), count * unit, write=True)
        except DmaAbort as abort:
            at = abort.iova if target <= abort.iova < target + count * unit else target
            self._gate.foresee(at, True, abort)
            return (at - target) // unit
        return count


def overlap(one: PageSpan, other: PageSpan) -> bool:
    """Whether two spans may have bytes in common; scattered ones are judged by page."""
    if one.contiguous and other.contiguous:
        return one.address < other.address + other.size and other.address < one.address + one.size
    return bool(np.isin(one.frames, other.frames).any())
