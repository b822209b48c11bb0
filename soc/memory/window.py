"""Scattered pages of DRAM as one contiguous piece of this process's memory.

The same pages are mapped a second time, in the order of a span, so that moving
the span is one copy at full speed and reading it is no copy at all. Making a
window costs a system call a run of pages; it pays for spans that are used
again and again, such as the buffers of a stream. A window lives as long as its
array or a view of it.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import weakref
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_RUNS = 16_384
"""Mappings that all windows together may take; the host allows a process 65,530."""

PROT_NONE = 0
MAP_FIXED = 0x10
MAP_FAILED = ctypes.c_void_p(-1).value
READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE


class Windows:
    """The windows on one memfd, and how many mappings they may still take."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._runs = 0
        libc = ctypes.CDLL(None, use_errno=True)
        self._mmap = libc.mmap
        self._mmap.restype = ctypes.c_void_p
        self._mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        self._munmap = libc.munmap
        self._munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

    def open(self, runs: Sequence[tuple[int, int]]) -> NDArray[np.uint8] | None:
        """The runs [(offset in the memfd, bytes), ...], whole pages, one after the other.

        None when it would take more mappings than are left or the host refuses.
        """
        if self._runs + len(runs) > MOST_RUNS:
            return None
        size = sum(length for _, length in runs)
        anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        base = self._mmap(None, size, PROT_NONE, anonymous, -1, 0)
        if base == MAP_FAILED:
            return None
        at = int(base)
        for offset, length in runs:
            if (
                self._mmap(at, length, READ_WRITE, mmap.MAP_SHARED | MAP_FIXED, self._fd, offset)
                == MAP_FAILED
            ):
                self._munmap(base, size)
                return None
            at += length
        self._runs += len(runs)
        memory = (ctypes.c_uint8 * size).from_address(int(base))
        weakref.finalize(memory, self._close, int(base), size, len(runs))
        return np.frombuffer(memoryview(memory), dtype=np.uint8)

    def _close(self, base: int, size: int, runs: int) -> None:
        if self._munmap(base, size):
            raise OSError(ctypes.get_errno() or errno.EINVAL, os.strerror(ctypes.get_errno()))
        self._runs -= runs
