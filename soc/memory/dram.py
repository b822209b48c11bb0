"""DRAM: one memfd per bank, mapped once, shared by the CPU engine and numpy.

Frames are 4 KiB page-frame numbers of physical addresses (address >> 12).
Scattered pages move by gather and scatter on a (pages, 4096) view; a
contiguous run is a plain slice, so reading it costs no copy at all.

Not modelled: ECC, refresh, bandwidth and latency.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from soc.address import PAGE_SHIFT, PAGE_SIZE, PhysAddr
from soc.memory.foreign import ForeignPages
from soc.memory.rows import Rows
from soc.memory.scratch import Scratch
from soc.memory.span import Bytes, Frames, PageSpan
from soc.memory.window import Windows
from soc.memory.window_cache import WindowCache

PAGE = np.dtype(f"V{PAGE_SIZE}")
"""A page as one element: numpy moves it with one memcpy instead of element by element."""

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
"""Whoever is given the memfd of a bank can neither cut it under those who map it nor add seals."""


class Memory(Protocol):
    """Memory as one agent sees it: all of DRAM, or a view of it that a cache makes."""

    def holds(self, span: PageSpan) -> bool:
        """Whether all of `span` is there."""
        ...

    def read(self, span: PageSpan, rows: Rows | None = None) -> Bytes:
        """The bytes as of now, or those of `rows` inside them; may be a view of them."""
        ...

    def write(self, span: PageSpan, data: Bytes, rows: Rows | None = None) -> None:
        """Put `data` there: span.size bytes, or `rows`, shape (height, width)."""
        ...

    def peek(self, span: PageSpan) -> Bytes:
        """The bytes for a debugger: reading them has no effect."""
        ...


class Bank:
    """`size` bytes of DRAM at physical `base`; both multiples of 4 KiB. OSError if the host refuses."""

    def __init__(self, base: PhysAddr, size: int) -> None:
        self.base = base
        self.size = size
        self.fd = os.memfd_create(f"dram@{base:x}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self.fd, size)
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, SEALS)
            self._map = mmap.mmap(self.fd, size)
        except OSError:
            os.close(self.fd)
            raise
        self.bytes: Bytes = np.frombuffer(self._map, dtype=np.uint8)
        self.pages: Bytes = self.bytes.reshape(-1, PAGE_SIZE)
        self.whole_pages: NDArray[np.void] = self.bytes.view(PAGE)
        self.first_frame = base >> PAGE_SHIFT
        self.windows = Windows(self.fd)
        self.foreign = ForeignPages(self.fd, self.host_pointer)

    @property
    def end(self) -> int:
        """First physical address after the bank."""
        return self.base + self.size

    @property
    def host_pointer(self) -> int:
        """Where the bank lies in this process, for the CPU engine."""
        return int(self.bytes.ctypes.data)

    def contains(self, address: int, size: int = 1) -> bool:
        return self.base <= address and address + size <= self.end

    def close(self) -> None:
        """Close the memfd. The mapping, and with it the memory, lasts until the last array on it is gone."""
        os.close(self.fd)
        self.foreign.close()


class Dram:
    """All banks of the machine, addressed by physical address."""

    def __init__(self, banks: list[Bank]) -> None:
        self.banks = sorted(banks, key=lambda bank: bank.base)
        self._windows = WindowCache(self._open_window)
        self._scratch = Scratch(PAGE)

    def bank(self, address: int, size: int = 1) -> Bank | None:
        """The bank that holds all of [address, address + size), or None."""
        for bank in self.banks:
            if bank.contains(address, size):
                return bank
        return None

    def view(self, address: PhysAddr, size: int) -> Bytes:
        """The bytes themselves, not a copy. KeyError outside DRAM."""
        bank = self.bank(address, size)
        if bank is None:
            raise KeyError(f"{address:#x}+{size:#x} is not DRAM")
        start = address - bank.base
        return bank.bytes[start : start + size]

    def words(self, address: PhysAddr, count: int) -> NDArray[np.uint64]:
        """`count` little-endian 64-bit words at 8-aligned `address`, not a copy."""
        return self.view(address, 8 * count).view("<u8")

    def read(self, span: PageSpan, rows: Rows | None = None) -> Bytes:
        """The bytes of `span` as of now, or its `rows`. A view where they lie in one piece: copy to keep."""
        piece = self._piece(span)
        if piece is None:
            piece = self._gather(span.frames).reshape(-1)[span.offset : span.offset + span.size]
        return piece if rows is None else rows.of(piece)

    def write(self, span: PageSpan, data: Bytes, rows: Rows | None = None) -> None:
        """Put `data` (span.size bytes) at `span`, or into its `rows`: then what lies between them stays."""
        if (piece := self._piece(span)) is not None:
            (piece if rows is None else rows.of(piece))[:] = data
            return
        if rows is not None:
            pages = self._gather(span.frames)
            rows.of(pages.reshape(-1)[span.offset : span.offset + span.size])[:] = data
            self._scatter(span.frames, pages)
            return
        head = min(-span.offset % PAGE_SIZE, span.size)
        body = (span.size - head) >> PAGE_SHIFT
        first = 1 if head else 0
        if head:
            self.view(PhysAddr((int(span.frames[0]) << PAGE_SHIFT) + span.offset), head)[:] = data[:head]
        if body:
            whole = data[head : head + body * PAGE_SIZE].reshape(body, PAGE_SIZE)
            self._scatter(span.frames[first : first + body], whole)
        if tail := span.size - head - body * PAGE_SIZE:
            self.view(PhysAddr(int(span.frames[-1]) << PAGE_SHIFT), tail)[:] = data[-tail:]

    def pages_of(self, frames: Frames) -> Bytes:
        """A copy of whole pages, shape (n, 4096)."""
        return self._gather(frames)

    def put_pages(self, frames: Frames, pages: Bytes) -> None:
        """Write whole pages, shape (n, 4096)."""
        self._scatter(frames, pages)

    def peek(self, span: PageSpan) -> Bytes:
        """`read` for a debugger, the same here."""
        return self.read(span)

    def holds(self, span: PageSpan) -> bool:
        """Whether all of `span` is DRAM."""
        if self._in_a_row(span) is not None or self._windows.has(span):
            return True
        low, high = int(span.frames.min()), int(span.frames.max())
        if self.bank(low << PAGE_SHIFT, (high - low + 1) << PAGE_SHIFT):
            return True
        return bool((self._banks_of(span.frames) >= 0).all())

    def _piece(self, span: PageSpan) -> Bytes | None:
        """The bytes of `span` themselves where this process sees them side by side; None otherwise."""
        if (row := self._in_a_row(span)) is not None:
            return row
        window = self._windows.find(span)
        return None if window is None else window[span.offset : span.offset + span.size]

    def _in_a_row(self, span: PageSpan) -> Bytes | None:
        """The bytes of a contiguous span in one bank."""
        bank = self.bank(span.address, span.size) if span.contiguous else None
        if bank is None:
            return None
        start = span.address - bank.base
        return bank.bytes[start : start + span.size]

    def _open_window(self, frames: Frames) -> Bytes | None:
        """Whole pages of one bank side by side. None if the host or the limit on mappings refuses."""
        bank = self.bank(int(frames.min()) << PAGE_SHIFT)
        if bank is None or not bank.contains(int(frames.max()) << PAGE_SHIFT):
            return None
        runs = PageSpan(frames, 0, len(frames) << PAGE_SHIFT, contiguous=False).segments()
        if any(bank.foreign.touches(start - bank.base, size) for start, size in runs):
            return None
        return bank.windows.open([(start - bank.base, size) for start, size in runs])

    def lay_foreign(self, address: PhysAddr, size: int, fd: int, offset: int) -> None:
        """`size` bytes of `fd` from `offset` are what everybody finds at `address`. KeyError, OSError."""
        bank = self.bank(address, size)
        if bank is None:
            raise KeyError(f"{address:#x}+{size:#x} is not DRAM")
        bank.foreign.lay(address - bank.base, size, fd, offset)
        self._windows.forget(address >> PAGE_SHIFT, (address + size) >> PAGE_SHIFT)

    def lift_foreign(self, address: PhysAddr, size: int) -> None:
        """The bank's own pages are back, with what they held before `lay_foreign`."""
        bank = self.bank(address, size)
        if bank is None:
            raise KeyError(f"{address:#x}+{size:#x} is not DRAM")
        bank.foreign.lift(address - bank.base)
        self._windows.forget(address >> PAGE_SHIFT, (address + size) >> PAGE_SHIFT)

    def index(self, frames: Frames) -> Frames:
        """Where `frames` stand in an array of one element per page of all banks in order.

        KeyError if one is not DRAM.
        """
        outside = self._banks_of(frames) < 0
        if outside.any():
            raise KeyError(f"frame {int(frames[outside.argmax()]):#x} is not DRAM")
        return self.index_of_held(frames)

    def index_of_held(self, frames: Frames) -> Frames:
        """`index` of frames that the caller knows to be DRAM: nothing is looked at."""
        if len(self.banks) == 1:
            return frames - self.banks[0].first_frame
        index = np.zeros(frames.shape, dtype=np.int64)
        start = 0
        for bank in self.banks:
            mine = (frames >= bank.first_frame) & (frames < bank.first_frame + len(bank.pages))
            index[mine] = frames[mine] - bank.first_frame + start
            start += len(bank.pages)
        return index

    def place(self, frame: int) -> int:
        """`index` of one frame of DRAM."""
        start = 0
        for bank in self.banks:
            inside = frame - bank.first_frame
            if 0 <= inside < len(bank.pages):
                return start + inside
            start += len(bank.pages)
        raise KeyError(f"frame {frame:#x} is not DRAM")

    def frames_at(self, index: Frames) -> Frames:
        """The page frames that stand at `index` of such an array."""
        frames = np.zeros(index.shape, dtype=np.int64)
        start = 0
        for bank in self.banks:
            mine = (index >= start) & (index < start + len(bank.pages))
            frames[mine] = index[mine] - start + bank.first_frame
            start += len(bank.pages)
        return frames

    @property
    def page_count(self) -> int:
        """Pages of all banks."""
        return sum(len(bank.pages) for bank in self.banks)

    def _banks_of(self, frames: Frames) -> NDArray[np.int64]:
        """Index of the bank of each frame, -1 outside DRAM."""
        index = np.full(frames.shape, -1, dtype=np.int64)
        for number, bank in enumerate(self.banks):
            last = bank.first_frame + len(bank.pages)
            index[(frames >= bank.first_frame) & (frames < last)] = number
        return index

    def _gather(self, frames: Frames) -> Bytes:
        if len(self.banks) == 1:
            bank = self.banks[0]
            pages = self._scratch.take(len(frames))
            bank.whole_pages.take(frames - bank.first_frame, out=pages, mode="clip")
            return pages.view(np.uint8).reshape(-1, PAGE_SIZE)
        out = np.empty((len(frames), PAGE_SIZE), dtype=np.uint8)
        where = self._banks_of(frames)
        for number, bank in enumerate(self.banks):
            mine = where == number
            out[mine] = bank.pages[frames[mine] - bank.first_frame]
        return out

    def _scatter(self, frames: Frames, pages: Bytes) -> None:
        if len(self.banks) == 1:
            bank = self.banks[0]
            bank.whole_pages[frames - bank.first_frame] = pages.reshape(-1).view(PAGE)
            return
        where = self._banks_of(frames)
        for number, bank in enumerate(self.banks):
            mine = where == number
            bank.pages[frames[mine] - bank.first_frame] = pages[mine]
