"""The exporter that most heaps share: a buffer's memory, its attachments, its CPU mappings.

Each attachment has a table of its own, made when it is attached and mapped by the
DMA API with the buffer's memory. A bracket of CPU access syncs the attachments that
are mapped at that time, in the direction of the bracket. So without one SYNC does
nothing to the caches, and what the CPU wrote before a first map is cleaned by that map.
Source: drivers/dma-buf/heaps/system_heap.c, cma_heap.c (6.12); `cached` of Android's.

A buffer that is vmapped would have that mapping flushed, too, which does nothing
where caches are physically tagged, as arm64's are.
Not modelled: mapping one attachment twice, which would map its one table again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from heaps.storage.memory import HeapMemory
from soc.dmabuf import DmaBuf, DmaBufAttachment, DmaBufOps, dma_buf_export
from soc.kernel.dma import (
    DmaAttrs,
    dma_map_sgtable,
    dma_sync_sgtable_for_cpu,
    dma_sync_sgtable_for_device,
    dma_unmap_sgtable,
)
from soc.kernel.errors import KernelError
from soc.kernel.locking.mutex import Mutex
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel
    from soc.kernel.mm.vma import Vma


@dataclass(eq=False)
class HeapAttachment:
    """dma_heap_attachment: `table` is the attachment's own, `mapped` between map and unmap."""

    device: Device
    table: SgTable
    mapped: bool = False


class HeapBuffer:
    """`memory` as a dma-buf of the heap `name`.

    Memory that is not cached is mapped write-combined for the CPU and never synced: nobody
    has lines of it.
    """

    def __init__(self, kernel: Kernel, name: str, memory: HeapMemory) -> None:
        self.kernel = kernel
        self.name = name
        self.memory = memory
        self.attachments: list[HeapAttachment] = []
        self.lock = Mutex(kernel.sched, f"buffer->lock of {name}")
        self._attrs = DmaAttrs.NONE if memory.cached else DmaAttrs.SKIP_CPU_SYNC

    def export(self, fd_flags: int = os.O_RDWR) -> DmaBuf:
        """The dma-buf, whose one reference is the heap's. -ENOMEM, and the memory is given back."""
        try:
            dmabuf = dma_buf_export(self.kernel, self, self.ops(), self.memory.size, fd_flags, self.name)
        except KernelError:
            self.memory.give_back()
            raise
        self.memory.belongs_to(f"{dmabuf.file.ops.kind} {dmabuf.ino}")
        return dmabuf

    def ops(self) -> DmaBufOps:
        """What the heap implements; a subclass may leave something out."""
        return DmaBufOps(
            self.map_dma_buf,
            self.unmap_dma_buf,
            self.release,
            attach=self.attach,
            detach=self.detach,
            begin_cpu_access=self.begin_cpu_access,
            end_cpu_access=self.end_cpu_access,
            mmap=self.mmap,
            vmap=self.vmap,
        )

    # --- devices ----------------------------------------------------------------

    def attach(self, dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
        """-ENOMEM."""
        for what in ("dma_heap_attachment", "sg_table"):
            self.kernel.faults.kmalloc(what)
        attachment.priv = mine = HeapAttachment(attachment.device, self.memory.sgt.copy())
        with self.lock:
            self.attachments.append(mine)

    def detach(self, dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
        with self.lock:
            self.attachments.remove(_of(attachment))

    def map_dma_buf(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
        """The errno of dma_map_sgtable."""
        mine = _of(attachment)
        dma_map_sgtable(mine.device, mine.table, direction, what=str(attachment.dmabuf), attrs=self._attrs)
        mine.mapped = True
        return mine.table

    def unmap_dma_buf(self, attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
        mine = _of(attachment)
        mine.mapped = False
        dma_unmap_sgtable(mine.device, sgt, direction, attrs=self._attrs)

    # --- the CPU ----------------------------------------------------------------

    def begin_cpu_access(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        """The mapped attachments' devices give the memory to the CPU."""
        with self.lock:
            for mine in self._synced():
                dma_sync_sgtable_for_cpu(mine.device, mine.table, direction)

    def end_cpu_access(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        """They get it back."""
        with self.lock:
            for mine in self._synced():
                dma_sync_sgtable_for_device(mine.device, mine.table, direction)

    def mmap(self, dmabuf: DmaBuf, vma: Vma) -> None:
        """All pages at once. -EINVAL for more than one page that is private: each is remapped on its own."""
        vma.cached = self.memory.cached
        frames = self.memory.frames()[vma.pgoff : vma.pgoff + vma.pages]
        vma.remap(vma.start, frames[:1] if vma.copy_on_write else frames)

    def vmap(self, dmabuf: DmaBuf) -> KernelMapping:
        """-ENOMEM."""
        self.kernel.faults.kmalloc("page array of a vmap")
        return KernelMapping(self.kernel, self.memory.frames(), f"vmap of {dmabuf}", self.memory.cached)

    def release(self, dmabuf: DmaBuf) -> None:
        """No reference is left: the memory goes back."""
        self.memory.give_back()

    def _synced(self) -> list[HeapAttachment]:
        return [mine for mine in self.attachments if mine.mapped] if self.memory.cached else []


def _of(attachment: DmaBufAttachment) -> HeapAttachment:
    return cast(HeapAttachment, attachment.priv)
