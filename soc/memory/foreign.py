"""Pages of a bank that are another process's memory for a while.

The other process's memfd is mapped over the bank's own pages, so that whoever
goes by address - numpy, the CPU engine, every device - meets its very bytes.
The bank's memfd does not have them: who maps DRAM by file asks for the backing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from soc.memory.host_mmap import HostMmap, Run


@dataclass(frozen=True)
class _Foreign:
    """[start, end) of the bank is `fd` from `offset` on."""

    start: int
    end: int
    fd: int
    offset: int


class ForeignPages:
    """The foreign ranges of the bank whose memfd is `fd` and which this process sees at `address`.

    Offsets and sizes are bytes, whole pages.
    """

    def __init__(self, fd: int, address: int) -> None:
        self._fd = fd
        self._address = address
        self._host = HostMmap()
        self._ranges: dict[int, _Foreign] = {}

    def lay(self, start: int, size: int, fd: int, offset: int) -> None:
        """Map `size` bytes of `fd` from `offset` at `start`. ValueError over other foreign pages, OSError."""
        if self.touches(start, size):
            raise ValueError(f"bytes {start:#x}+{size:#x} of the bank are foreign already")
        copy = os.dup(fd)
        try:
            self._host.lay(self._address + start, (copy, offset, size))
        except OSError:
            os.close(copy)
            raise
        self._ranges[start] = _Foreign(start, start + size, copy, offset)

    def lift(self, start: int) -> None:
        """The bank's own pages come back at `start`, where `lay` put others. KeyError if not, OSError."""
        piece = self._ranges[start]
        self._host.lay(self._address + start, (self._fd, start, piece.end - start))
        del self._ranges[start]
        os.close(piece.fd)

    def touches(self, start: int, size: int) -> bool:
        """Whether any of [start, start + size) is foreign."""
        return any(piece.start < start + size and start < piece.end for piece in self._ranges.values())

    def backing(self, start: int, size: int) -> Sequence[Run]:
        """Where the bytes [start, start + size) really are: runs (fd, offset, bytes), in order."""
        runs: list[Run] = []
        at, end = start, start + size
        for _, piece in sorted(self._ranges.items()):
            low, high = max(at, piece.start), min(end, piece.end)
            if low < high:
                if at < low:
                    runs.append((self._fd, at, low - at))
                runs.append((piece.fd, piece.offset + low - piece.start, high - low))
                at = high
        if at < end:
            runs.append((self._fd, at, end - at))
        return runs

    def close(self) -> None:
        """Close what was given; the mappings last as long as the bank's."""
        for piece in self._ranges.values():
            os.close(piece.fd)
        self._ranges.clear()
