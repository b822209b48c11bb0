"""Buffers that host processes map: which pages of which files they are, while anybody has them.

What such a process loads and stores nobody here sees. So its pages have one view
while they are out: the machine's cache is taken from them, and what either side
writes the other sees at once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from errno import EINVAL
from mmap import MAP_SHARED, PROT_READ, PROT_WRITE
from typing import TYPE_CHECKING

import numpy as np

from soc.address import PAGE_SHIFT, PhysAddr
from soc.bridge.payload import MOST_RUNS, Run, Way
from soc.bridge.protocol import MOST_FDS, BridgeError
from soc.bridge.udmabuf import HostUdmabuf
from soc.kernel.errors import KernelError
from soc.kernel.mm.user import AddressSpace
from soc.kernel.mm.vma import ABSENT
from soc.memory import host_mmap
from soc.memory.dram import Dram
from soc.memory.span import Frames, PageSpan

if TYPE_CHECKING:
    from soc.dmabuf import DmaBuf
    from soc.kernel.kernel import Kernel

Identity = tuple[tuple[int, int, int, int], ...]
"""(st_dev, st_ino, offset, bytes) of each run: the same for whoever has the file."""


@dataclass(eq=False)
class Shared:
    """`dmabuf`, whose pages are `frames`, as it is handed out: `runs` of `fds`. `users` count that."""

    dmabuf: DmaBuf
    frames: Frames
    way: Way
    fds: list[int]
    runs: tuple[Run, ...]
    users: int = 0

    def __post_init__(self) -> None:
        self.identity = identify(self.fds, self.runs)


class SharedBuffers:
    """Every buffer that is out. `pages_only`: nothing is handed out but dma-bufs of the host's `udmabuf`."""

    def __init__(self, kernel: Kernel, udmabuf: HostUdmabuf, pages_only: bool) -> None:
        self._kernel = kernel
        self._udmabuf = udmabuf
        self._pages_only = pages_only
        self._out: dict[DmaBuf, Shared] = {}
        self._by_identity: dict[Identity, dict[DmaBuf, None]] = {}

    def acquire(self, dmabuf: DmaBuf) -> Shared:
        """One more hand-over of `dmabuf`. BridgeError and KernelError if it cannot be mapped outside."""
        if dmabuf not in self._out:
            made = self._out[dmabuf] = self._make(dmabuf)
            self._by_identity.setdefault(made.identity, {})[dmabuf] = None
        shared = self._out[dmabuf]
        shared.users += 1
        return shared

    def release(self, shared: Shared) -> None:
        """One hand-over less; with the last one the pages are the machine's alone."""
        shared.users -= 1
        if shared.users:
            return
        del self._out[shared.dmabuf]
        same = self._by_identity[shared.identity]
        del same[shared.dmabuf]
        if not same:
            del self._by_identity[shared.identity]
        if self._kernel.cache is not None:
            self._kernel.cache.recache(shared.frames)
        if shared.way is Way.DMA_BUF:
            os.close(shared.fds[0])

    def find(self, fds: Sequence[int], runs: Sequence[Run]) -> DmaBuf | None:
        """The buffer that is out as these runs, the first of several.

        BridgeError for other pages of this machine's DRAM.
        """
        identity = identify(fds, runs)
        if identity in self._by_identity:
            return next(iter(self._by_identity[identity]))
        banks = {_file(bank.fd) for bank in self._kernel.machine.dram.banks}
        if any(run[:2] in banks for run in identity):
            raise BridgeError("these pages are the machine's own DRAM, but no buffer that it handed out")
        return None

    def _make(self, dmabuf: DmaBuf) -> Shared:
        dram = self._kernel.machine.dram
        frames = _frames(dmabuf)
        if not dram.holds(PageSpan.of(frames, 0, dmabuf.size)):
            raise BridgeError(f"{dmabuf} is not in DRAM")
        pieces = _backing(dram, frames)
        why_not = self._udmabuf.why_not(pieces)
        if why_not is None:
            fd = self._udmabuf.create(pieces)
            shared = Shared(dmabuf, frames, Way.DMA_BUF, [fd], (Run(0, 0, dmabuf.size),))
        elif self._pages_only:
            raise BridgeError(f"{dmabuf} may be handed out as a dma-buf of the host only: {why_not}")
        else:
            fds = list(dict.fromkeys(fd for fd, _, _ in pieces))
            if len(fds) > MOST_FDS or len(pieces) > MOST_RUNS:
                most = f"{MOST_RUNS} and {MOST_FDS} can be told"
                raise BridgeError(f"{dmabuf} lies in {len(pieces)} runs of {len(fds)} files, {most}")
            runs = tuple(Run(fds.index(fd), offset, size) for fd, offset, size in pieces)
            shared = Shared(dmabuf, frames, Way.MEMFD, fds, runs)
        if self._kernel.cache is not None:
            self._kernel.cache.uncache(frames)
        return shared


def identify(fds: Sequence[int], runs: Sequence[Run]) -> Identity:
    """Which pages of which files these are."""
    files = [_file(fd) for fd in fds]
    return tuple((*files[run.file], run.offset, run.size) for run in runs)


def _file(fd: int) -> tuple[int, int]:
    stat = os.fstat(fd)
    return stat.st_dev, stat.st_ino


def _frames(dmabuf: DmaBuf) -> Frames:
    """The pages a program that maps all of `dmabuf` gets. KernelError as for that program."""
    if dmabuf.dynamic:
        raise KernelError(EINVAL, f"{dmabuf}: its exporter may move it, a host process would not notice")
    space = AddressSpace(dmabuf.kernel, "the bridge")
    start = space.mmap(dmabuf.size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf.file)
    try:
        [vma] = space.vmas
        for page in np.flatnonzero(vma.frames == ABSENT).tolist():
            if vma.ops.fault is None:
                raise KernelError(EINVAL, f"{dmabuf} has no page {page} for programs")
            vma.frames[page] = vma.ops.fault(vma, page)
        return vma.frames.copy()
    finally:
        space.munmap(start, dmabuf.size)


def _backing(dram: Dram, frames: Frames) -> list[host_mmap.Run]:
    """The pages as runs (fd, offset, bytes) of host files, neighbours in one."""
    runs: list[host_mmap.Run] = []
    for address, size in PageSpan.of(frames, 0, len(frames) << PAGE_SHIFT).segments():
        end = address + size
        while address < end:
            bank = dram.bank(address)
            assert bank is not None  # the caller has looked
            piece = min(end, bank.end) - address
            runs += bank.foreign.backing(address - bank.base, piece)
            address = PhysAddr(address + piece)
    return runs
