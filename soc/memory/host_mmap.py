"""The host's mmap at an address of our choice, which Python's own does not offer.

Source: man 2 mmap.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAP_FIXED = 0x10
MAP_FAILED = ctypes.c_void_p(-1).value
PROT_NONE = 0
READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE
NOBODYS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS

Run = tuple[int, int, int]
"""(fd, offset in the file, bytes): whole pages of a file."""


class HostMmap:
    """mmap and munmap; both raise OSError."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._mmap = libc.mmap
        self._mmap.restype = ctypes.c_void_p
        self._mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        self._munmap = libc.munmap
        self._munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

    def reserve(self, size: int) -> int:
        """Address space of `size` bytes that nothing is in yet."""
        return self._map(None, size, PROT_NONE, NOBODYS, -1, 0)

    def lay(self, address: int, run: Run) -> None:
        """Put pages of a file at `address`, over what is mapped there."""
        fd, offset, size = run
        self._map(address, size, READ_WRITE, mmap.MAP_SHARED | MAP_FIXED, fd, offset)

    def lay_nothing(self, address: int, size: int) -> None:
        """Put zeros that nobody shares at `address`, over what is mapped there."""
        self._map(address, size, READ_WRITE, NOBODYS | MAP_FIXED, -1, 0)

    def unmap(self, address: int, size: int) -> None:
        if self._munmap(address, size):
            raise _error()

    def _map(self, address: int | None, size: int, prot: int, flags: int, fd: int, offset: int) -> int:
        got = self._mmap(address, size, prot, flags, fd, offset)
        if got == MAP_FAILED:
            raise _error()
        return int(got)


class SideBySide:
    """Runs of files one after the other in this process's memory; OSError if the host refuses.

    `memory` is the mapping: it ends when nothing looks at it any more.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._host = HostMmap()
        self.size = sum(size for _, _, size in runs)
        self._base = self._host.reserve(self.size)
        try:
            at = self._base
            for run in runs:
                self._host.lay(at, run)
                at += run[2]
        except OSError:
            self._host.unmap(self._base, self.size)
            raise
        self.memory = (ctypes.c_uint8 * self.size).from_address(self._base)
        weakref.finalize(self.memory, self._host.unmap, self._base, self.size)

    def view(self) -> NDArray[np.uint8]:
        """The bytes themselves, shape (size,)."""
        return np.frombuffer(memoryview(self.memory), dtype=np.uint8)

    def revoke(self) -> None:
        """Views that are still there see private zeros from now on."""
        self._host.lay_nothing(self._base, self.size)


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
