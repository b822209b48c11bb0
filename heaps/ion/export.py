"""ION 4.9 as an exporter of dma-bufs, which differs from what exporters do since.

Every device that maps a buffer gets its one table, of physical addresses: nothing is
mapped by an IOMMU, no mask is looked at, nothing bounces, and anything may attach.
A bracket of CPU access only maps the buffer into the kernel: the SYNC ioctl of a
dma-buf does no cache maintenance whatsoever. ION_IOC_SYNC does.
Source: dma_buf_ops (ion.c, 4.9).
"""

from __future__ import annotations

from errno import ENODEV
from typing import TYPE_CHECKING, cast

from heaps.ion.user_map import ion_buffer_sync_for_device, ion_mmap
from soc.dmabuf import DmaBufOps
from soc.kernel.errors import KernelError
from soc.kernel.mm.vmap import KernelMapping

if TYPE_CHECKING:
    from heaps.ion.buffer import IonBuffer
    from soc.dmabuf import DmaBuf, DmaBufAttachment
    from soc.kernel.mm.vma import Vma
    from soc.kernel.scatterlist import DmaDirection, SgTable


def _map_dma_buf(attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
    buffer = buffer_of(attachment.dmabuf)
    ion_buffer_sync_for_device(buffer, attachment.device, direction)
    return buffer.table


def _unmap_dma_buf(attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
    """Nothing was mapped."""


def _release(dmabuf: DmaBuf) -> None:
    buffer_of(dmabuf).put()


def _mmap(dmabuf: DmaBuf, vma: Vma) -> None:
    ion_mmap(buffer_of(dmabuf), vma)


def _begin_cpu_access(dmabuf: DmaBuf, direction: DmaDirection) -> None:
    """-ENODEV where the heap cannot map for the kernel; its errno."""
    buffer = buffer_of(dmabuf)
    if buffer.heap.ops.map_kernel is None:
        dmabuf.kernel.log.error("ion_dma_buf_begin_cpu_access: map kernel is not implemented by this heap")
        raise KernelError(ENODEV, f"{buffer.heap} maps nothing for the kernel")
    with buffer.lock:
        buffer.kmap_get()


def _end_cpu_access(dmabuf: DmaBuf, direction: DmaDirection) -> None:
    """WARN where nothing was begun; Linux counts below zero and unmaps an address it does not have."""
    buffer = buffer_of(dmabuf)
    with buffer.lock:
        buffer.kmap_put()


def kmap(dmabuf: DmaBuf, page: int) -> KernelMapping | None:
    """The mapping's address plus `page` pages. WARN, and no mapping, without a begin or beyond the end."""
    buffer = buffer_of(dmabuf)
    if buffer.vaddr is None or not 0 <= page < len(buffer.frames):
        why = "before begin_cpu_access" if buffer.vaddr is None else f"of {len(buffer.frames)}"
        dmabuf.kernel.log.warn(f"ion_dma_buf_kmap: {buffer}: page {page} {why}")
        return None
    return KernelMapping(dmabuf.kernel, buffer.frames[page : page + 1], str(buffer), buffer.vaddr.cached)


def buffer_of(dmabuf: DmaBuf) -> IonBuffer:
    """The buffer behind a dma-buf of ION's."""
    return cast("IonBuffer", dmabuf.priv)


ION_DMA_BUF_OPS = DmaBufOps(
    _map_dma_buf,
    _unmap_dma_buf,
    _release,
    mmap=_mmap,
    begin_cpu_access=_begin_cpu_access,
    end_cpu_access=_end_cpu_access,
    kmap=kmap,
)
"""What tells a dma-buf of ION's from another one."""
