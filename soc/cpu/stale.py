"""Who on the core loads a line that a device has overtaken.

Pages in which a device left lines stale are taken out of the engine's RAM and
put back as a window over the same bytes, until the last of them has been
cleaned or invalidated. A load of a stale line is an incident of the cache with
the place in the program it came from; each place is told of once a window.
Code in such a page cannot be executed while the window is open.
"""

from __future__ import annotations

import numpy as np

from soc.address import PAGE_SHIFT, PhysAddr
from soc.cpu.engine import Engine, ReadCallback, WriteCallback
from soc.cpu.locate import Locator
from soc.cpu.watch import Watches
from soc.memory.cache.comparing import ComparingCache
from soc.memory.span import Frames, PageSpan


class StaleWindows:
    """The windows of one core on pages with stale lines. `update` between slices only."""

    def __init__(self, engine: Engine, cache: ComparingCache, locator: Locator, watches: Watches) -> None:
        self._engine = engine
        self._cache = cache
        self._locator = locator
        self._watches = watches
        self._open: dict[int, tuple[int, object]] = {}

    @property
    def closable(self) -> bool:
        """Whether a window is open on pages that have no stale line any more."""
        return any(not self._stale(base, size) for base, size in self._ranges())

    def update(self) -> None:
        """Close windows that nobody needs, open those that a device has made necessary."""
        changed = False
        for base, size in self._ranges():
            if not self._stale(base, size):
                self._close(base, size)
                changed = True
        for base, size in self._wanted():
            self._open[base] = (size, self._window(PhysAddr(base), size))
            changed = True
        if changed:
            self._locator.forget()
            self._engine.flush_tlb()
            self._engine.flush_code()

    def _ranges(self) -> list[tuple[int, int]]:
        return [(base, size) for base, (size, _) in self._open.items()]

    def _wanted(self) -> list[tuple[int, int]]:
        """Runs of stale pages that have no window yet and are not watched for another reason."""
        frames = self._cache.stale_frames()
        for base, size in [*self._ranges(), *self._watches.ranges()]:
            inside = (frames >= base >> PAGE_SHIFT) & (frames < (base + size) >> PAGE_SHIFT)
            frames = frames[~inside]
        runs = np.split(frames, np.flatnonzero(np.diff(frames) != 1) + 1)
        return [(int(run[0]) << PAGE_SHIFT, len(run) << PAGE_SHIFT) for run in runs if len(run)]

    def _stale(self, base: int, size: int) -> bool:
        frames: Frames = np.arange(base >> PAGE_SHIFT, (base + size) >> PAGE_SHIFT, dtype=np.int64)
        return self._cache.any_stale(frames)

    def _window(self, base: PhysAddr, size: int) -> object:
        self._engine.unmap(base, size)
        return self._engine.map_mmio(base, size, self._reader(base, size), self._writer(base, size))

    def _close(self, base: int, size: int) -> None:
        bank = self._cache.dram.bank(base, size)
        assert bank is not None  # it was opened on DRAM
        self._engine.unmap(base, size)
        self._engine.map_memory(base, size, bank.host_pointer + base - bank.base)
        del self._open[base]

    def _reader(self, base: PhysAddr, size: int) -> ReadCallback:
        memory = self._cache.dram.view(base, size).data
        told: set[int] = set()

        def read(handle: int, offset: int, size: int, data: int) -> int:
            pc = self._locator.pc()
            if pc not in told:
                before = len(self._cache.incidents)
                self._cache.cpu_read(PageSpan.linear(PhysAddr(base + offset), size), f"cpu at {pc:#x}")
                if len(self._cache.incidents) > before:
                    told.add(pc)
            return int.from_bytes(memory[offset : offset + size], "little")

        return read

    def _writer(self, base: PhysAddr, size: int) -> WriteCallback:
        memory = self._cache.dram.view(base, size).data

        def write(handle: int, offset: int, size: int, value: int, data: int) -> None:
            memory[offset : offset + size] = value.to_bytes(8, "little")[:size]

        return write
