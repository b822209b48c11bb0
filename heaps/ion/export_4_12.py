"""ION 4.12 as an exporter of dma-bufs: a table per attachment, mapped with the DMA API.

A bracket of CPU access syncs all attachments. Source: dma_buf_ops (ion.c, 4.12 to 5.10).

Between 4.12 and 4.18 attachments that have nothing mapped are synced, too, by
whatever their tables say; here they are passed by, as since 4.19.
Not modelled: mapping one attachment twice, which maps its one table again.
"""

from __future__ import annotations

import os
from errno import ENOMEM
from typing import TYPE_CHECKING, cast

from heaps.ion.alloc import ion_buffer_alloc
from heaps.ion.buffer import IonBuffer
from heaps.ion.export import buffer_of, kmap
from heaps.ion.user_map import ion_mmap
from soc.dmabuf import DmaBuf, DmaBufAttachment, DmaBufOps, dma_buf_export, dma_buf_fd, dma_buf_put
from soc.kernel.dma import (
    dma_map_sgtable,
    dma_sync_sgtable_for_cpu,
    dma_sync_sgtable_for_device,
    dma_unmap_sgtable,
)
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from heaps.ion.device import IonDevice
    from soc.kernel.mm.vma import Vma
    from soc.kernel.task import Task


def ion_alloc_fd(device: IonDevice, task: Task, length: int, heap_id_mask: int, flags: int) -> int:
    """An fd, close-on-exec, of a new buffer: the errno of `ion_buffer_alloc`, -ENOMEM, -EMFILE."""
    buffer = ion_buffer_alloc(device, length, 0, heap_id_mask, flags)
    try:
        dmabuf = dma_buf_export(device.kernel, buffer, ION_4_12_OPS, buffer.size, os.O_RDWR, "ion")
    except KernelError:
        buffer.put()
        raise
    try:
        return dma_buf_fd(task, dmabuf, os.O_CLOEXEC)
    except KernelError:
        dma_buf_put(dmabuf, dmabuf.exporter)
        raise


def _attach(dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
    for what in ("ion_dma_buf_attachment", "sg_table"):
        dmabuf.kernel.faults.kmalloc(what)
    attachment.priv = buffer_of(dmabuf).table.copy()


def _map_dma_buf(attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
    """-ENOMEM for whatever the DMA API says."""
    table = _table_of(attachment)
    try:
        dma_map_sgtable(attachment.device, table, direction, what=str(attachment.dmabuf))
    except KernelError as error:
        raise KernelError(ENOMEM, f"{attachment}: {error.why}") from error
    return table


def _unmap_dma_buf(attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
    dma_unmap_sgtable(attachment.device, sgt, direction)


def _begin_cpu_access(dmabuf: DmaBuf, direction: DmaDirection) -> None:
    """A mapping for the kernel that cannot be had is no error."""
    buffer = buffer_of(dmabuf)
    if buffer.heap.ops.map_kernel:
        _kmap_get(buffer)
    for attachment in _mapped(dmabuf):
        dma_sync_sgtable_for_cpu(attachment.device, _table_of(attachment), direction)


def _end_cpu_access(dmabuf: DmaBuf, direction: DmaDirection) -> None:
    buffer = buffer_of(dmabuf)
    if buffer.heap.ops.map_kernel:
        with buffer.lock:
            buffer.kmap_put()
    for attachment in _mapped(dmabuf):
        dma_sync_sgtable_for_device(attachment.device, _table_of(attachment), direction)


def _kmap_get(buffer: IonBuffer) -> None:
    try:
        with buffer.lock:
            buffer.kmap_get()
    except KernelError as error:
        buffer.device.kernel.log.error(f"ion_dma_buf_begin_cpu_access: {buffer}: {error}")


def _mmap(dmabuf: DmaBuf, vma: Vma) -> None:
    ion_mmap(buffer_of(dmabuf), vma, faults=False)


def _release(dmabuf: DmaBuf) -> None:
    buffer_of(dmabuf).put()


def _mapped(dmabuf: DmaBuf) -> list[DmaBufAttachment]:
    """The attachments that have their table mapped."""
    return [attachment for attachment in dmabuf.attachments if _table_of(attachment).nents]


def _table_of(attachment: DmaBufAttachment) -> SgTable:
    """The attachment's own copy of the buffer's table (ion_dma_buf_attachment)."""
    return cast(SgTable, attachment.priv)


ION_4_12_OPS = DmaBufOps(
    _map_dma_buf,
    _unmap_dma_buf,
    _release,
    attach=_attach,
    mmap=_mmap,
    begin_cpu_access=_begin_cpu_access,
    end_cpu_access=_end_cpu_access,
    kmap=kmap,
)
