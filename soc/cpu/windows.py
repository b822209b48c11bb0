"""Register blocks as the engine sees them: pages of callbacks.

A block that fills its pages is called straight from the engine, one Python
frame per access. Pages that a block fills only in part, or that several
blocks share, are decoded by the bus; what nobody answers there is a hole.

Not modelled: 64-bit single-copy atomicity, the engine issues a 64-bit access
as two of 32 bits, low half first.
"""

from __future__ import annotations

from itertools import pairwise

from soc.address import PAGE_MASK, page_align
from soc.bus import Bus, BusError, Target, Window
from soc.cpu.engine import Engine, ReadCallback, WriteCallback
from soc.cpu.holes import Holes
from soc.cpu.stops import Stops
from soc.rom import Rom


class BusTarget:
    """Decodes every access of a page range through the bus."""

    def __init__(self, bus: Bus, base: int) -> None:
        self._bus = bus
        self._base = base

    def read(self, offset: int, size: int) -> int:
        window = self._find(offset, size, "read")
        return window.target.read(self._base + offset - window.base, size)

    def write(self, offset: int, size: int, value: int) -> None:
        window = self._find(offset, size, "write")
        window.target.write(self._base + offset - window.base, size, value)

    def _find(self, offset: int, size: int, access: str) -> Window:
        window = self._bus.window(self._base + offset, size)
        if window is None:
            raise BusError(self._base + offset, size, access, "cpu")
        return window


class BusWindows:
    """Maps every window of `bus` into `engine`; a ROM of whole pages as memory it executes from.

    `holes` and `stops` are told of accesses that nobody answers, `stops` of any
    other exception in a model.
    """

    def __init__(self, engine: Engine, bus: Bus, holes: Holes, stops: Stops) -> None:
        self._holes = holes
        self._stops = stops
        self._keep: list[object] = []
        for base, size, target in self._ranges(bus):
            if isinstance(target, Rom):
                engine.map_rom(base, size, target.host_pointer)
                continue
            reader, writer = self._reader(base, target), self._writer(base, target)
            self._keep.append(engine.map_mmio(base, size, reader, writer))

    @staticmethod
    def _ranges(bus: Bus) -> list[tuple[int, int, Target]]:
        """Page ranges that cover all windows: (base, bytes, who answers)."""
        shared = {
            below.base
            for pair in pairwise(bus.windows)
            if page_align(pair[0].end) > pair[1].base & ~PAGE_MASK
            for below in pair
        }
        ranges: list[tuple[int, int, Target]] = []
        end = 0
        for window in bus.windows:
            first = max(window.base & ~PAGE_MASK, end)
            end = page_align(window.end)
            whole = (window.base | window.size) & PAGE_MASK == 0
            if whole and window.base not in shared:
                ranges.append((window.base, window.size, window.target))
            elif end > first:
                ranges.append((first, end - first, BusTarget(bus, first)))
        return ranges

    def _reader(self, base: int, target: Target) -> ReadCallback:
        answer, failed = target.read, self._stops.fail

        def read(handle: int, offset: int, size: int, data: int) -> int:
            try:
                return answer(offset, size)
            except BusError:
                self._abort(base + offset, size, write=False)
            except BaseException as error:
                failed(error)
            return 0

        return read

    def _writer(self, base: int, target: Target) -> WriteCallback:
        answer, failed = target.write, self._stops.fail

        def write(handle: int, offset: int, size: int, value: int, data: int) -> None:
            try:
                answer(offset, size, value)
            except BusError:
                self._abort(base + offset, size, write=True)
            except BaseException as error:
                failed(error)

        return write

    def _abort(self, address: int, size: int, write: bool) -> None:
        """Nobody answers in a window: stop at this access, which is then aborted."""
        self._holes.nobody(address, size, "write" if write else "read")
        self._stops.aborted(write)
