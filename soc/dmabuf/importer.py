"""The importer's side of sharing, in the one right order.

dma_buf_get -> attach -> map_attachment     ... DMA ...
unmap_attachment -> detach -> dma_buf_put
"""

from __future__ import annotations

from errno import EINVAL
from typing import TYPE_CHECKING

from soc.address import Iova
from soc.dmabuf.attach import dma_buf_attach, dma_buf_detach
from soc.dmabuf.buffer import DmaBuf
from soc.dmabuf.export import dma_buf_get, dma_buf_put
from soc.dmabuf.mapping import dma_buf_map_attachment_unlocked, dma_buf_unmap_attachment_unlocked
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.task import Task


class ImportedBuffer:
    """A dma-buf mapped for one device as one contiguous range of its addresses.

    Raises what the calls raise, and -EINVAL when the mapping is not a single
    segment; on failure every step done is undone.
    """

    def __init__(self, task: Task, fd: int, device: Device, direction: DmaDirection) -> None:
        self.device = device
        self.direction = direction
        self._holder = Holder("importer", device.name)
        self.dmabuf: DmaBuf = dma_buf_get(task, fd, self._holder)
        try:
            self.attachment = dma_buf_attach(self.dmabuf, device)
        except KernelError:
            dma_buf_put(self.dmabuf, self._holder)
            raise
        self.sgt: SgTable | None = None
        try:
            self.map()
        except KernelError:
            self._detach()
            raise

    @property
    def iova(self) -> Iova:
        """Where the device sees the first byte. -EINVAL while it is not mapped."""
        if self.sgt is None:
            raise KernelError(EINVAL, f"{self.device.name}: {self.dmabuf} is not mapped")
        return Iova(int(self.sgt.dma_address[0]))

    @property
    def size(self) -> int:
        return self.dmabuf.size

    def map(self) -> None:
        """Give the device access; nothing to do if it has it."""
        if self.sgt is not None:
            return
        sgt = dma_buf_map_attachment_unlocked(self.attachment, self.direction)
        if sgt.nents != 1:
            dma_buf_unmap_attachment_unlocked(self.attachment, sgt, self.direction)
            raise KernelError(EINVAL, f"{self.device.name}: {self.dmabuf} does not map to a single segment")
        self.sgt = sgt

    def unmap(self) -> None:
        """End the device's access; the attachment and the reference stay."""
        if self.sgt is not None:
            sgt, self.sgt = self.sgt, None
            dma_buf_unmap_attachment_unlocked(self.attachment, sgt, self.direction)

    def close(self) -> None:
        """Unmap, detach, put."""
        self.unmap()
        self._detach()

    def _detach(self) -> None:
        dma_buf_detach(self.dmabuf, self.attachment)
        dma_buf_put(self.dmabuf, self._holder)
