"""Register blocks as the engine sees them: pages of callbacks.

A block that fills its pages is called straight from the engine, one Python
frame per access. Pages that a block fills only in part, or that several
blocks share, are decoded by the bus; what nobody answers there is a hole.

Not modelled: 64-bit single-copy atomicity, the engine issues a 64-bit access
as two of 32 bits, low half first.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from soc.address import PAGE_MASK, page_align
from soc.bus import Bus, BusError, Target, Window
from soc.cpu.engine import Engine, ReadCallback, WriteCallback
from soc.memory.rom import Rom

Failed = Callable[[BaseException], None]
Aborted = Callable[[int, int, bool], None]


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

    `aborted(address, size, write)` is told of accesses nobody answers, `failed`
    of any other exception in a model; both are called inside the access.
    """

    def __init__(self, engine: Engine, bus: Bus, aborted: Aborted, failed: Failed) -> None:
        self._aborted = aborted
        self._failed = failed
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
        answer, aborted, failed = target.read, self._aborted, self._failed

        def read(handle: int, offset: int, size: int, data: int) -> int:
            try:
                return answer(offset, size)
            except BusError:
                aborted(base + offset, size, False)
            except BaseException as error:
                failed(error)
            return 0

        return read

    def _writer(self, base: int, target: Target) -> WriteCallback:
        answer, aborted, failed = target.write, self._aborted, self._failed

        def write(handle: int, offset: int, size: int, value: int, data: int) -> None:
            try:
                answer(offset, size, value)
            except BusError:
                aborted(base + offset, size, True)
            except BaseException as error:
                failed(error)

        return write
