"""The exporter of a udmabuf: pinned pages of memfds, which programs may go on writing through those.

Each mapping has a table of its own. A bracket of CPU access knows nothing of the
devices that have the buffer mapped: the first begin maps it for the misc device,
which cleans the caches but invalidates nothing, later ones sync that mapping.
Source: drivers/dma-buf/udmabuf.c (6.12).
"""

from __future__ import annotations

from errno import EFAULT, EINVAL
from typing import TYPE_CHECKING, cast

import numpy as np

from soc.address import PAGE_SHIFT, PAGE_SIZE
from soc.dmabuf import DmaBuf, DmaBufAttachment, DmaBufOps
from soc.kernel.dma import (
    dma_map_sgtable,
    dma_sync_sgtable_for_cpu,
    dma_sync_sgtable_for_device,
    dma_unmap_sgtable,
)
from soc.kernel.errors import KernelError
from soc.kernel.mm.vma import PFN_FLAGS, Vma, VmFlags, VmOperations
from soc.kernel.mm.vmap import KernelMapping
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.memory.span import Frames

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel

NOT_IO_FLAGS = PFN_FLAGS & ~VmFlags.IO


class Udmabuf:
    """`frames`, pinned, in order; `device` is udmabuf's own, for which brackets map it."""

    def __init__(self, kernel: Kernel, device: Device, frames: Frames) -> None:
        self.kernel = kernel
        self.device = device
        self.frames = frames
        self._sg: SgTable | None = None
        self._sg_direction = DmaDirection.NONE

    def ops(self) -> DmaBufOps:
        return DmaBufOps(
            self.map_dma_buf,
            self.unmap_dma_buf,
            self.release,
            begin_cpu_access=self.begin_cpu_access,
            end_cpu_access=self.end_cpu_access,
            mmap=self.mmap,
            vmap=self.vmap,
        )

    def map_dma_buf(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
        """-ENOMEM, the errno of dma_map_sgtable."""
        return self._get_sg_table(attachment.device, direction, str(attachment.dmabuf))

    def unmap_dma_buf(self, attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
        dma_unmap_sgtable(attachment.device, sgt, direction)

    def begin_cpu_access(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        """-ENOMEM, the errno of dma_map_sgtable, the first time."""
        if self._sg is None:
            self._sg = self._get_sg_table(self.device, direction, str(dmabuf))
            self._sg_direction = direction
        else:
            dma_sync_sgtable_for_cpu(self.device, self._sg, direction)

    def end_cpu_access(self, dmabuf: DmaBuf, direction: DmaDirection) -> None:
        """-EINVAL before the first begin."""
        if self._sg is None:
            raise KernelError(EINVAL, f"{dmabuf}: end of CPU access without a begin")
        dma_sync_sgtable_for_device(self.device, self._sg, direction)

    def mmap(self, dmabuf: DmaBuf, vma: Vma) -> None:
        """Pages are entered as they are touched. -EINVAL for a private mapping."""
        if not vma.shared:
            raise KernelError(EINVAL, f"{dmabuf}: {vma} is private")
        vma.flags |= NOT_IO_FLAGS
        vma.private = self
        vma.ops = VmOperations(udmabuf_vm_fault)

    def vmap(self, dmabuf: DmaBuf) -> KernelMapping:
        """-ENOMEM."""
        self.kernel.faults.kmalloc("page array of a vmap")
        return KernelMapping(self.kernel, self.frames, f"vmap of {dmabuf}")

    def release(self, dmabuf: DmaBuf) -> None:
        """No reference is left: what brackets mapped is unmapped, the pages are the memfds' alone."""
        if self._sg is not None:
            dma_unmap_sgtable(self.device, self._sg, self._sg_direction)
        self.unpin()

    def unpin(self) -> None:
        """The pages may move, and be freed, again."""
        self.kernel.memory.pages.movable.unpin(self.frames)

    def _get_sg_table(self, device: Device, direction: DmaDirection, what: str) -> SgTable:
        """A new table, an entry for every page, mapped for `device`."""
        for name in ("sg_table", "scatterlist"):
            self.kernel.faults.kmalloc(name)
        table = SgTable(self.frames << PAGE_SHIFT, np.full(len(self.frames), PAGE_SIZE, dtype=np.int64))
        dma_map_sgtable(device, table, direction, what=what)
        return table


def udmabuf_vm_fault(vma: Vma, page: int) -> int:
    """The frame of one page. KernelError, which is SIGBUS, beyond the buffer."""
    frames, index = cast(Udmabuf, vma.private).frames, vma.pgoff + page
    if index >= len(frames):
        raise KernelError(EFAULT, f"page {index} of a udmabuf of {len(frames)}")
    return int(frames[index])
