"""/dev/dma_heap/protected,*: buffers for devices that the TEE trusts.

No mmap, no vmap, no CPU access: SYNC has nothing to do but to wait for fences. A
mapping is made without cache maintenance, as no CPU has lines of the memory, and for
trusted devices alone; Linux leaves that to the firewall, which faults the others later.
A heap's node stays when its TEE goes away, and allocates -EINVAL then.
Source: drivers/tee/tee_heap.c (6.18).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaps.dma_heap.buffer import HeapBuffer
from soc.dmabuf import DmaBuf, DmaBufAttachment, DmaBufOps
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from heaps.protected.pool import ProtectedPool
    from heaps.protected.tee import TeeDmaHeap


class ProtectedBuffer(HeapBuffer):
    """A buffer of `heap`, which its memory's pool outlives."""

    def __init__(self, heap: TeeDmaHeap, pool: ProtectedPool, size: int) -> None:
        super().__init__(heap.kernel, heap.name, pool.memory.allocate(size, cached=False))
        self._heap = heap
        self._pool = pool

    def ops(self) -> DmaBufOps:
        return DmaBufOps(
            self.map_dma_buf, self.unmap_dma_buf, self.release, attach=self.attach, detach=self.detach
        )

    def map_dma_buf(self, attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
        """-EACCES for a device that may not; the errno of dma_map_sgtable."""
        self._pool.check(attachment.device)
        return super().map_dma_buf(attachment, direction)

    def release(self, dmabuf: DmaBuf) -> None:
        """The TEE clears the memory and takes it back."""
        super().release(dmabuf)
        self._heap.put()
