"""An exporter with real pages, and a kernel that has them: what programs map, poll and sync."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from soc.address import PAGE_SHIFT, PAGE_SIZE
from soc.bus import Bus
from soc.dmabuf import DmaBuf, DmaBufOps, dma_buf_export, dma_buf_fd
from soc.dmabuf.fence import DmaFence, dma_fence_context_alloc
from soc.dmabuf.resv import DmaResvUsage, dma_resv_add_fence, dma_resv_reserve_fences
from soc.kernel.generation import DEFAULT_GENERATION, Generation
from soc.kernel.mm.vma import Vma
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.process import Process
from soc.kernel.scatterlist import DmaDirection
from soc.memory.dram import Bank, Dram
from tests.dmabuf.small_kernel import Exporter, SmallKernel
from tests.process.files import DRAM_BASE, PAGES

FRAMES = (DRAM_BASE >> PAGE_SHIFT) + np.array([3, 1, 2, 7], dtype=np.int64)
"""Four pages of the buffer, scattered."""


class PagedKernel(SmallKernel):
    """With DRAM and a CPU without a cache."""

    def __init__(self, generation: Generation = DEFAULT_GENERATION) -> None:
        super().__init__(generation)
        self.dram = Dram([Bank(DRAM_BASE, PAGES * PAGE_SIZE)])
        self.cpu = Bus(self.dram).master("cpu")


@contextmanager
def paged_kernel(generation: Generation = DEFAULT_GENERATION) -> Iterator[PagedKernel]:
    kernel = PagedKernel(generation)
    yield kernel
    kernel.dram.banks[0].close()


class PagedExporter(Exporter):
    """A buffer of FRAMES with every operation of the CPU; `brackets` are the ones it saw."""

    kernel: PagedKernel

    def __init__(self, kernel: PagedKernel, fail: tuple[str, int] | None = None) -> None:
        super().__init__(kernel, fail)
        self.brackets: list[tuple[str, str]] = []

    def paged_ops(self) -> DmaBufOps:
        return replace(
            self.ops(),
            mmap=self._mmap,
            vmap=self._vmap,
            vunmap=lambda dmabuf, mapping: self._call("vunmap", str(dmabuf)),
            kmap=lambda dmabuf, page: KernelMapping(self.kernel, FRAMES[page : page + 1], "kmap"),
            begin_cpu_access=lambda dmabuf, direction: self._bracket("begin", direction),
            end_cpu_access=lambda dmabuf, direction: self._bracket("end", direction),
        )

    def export(
        self, size: int = len(FRAMES) * PAGE_SIZE, ops: DmaBufOps | None = None, flags: int = 2
    ) -> DmaBuf:
        return dma_buf_export(self.kernel, self, ops or self.paged_ops(), size, flags, "test")

    def open(self, process: Process, ops: DmaBufOps | None = None, flags: int = 2) -> tuple[int, DmaBuf]:
        """An fd of a new buffer; nobody else holds it."""
        dmabuf = self.export(ops=ops, flags=flags)
        return dma_buf_fd(process, dmabuf), dmabuf

    def _mmap(self, dmabuf: DmaBuf, vma: Vma) -> None:
        self._call("mmap", str(dmabuf))
        vma.remap(vma.start, FRAMES[vma.pgoff : vma.pgoff + vma.pages])

    def _vmap(self, dmabuf: DmaBuf) -> KernelMapping:
        self._call("vmap", str(dmabuf))
        return KernelMapping(self.kernel, FRAMES, "vmap")

    def _bracket(self, which: str, direction: DmaDirection) -> None:
        self.brackets.append((which, direction.name))
        self._call(which, direction.name)


class Job:
    """A device's work as a fence of its own: one timeline, numbers rising."""

    def __init__(self, kernel: SmallKernel, driver: str = "gpu", timeline: str = "ring") -> None:
        self.kernel = kernel
        self._names = driver, timeline
        self._context = dma_fence_context_alloc(kernel)
        self._seqno = 0

    def fence(self) -> DmaFence:
        self._seqno += 1
        return DmaFence(self.kernel, *self._names, self._context, self._seqno)

    def on(self, dmabuf: DmaBuf, usage: DmaResvUsage) -> DmaFence:
        """A pending fence of the buffer."""
        fence = self.fence()
        with dmabuf.resv.locked():
            dma_resv_reserve_fences(dmabuf.resv, 1)
            dma_resv_add_fence(dmabuf.resv, fence, usage)
        return fence
