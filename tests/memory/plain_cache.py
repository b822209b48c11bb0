"""A cache model one line at a time: the oracle for the vectorised one, worst case always."""

from __future__ import annotations

from soc.memory.cache.incoherence import Kind

LINE = 64


class PlainCache:
    """Two byte arrays and two sets of line numbers. `uncached` are line numbers no mapping caches."""

    def __init__(self, size: int, uncached: range) -> None:
        self.cpu = bytearray(size)
        self.dram = bytearray(size)
        self.uncached = set(uncached)
        self.dirty: set[int] = set()
        self.stale: set[int] = set()
        self.shared: set[int] = set()
        self.kinds: list[Kind] = []

    def cpu_read(self, at: int, size: int) -> bytes:
        if self._lines(at, size) & self.stale:
            self.kinds.append(Kind.STALE_CPU_READ)
        return bytes(self.cpu[at : at + size])

    def cpu_write(self, at: int, data: bytes) -> None:
        self.cpu[at : at + len(data)] = data
        for line in self._lines(at, len(data)) & self.uncached:
            self._copy(self.cpu, self.dram, line)
        cached = self._lines(at, len(data)) - self.uncached
        self.dirty |= cached
        if clobbered := cached & self.stale:
            self.kinds.append(Kind.LOST_DEVICE_WRITE)
            self._write_back(clobbered)

    def device_read(self, at: int, size: int) -> bytes:
        if self._lines(at, size) & self.dirty:
            self.kinds.append(Kind.STALE_DEVICE_READ)
        return bytes(self.dram[at : at + size])

    def device_write(self, at: int, data: bytes) -> None:
        lines = self._lines(at, len(data))
        self.shared |= {line // LINE for line in lines - self.uncached}
        self.dram[at : at + len(data)] = data
        for line in lines & self.uncached:
            self._copy(self.dram, self.cpu, line)
        self.stale |= lines - self.uncached - self.dirty
        if lost := lines & self.dirty:
            self.kinds.append(Kind.LOST_DEVICE_WRITE)
            self._write_back(lost)

    def clean(self, at: int, size: int) -> None:
        dirty = self._lines(at, size) & self.dirty
        if dirty & self.stale:
            self.kinds.append(Kind.LOST_DEVICE_WRITE)
        self._write_back(dirty)

    def invalidate(self, at: int, size: int) -> None:
        edges = {at // LINE} if at % LINE else set()
        edges |= {(at + size) // LINE} if (at + size) % LINE else set()
        self._write_back(edges & self.dirty)
        lines = self._lines(at, size)
        if any(line // LINE in self.shared for line in lines & self.dirty):
            self.kinds.append(Kind.LOST_CPU_WRITE)
        for line in lines & (self.dirty | self.stale):
            self._copy(self.dram, self.cpu, line)
        self._settle(lines)

    def _write_back(self, lines: set[int]) -> None:
        for line in lines:
            self._copy(self.cpu, self.dram, line)
        self._settle(lines)

    def _settle(self, lines: set[int]) -> None:
        self.dirty -= lines
        self.stale -= lines

    @staticmethod
    def _copy(source: bytearray, target: bytearray, line: int) -> None:
        where = slice(line * LINE, line * LINE + LINE)
        target[where] = source[where]

    @staticmethod
    def _lines(at: int, size: int) -> set[int]:
        return set(range(at // LINE, -(-(at + size) // LINE)))
