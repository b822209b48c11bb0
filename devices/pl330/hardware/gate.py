"""One thread's way to memory and registers: single transactions, none over a 4 KiB boundary."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soc.address import Iova, PhysAddr
from soc.bus import BusError, Master
from soc.iommu.port import DmaAbort, DmaDiscarded, DmaPort, DmaStalled
from soc.memory.span import Bytes, PageSpan

WIDEST_ACCESS = 8


class Gate:
    """Transactions through `port`: to DRAM, or beat by beat to a register block.

    It can foresee the outcome of transactions to come: of translations asked for
    ahead, or what software made of one that was stalled.
    """

    def __init__(self, port: DmaPort) -> None:
        self.port = port
        self._foreseen: dict[tuple[int, bool], DmaAbort] = {}

    @property
    def foresees(self) -> bool:
        return bool(self._foreseen)

    def foresee(self, address: int, write: bool, outcome: DmaAbort) -> None:
        """The next transaction at `address` ends with `outcome`, whatever the IOMMU would say by then."""
        self._foreseen[address, write] = outcome

    def forget(self) -> None:
        """The thread starts anew."""
        self._foreseen.clear()

    def discard(self, held: DmaStalled) -> None:
        """Software has this transaction end as if it had succeeded, and the thread issues it again."""
        outcome = DmaDiscarded(held.master, held.iova, held.access, held.reason)
        self.foresee(held.iova, held.access == "write", outcome)

    def is_memory(self, span: PageSpan) -> bool:
        return self.port.master.memory.holds(span)

    def fetch(self, address: int, size: int) -> bytes:
        """Instructions. DmaAbort when they cannot be read."""
        return self.read(address, size, size).tobytes()

    def read(self, address: int, size: int, width: int) -> Bytes:
        """`size` bytes, from registers `width` at a time. DmaAbort, DmaStalled."""
        master = self.port.master
        try:
            span = self._span(address, size, write=False)
            if self.is_memory(span):
                return master.read_span(span)
            steps = _accesses(master, span, width)
            data = b"".join(master.read(at, step).to_bytes(step, "little") for at, step in steps)
        except DmaDiscarded:
            return np.zeros(size, dtype=np.uint8)
        except BusError as error:
            raise DmaAbort(master.name, Iova(address), "read", str(error)) from error
        return np.frombuffer(data, dtype=np.uint8)

    def write(self, address: int, data: Bytes, width: int) -> None:
        """`data`, to registers `width` bytes at a time. DmaAbort, DmaStalled."""
        master = self.port.master
        try:
            span = self._span(address, len(data), write=True)
            if self.is_memory(span):
                master.write_span(span, data)
                return
            done = 0
            for at, step in _accesses(master, span, width):
                master.write(at, step, int.from_bytes(data[done : done + step].tobytes(), "little"))
                done += step
        except DmaDiscarded:
            return
        except BusError as error:
            raise DmaAbort(master.name, Iova(address), "write", str(error)) from error

    def _span(self, address: int, size: int, write: bool) -> PageSpan:
        if (outcome := self._foreseen.pop((address, write), None)) is not None:
            raise outcome
        return self.port.span(Iova(address), size, write)


def _accesses(master: Master, span: PageSpan, width: int) -> Iterator[tuple[PhysAddr, int]]:
    """A transaction as aligned accesses of a register block. BusError if no block answers all of it."""
    at, left = span.address, span.size
    if not span.contiguous or master.bus.window(at, left) is None:
        raise BusError(at, left, "access", master.name)
    while left:
        aligned = at & -at or WIDEST_ACCESS
        step = min(width, WIDEST_ACCESS, aligned, 1 << (left.bit_length() - 1))
        yield at, step
        at, left = PhysAddr(at + step), left - step
