"""Mappings of pages into the kernel's address space: how kernel code reads and writes a buffer.

A cached mapping goes through the CPU's cache, an uncached one (normal
non-cacheable or write-combine, which this model does not tell apart) to DRAM.
A page without a struct page in the linear map (no-map) is never cached.
Source: mm/vmalloc.c, arch/arm64/mm/dma-mapping.c.

Not modelled: virtual addresses, the cost of making a mapping, permissions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from soc.address import PAGE_MASK, PAGE_SHIFT
from soc.memory.cache.views import CachedView, DramView
from soc.memory.span import Bytes, Frames, PageSpan

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore


class KernelMapping:
    """`frames`, shape (n,), side by side for kernel code. `owner` is named in reports of stale lines.

    Bytes read and written through it are the CPU's in the bus ledger.
    """

    def __init__(self, kernel: KernelCore, frames: Frames, owner: str, cached: bool = True) -> None:
        self.owner = owner
        self.cached = cached
        self._frames = frames
        self._cpu = kernel.cpu
        if kernel.cache is not None:
            view = (
                CachedView(kernel.cache, owner) if cached else DramView(kernel.cache, f"{owner} (uncached)")
            )
            self._cpu = kernel.cpu.through(view)

    @property
    def size(self) -> int:
        """Bytes of the mapping."""
        return len(self._frames) << PAGE_SHIFT

    def read(self, offset: int = 0, size: int | None = None) -> Bytes:
        """The bytes as of now, read-only; a view where they lie in one piece. ValueError outside."""
        return self._cpu.read_span(self._span(offset, self.size - offset if size is None else size))

    def write(self, data: Bytes | bytes, offset: int = 0) -> None:
        """Put `data` at `offset`. ValueError outside."""
        array = np.frombuffer(data, dtype=np.uint8) if isinstance(data, bytes) else data
        self._cpu.write_span(self._span(offset, len(array)), array)

    def fill(self, value: int, offset: int = 0, size: int | None = None) -> None:
        """memset of `size` bytes, by default all that follow `offset`."""
        length = self.size - offset if size is None else size
        self.write(np.full(length, value, dtype=np.uint8), offset)

    def _span(self, offset: int, size: int) -> PageSpan:
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ValueError(f"{self.owner}: bytes {offset} .. {offset + size} of a mapping of {self.size}")
        first, last = offset >> PAGE_SHIFT, (offset + max(size, 1) - 1) >> PAGE_SHIFT
        return PageSpan.of(self._frames[first : last + 1], offset & PAGE_MASK, size)
