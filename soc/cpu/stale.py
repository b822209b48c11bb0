"""Who on the core loads a line that a device has overtaken.

Pages in which a device left lines stale are taken out of the engine's RAM and
put back as a window over the same bytes, until the last of them has been
cleaned or invalidated. A load of a stale line is an incident of the cache with
the place in the program it came from; each place is told of once a window.

The engine has room for few windows, so scattered pages share one across the
smallest gaps. A page in a gap is memory as before, only slower. Code in a
window cannot be executed while it is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from soc.address import PAGE_SHIFT, PhysAddr
from soc.cpu.engine import Engine, ReadCallback, WriteCallback
from soc.cpu.locate import Locator
from soc.cpu.watch import Watches
from soc.memory.cache.comparing import ComparingCache
from soc.memory.span import Frames, PageSpan

MOST_WINDOWS = 64
"""Open at a time. More are merged down to half of it, so that the next page finds room."""

MOST_REGIONS = 256
"""Pieces of the engine's memory from which closed windows are joined with the RAM around them again."""

Range = tuple[int, int]
"""[base, end) in bytes, whole pages."""


class StaleWindow:
    """One window of whole pages; `told` are the places in the program whose loads have been reported."""

    def __init__(self, cache: ComparingCache, locator: Locator, base: int, end: int) -> None:
        self.base = base
        self.end = end
        self.callbacks: object = None
        self._cache = cache
        self._locator = locator
        self._memory = cache.dram.view(PhysAddr(base), end - base).data
        self._told: set[int] = set()

    @property
    def range(self) -> Range:
        return self.base, self.end

    def needed(self) -> bool:
        return self._cache.any_stale(PhysAddr(self.base), self.end - self.base)

    def reader(self) -> ReadCallback:
        memory, base, stale_at = self._memory, self.base, self._cache.stale_at

        def read(handle: int, offset: int, size: int, data: int) -> int:
            if stale_at(PhysAddr(base + offset), size):
                self._tell(offset, size)
            return int.from_bytes(memory[offset : offset + size], "little")

        return read

    def writer(self) -> WriteCallback:
        memory = self._memory

        def write(handle: int, offset: int, size: int, value: int, data: int) -> None:
            memory[offset : offset + size] = value.to_bytes(8, "little")[:size]

        return write

    def _tell(self, offset: int, size: int) -> None:
        pc = self._locator.pc()
        if pc not in self._told:
            self._told.add(pc)
            self._cache.cpu_read(PageSpan.linear(PhysAddr(self.base + offset), size), f"cpu at {pc:#x}")


class StaleWindows:
    """The windows of one core on pages with stale lines. `update` between slices only."""

    def __init__(self, engine: Engine, cache: ComparingCache, locator: Locator, watches: Watches) -> None:
        self._engine = engine
        self._cache = cache
        self._locator = locator
        self._watches = watches
        self._open: dict[Range, StaleWindow] = {}

    @property
    def closable(self) -> bool:
        """Whether a window is open on pages that have no stale line any more."""
        return not all(window.needed() for window in self._open.values())

    def update(self) -> None:
        """Close windows that nobody needs, open those that a device has made necessary."""
        extents = self._extents()
        frames = self._cache.stale_frames()
        kept = {where for where, window in self._open.items() if window.needed() and _inside(where, extents)}
        missing = runs(_outside(frames, kept), extents)
        wanted = kept | set(missing)
        if len(wanted) > MOST_WINDOWS:
            wanted = set(merged(runs(frames, extents), extents, MOST_WINDOWS // 2))
        changed = wanted ^ self._open.keys()
        if changed:
            self._open = {where: self._open.get(where) or self._window(where) for where in wanted}
            self._map(changed, extents)
            self._locator.forget()
            self._engine.flush_tlb()
            self._engine.flush_code()

    def _window(self, where: Range) -> StaleWindow:
        return StaleWindow(self._cache, self._locator, *where)

    def _extents(self) -> list[Range]:
        """DRAM without what is watched, ascending: pieces of one bank each."""
        found = []
        for bank in self._cache.dram.banks:
            at: int = bank.base
            for base, size in sorted(self._watches.ranges()):
                if bank.contains(PhysAddr(base), size):
                    found.append((at, base))
                    at = base + size
            found.append((at, bank.base + bank.size))
        return sorted((base, end) for base, end in found if base < end)

    def _map(self, changed: set[Range], extents: Sequence[Range]) -> None:
        """Lay out anew what lies between the outermost changes of each extent.

        One big piece at a time: the engine takes long over every piece it takes out of a large one.
        """
        crowded = self._engine.regions() > MOST_REGIONS
        for low, high in extents:
            here = [where for where in changed if where[0] < high and low < where[1]]
            if crowded:
                self._lay_out(low, high)
            elif here:
                base, end = min(base for base, _ in here), max(end for _, end in here)
                self._lay_out(max(low, base), min(high, end))

    def _lay_out(self, low: int, high: int) -> None:
        """Windows that are open, and RAM between them, in [low, high) of one bank."""
        bank = self._cache.dram.bank(PhysAddr(low), high - low)
        assert bank is not None  # extents are DRAM
        self._engine.unmap(low, high - low)
        inside = sorted(where for where in self._open if low <= where[0] < high)
        for base, end in inside:
            window = self._open[base, end]
            window.callbacks = self._engine.map_mmio(base, end - base, window.reader(), window.writer())
        for (_, base), (end, _) in pairwise([(low, low), *inside, (high, high)]):
            if base < end:
                self._engine.map_memory(base, end - base, bank.host_pointer + base - bank.base)


def runs(frames: Frames, extents: Sequence[Range]) -> list[Range]:
    """Ascending page `frames` as ranges of neighbours in one of `extents`; frames in none are left out."""
    if not extents:
        return []
    bounds = np.array(extents, dtype=np.int64) >> PAGE_SHIFT
    extent = np.searchsorted(bounds[:, 0], frames, side="right") - 1
    inside = (extent >= 0) & (frames < bounds[extent, 1])
    frames, extent = frames[inside], extent[inside]
    parts = np.split(frames, np.flatnonzero((np.diff(frames) != 1) | (np.diff(extent) != 0)) + 1)
    return [(int(part[0]) << PAGE_SHIFT, int(part[-1]) + 1 << PAGE_SHIFT) for part in parts if len(part)]


def merged(ranges: Sequence[Range], extents: Sequence[Range], most: int) -> list[Range]:
    """`ranges` joined across their smallest gaps until `most` are left, but never out of an extent."""
    starts = [base for base, _ in extents]
    extent = np.searchsorted(starts, [base for base, _ in ranges], side="right")
    within = np.flatnonzero(extent[1:] == extent[:-1])
    gaps = np.array([right[0] - left[1] for left, right in pairwise(ranges)], dtype=np.int64)
    smallest = within[np.argsort(gaps[within], kind="stable")]
    joined = set(smallest[: max(0, len(ranges) - most)].tolist())
    found: list[Range] = []
    for number, (base, end) in enumerate(ranges):
        if number - 1 in joined:
            found[-1] = (found[-1][0], end)
        else:
            found.append((base, end))
    return found


def _outside(frames: Frames, ranges: set[Range]) -> Frames:
    for base, end in ranges:
        frames = frames[(frames < base >> PAGE_SHIFT) | (frames >= end >> PAGE_SHIFT)]
    return frames


def _inside(where: Range, extents: Sequence[Range]) -> bool:
    """Whether nothing of the range is watched by now."""
    return any(low <= where[0] and where[1] <= high for low, high in extents)
