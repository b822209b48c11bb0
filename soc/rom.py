"""Read-only memory: what a boot ROM or a flash chip looks like to everyone who only reads it."""

from __future__ import annotations

import mmap

import numpy as np

from soc.bus import BusError
from soc.memory.span import Bytes


class Rom:
    """`size` bytes of zeros at `base`. `data` is for loading an image; the bus only reads.

    OSError if the host has no room for it.
    """

    def __init__(self, base: int, size: int) -> None:
        self.base = base
        self.size = size
        self._map = mmap.mmap(-1, size)
        self.data: Bytes = np.frombuffer(self._map, dtype=np.uint8)

    @property
    def host_pointer(self) -> int:
        """Address of the first byte in this process, for a CPU that executes from it."""
        return int(self.data.ctypes.data)

    def read(self, offset: int, size: int) -> int:
        return int.from_bytes(self.data[offset : offset + size].tobytes(), "little")

    def write(self, offset: int, size: int, value: int) -> None:
        """BusError: the chip does not answer to writes."""
        raise BusError(self.base + offset, size, "write", "a ROM")
