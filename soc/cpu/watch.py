"""Watch windows: who on the CPU touches these bytes of DRAM.

A watched range is taken out of the engine's RAM and put back as a window of
callbacks over the very same bytes, so that each access is seen and the rest of
DRAM keeps its speed. Bytes moved are booked as the CPU's bus traffic as well.

Not modelled: execution from a watched range (it aborts), the CPU's caches. The
engine's own extra accesses count: DC ZVA probes its block with four more byte
stores, STXR reads before it writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from soc.address import PAGE_MASK, PAGE_SHIFT, PhysAddr, human_size
from soc.bus import Bus
from soc.clock import Clock
from soc.cpu.engine import Engine, ReadCallback, WriteCallback
from soc.cpu.locate import Locator

Access = Literal["read", "write"]


@dataclass(frozen=True)
class Touch:
    """All accesses of one kind that one place of the program made to one window.

    `pc` is a virtual address: of the instruction if `exact`, else of the first
    instruction of its block. `count` accesses moved `bytes` bytes in physical
    [first, last]; the first of them was at `time` ns.
    """

    window: str
    pc: int
    exact: bool
    access: Access
    count: int
    bytes: int
    first: int
    last: int
    time: int


@dataclass
class _Tally:
    """What one pc did: offsets `low` .. `high` (exclusive) of the window."""

    time: int
    low: int
    high: int
    count: int = 0
    bytes: int = 0

    def add(self, offset: int, size: int) -> None:
        self.count += 1
        self.bytes += size
        if offset < self.low:
            self.low = offset
        if offset + size > self.high:
            self.high = offset + size


class WatchWindow:
    """One watched range: its callbacks and what they saw."""

    def __init__(
        self, bus: Bus, clock: Clock, locator: Locator, base: PhysAddr, size: int, name: str
    ) -> None:
        self.base = base
        self.size = size
        self.name = name
        self._clock = clock
        self._locator = locator
        self._traffic = bus.master("cpu").traffic
        self._bytes = bus.dram.view(base, size).data
        self._tallies: dict[Access, dict[int, _Tally]] = {"read": {}, "write": {}}
        self._pages: dict[Access, list[int]] = {"read": self._no_bytes(), "write": self._no_bytes()}

    @property
    def end(self) -> int:
        return self.base + self.size

    def reader(self) -> ReadCallback:
        words, memory = self._bytes.cast("I"), self._bytes
        note = self._noter("read")

        def read(handle: int, offset: int, size: int, data: int) -> int:
            note(offset, size)
            if size == 4 and not offset & 3:
                return words[offset >> 2]
            return int.from_bytes(memory[offset : offset + size], "little")

        return read

    def writer(self) -> WriteCallback:
        words, memory = self._bytes.cast("I"), self._bytes
        note = self._noter("write")

        def write(handle: int, offset: int, size: int, value: int, data: int) -> None:
            note(offset, size)
            if size == 4 and not offset & 3:
                words[offset >> 2] = value
            else:
                memory[offset : offset + size] = value.to_bytes(8, "little")[:size]

        return write

    def touches(self) -> list[Touch]:
        exact = self._locator.exact
        return [
            Touch(
                self.name,
                pc,
                exact,
                access,
                tally.count,
                tally.bytes,
                self.base + tally.low,
                self.base + tally.high - 1,
                tally.time,
            )
            for access, tallies in self._tallies.items()
            for pc, tally in tallies.items()
        ]

    def book(self) -> None:
        """Move the bytes seen so far to the CPU's traffic ledger."""
        for access, sizes in self._pages.items():
            if any(sizes):
                counts = np.array(sizes, dtype=np.uint64)
                touched = np.flatnonzero(counts)
                frames = touched + (self.base >> PAGE_SHIFT)
                self._traffic.book(frames, counts[touched], access == "write")
                sizes[:] = self._no_bytes()

    def _no_bytes(self) -> list[int]:
        return [0] * (self.size >> PAGE_SHIFT)

    def _noter(self, access: Access) -> Callable[[int, int], None]:
        tallies, pages = self._tallies[access], self._pages[access]
        locate, clock = self._locator.pc, self._clock

        def note(offset: int, size: int) -> None:
            pc = locate()
            tally = tallies.get(pc)
            if tally is None:
                tally = tallies[pc] = _Tally(clock.now, offset, offset + size)
            tally.add(offset, size)
            pages[offset >> PAGE_SHIFT] += size

        return note


class Watches:
    """The watch windows of one core."""

    def __init__(self, engine: Engine, bus: Bus, clock: Clock, locator: Locator) -> None:
        self._engine = engine
        self._bus = bus
        self._clock = clock
        self._locator = locator
        self._open: dict[int, tuple[WatchWindow, object]] = {}
        self._all: list[WatchWindow] = []

    def watch(self, base: PhysAddr, size: int, name: str) -> None:
        """ValueError unless [base, base + size) is whole pages of one bank, not watched yet.

        TooManyRegions, which is one, when the engine has no room for another window.
        """
        if (base | size) & PAGE_MASK or size <= 0:
            raise ValueError(f"{name}: a watched range must be whole pages, not {base:#x}+{size:#x}")
        if self._bus.dram.bank(base, size) is None:
            raise ValueError(f"{name}: {human_size(size)} at {base:#x} is not DRAM")
        for other, _ in self._open.values():
            if base < other.end and other.base < base + size:
                raise ValueError(f"{name} overlaps {other.name}, which is watched")
        self._engine.check_room(base, size)
        window = WatchWindow(self._bus, self._clock, self._locator, base, size, name)
        self._engine.unmap(base, size)
        callbacks = self._engine.map_mmio(base, size, window.reader(), window.writer())
        self._open[base] = (window, callbacks)
        self._all.append(window)
        self._remapped()

    def unwatch(self, base: PhysAddr) -> None:
        """End the watch that starts at `base`; its touches stay. KeyError if there is none."""
        window, _ = self._open[base]
        bank = self._bus.dram.bank(base, window.size)
        assert bank is not None
        self._engine.unmap(base, window.size)
        self._engine.map_memory(base, window.size, bank.host_pointer + base - bank.base)
        del self._open[base]
        self._remapped()

    def ranges(self) -> list[tuple[int, int]]:
        """(base, size) of everything that is watched."""
        return [(window.base, window.size) for window, _ in self._open.values()]

    def book(self) -> None:
        """Bring the traffic ledger up to date, and forget where generated code lay."""
        if self._open:
            self._locator.forget()
            for window, _ in self._open.values():
                window.book()

    def touches(self) -> list[Touch]:
        """Everything seen since the start, by time."""
        found = [touch for window in self._all for touch in window.touches()]
        return sorted(found, key=lambda touch: (touch.time, touch.pc, touch.access))

    def _remapped(self) -> None:
        self._engine.flush_tlb()
        self._engine.flush_code()
