"""The system bus: who answers at a physical address, and who asked.

RAM, register blocks (targets) and holes. Every agent that issues accesses is a
`Master` with a name and a traffic ledger; an access to a hole or with a size a
target cannot serve raises `BusError`, which the CPU turns into an external
abort and a DMA engine into its own error interrupt.

Not modelled: arbitration, bandwidth, ordering, exclusive monitors across masters.
"""

from __future__ import annotations

from bisect import bisect_right
from copy import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from soc.address import PhysAddr
from soc.errors import SocError
from soc.memory.dram import Dram, Memory
from soc.memory.rows import Rows
from soc.memory.span import Bytes, PageSpan
from soc.memory.traffic import Traffic


class Target(Protocol):
    """A register block: accesses of 1, 2, 4 or 8 bytes at an offset."""

    def read(self, offset: int, size: int) -> int: ...

    def write(self, offset: int, size: int, value: int) -> None: ...


class BusError(SocError):
    """Nobody answers: `address`, `size` in bytes, `access` read or write."""

    def __init__(self, address: int, size: int, access: str, master: str) -> None:
        self.address = address
        self.size = size
        self.access = access
        self.master = master
        super().__init__(f"{master}: {access} of {size} bytes at {address:#x}: nothing answers there")


@dataclass(frozen=True)
class Window:
    """`size` bytes of bus address space at `base`, answered by `target`."""

    base: PhysAddr
    size: int
    target: Target
    name: str

    @property
    def end(self) -> int:
        return self.base + self.size


class Bus:
    """Address decoder of the machine. `writers` are the masters that have written to DRAM."""

    def __init__(self, dram: Dram) -> None:
        self.dram = dram
        self.windows: list[Window] = []
        self.masters: dict[str, Master] = {}
        self.writers: set[str] = set()

    def attach(self, window: Window) -> None:
        """Put a register block on the bus. ValueError on an overlap, both named."""
        for other in self.windows:
            if window.base < other.end and other.base < window.end:
                raise ValueError(f"{window.name} overlaps {other.name}")
        for bank in self.dram.banks:
            if window.base < bank.end and bank.base < window.end:
                raise ValueError(f"{window.name} overlaps DRAM at {bank.base:#x}")
        self.windows.append(window)
        self.windows.sort(key=lambda w: w.base)

    def master(self, name: str) -> Master:
        """A new agent on the bus, or the one of that name. Its memory is DRAM itself."""
        if name not in self.masters:
            self.masters[name] = Master(name, self)
        return self.masters[name]

    def window(self, address: int, size: int) -> Window | None:
        """The register block that answers all of [address, address + size)."""
        index = bisect_right(self.windows, address, key=lambda w: w.base) - 1
        if index >= 0 and address + size <= self.windows[index].end:
            return self.windows[index]
        return None


class Master:
    """An agent that issues bus accesses; `traffic` counts what it moved in DRAM.

    `memory` is DRAM as the agent sees it; caches give some agents a view of their own.
    """

    def __init__(self, name: str, bus: Bus) -> None:
        self.name = name
        self.bus = bus
        self.memory: Memory = bus.dram
        self.traffic = Traffic(bus.dram)

    def through(self, memory: Memory) -> Master:
        """The same agent, in the same books, with another view of memory."""
        other = copy(self)
        other.memory = memory
        return other

    def read(self, address: PhysAddr, size: int) -> int:
        """A single access of 1, 2, 4 or 8 bytes. BusError in a hole."""
        if window := self.bus.window(address, size):
            return window.target.read(address - window.base, size)
        return int.from_bytes(self.read_span(PageSpan.linear(address, size)).tobytes(), "little")

    def write(self, address: PhysAddr, size: int, value: int) -> None:
        if window := self.bus.window(address, size):
            window.target.write(address - window.base, size, value)
            return
        data = np.frombuffer(value.to_bytes(size, "little"), dtype=np.uint8)
        self.write_span(PageSpan.linear(address, size), data)

    def read_span(self, span: PageSpan, rows: Rows | None = None) -> Bytes:
        """Bulk read of DRAM or of `rows` of it, read-only; a view when contiguous. BusError outside DRAM."""
        if not self.memory.holds(span):
            raise BusError(span.address, span.size, "read", self.name)
        self.traffic.count(span, write=False, rows=rows)
        data = self.memory.read(span, rows).view()
        data.flags.writeable = False  # a write through it would be in nobody's books
        return data

    def write_span(self, span: PageSpan, data: Bytes, rows: Rows | None = None) -> None:
        """Bulk write of `data` (span.size bytes, or `rows`). BusError outside DRAM."""
        if not self.memory.holds(span):
            raise BusError(span.address, span.size, "write", self.name)
        self.bus.writers.add(self.name)
        self.traffic.count(span, write=True, rows=rows)
        self.memory.write(span, data, rows)
