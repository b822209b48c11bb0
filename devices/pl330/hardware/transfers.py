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


@dataclass(frozen=True)
class Reach:
    """Units that are moved as one, and the memory they are read from, if they are, and written to."""

    count: int = 0
    read: PageSpan | None = None
    write: PageSpan | None = None


NOTHING = Reach()
"""It has to go burst by burst."""


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

    def reach(self, source: int | None, target: int, unit: int, count: int) -> Reach:
        """How many of `count` units of `unit` bytes can be moved as one, and where they lie.

        Nothing is moved. A transaction that will be refused further on is reported now, and
        comes true when the burst gets there. Reads run ahead: one may be reported that a
        refused write before it then keeps from being made.
        """
        if self._gate.foresees:
            return NOTHING
        count = min(count, (TOP - target) // unit, count if source is None else (TOP - source) // unit)
        while count:
            read = None if source is None else self._port.peek_span(Iova(source), count * unit)
            write = self._port.peek_span(Iova(target), count * unit)
            if write is not None and (source is None or read is not None) and self._movable(read, write):
                break
            count >>= 2
        return self._ask(source, target, unit, count)

    def _ask(self, source: int | None, target: int, unit: int, count: int) -> Reach:
        """As many as the IOMMU lets through, and no debugger's word for where they go."""
        while count:
            read, at, writing = None, target, True
            try:
                if source is not None:
                    at, writing = source, False
                    read = self._port.span(Iova(source), count * unit, write=False)
                at, writing = target, True
                write = self._port.span(Iova(target), count * unit, write=True)
            except DmaAbort as abort:
                failed = abort.iova if at <= abort.iova < at + count * unit else at
                self._gate.foresee(failed, writing, abort)
                count = (failed - at) // unit
            else:
                return Reach(count, read, write) if self._movable(read, write) else NOTHING
        return NOTHING

    def _movable(self, read: PageSpan | None, write: PageSpan) -> bool:
        """Whether both are memory, and no byte that is written is read afterwards."""
        if not self._gate.is_memory(write):
            return False
        return read is None or (self._gate.is_memory(read) and not overlap(read, write))

    def read_run(self, reach: Reach) -> Bytes:
        """What lies where `reach` reads. ValueError if it only writes."""
        if reach.read is None:
            raise ValueError("nothing is to be read")
        return self._port.master.read_span(reach.read)

    def write_run(self, reach: Reach, data: Bytes) -> None:
        """`data` to where `reach` writes. ValueError if it moves nothing."""
        if reach.write is None:
            raise ValueError("nothing is to be written")
        self._port.master.write_span(reach.write, data)


def overlap(one: PageSpan, other: PageSpan) -> bool:
    """Whether two spans may have bytes in common; scattered ones are judged by page."""
    if one.contiguous and other.contiguous:
        return one.address < other.address + other.size and other.address < one.address + one.size
    return bool(np.isin(one.frames, other.frames).any())
