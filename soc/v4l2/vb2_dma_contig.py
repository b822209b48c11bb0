"""Imported planes for devices without scatter-gather: what vb2 does with the dma-buf of a plane.

    attach_dmabuf -> map_dmabuf   ... DMA ...   unmap_dmabuf -> detach_dmabuf

The reference to the dma-buf is the queue's. Nothing is synced: who exports, or the user, must.
Source: drivers/media/common/videobuf2/videobuf2-dma-contig.c (6.12).

Not modelled: memory of vb2's own (MMAP, USERPTR), kernel mappings of a plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import EFAULT, EINVAL
from typing import TYPE_CHECKING

from soc.dmabuf import (
    DmaBuf,
    DmaBufAttachment,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_unmap_attachment_unlocked,
)
from soc.dmabuf.contiguous import contiguous_size, why_scattered
from soc.kernel.dma import dma_set_max_seg_size
from soc.kernel.errors import KernelError
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.kernel.device import Device


@dataclass(eq=False)
class Vb2DcBuf:
    """`size` bytes of a dma-buf for `device`; at `dma_addr` while `dma_sgt` is mapped."""

    device: Device
    size: int
    direction: DmaDirection
    db_attach: DmaBufAttachment | None
    dma_sgt: SgTable | None = None
    dma_addr: int | None = None


def vb2_dma_contig_set_max_seg_size(device: Device, size: int) -> None:
    """What every driver of such a queue calls: a segment may be as long as a frame. Never makes it less."""
    if device.max_segment_size < size:
        dma_set_max_seg_size(device, size)


def vb2_dc_attach_dmabuf(device: Device, dmabuf: DmaBuf, size: int, direction: DmaDirection) -> Vb2DcBuf:
    """-EFAULT for a dma-buf of less than `size` bytes, -ENOMEM, the errno of attach."""
    if dmabuf.size < size:
        raise KernelError(EFAULT, f"{dmabuf} has {dmabuf.size} bytes, {device.name} needs {size}")
    device.kernel.faults.kmalloc("vb2_dc_buf")
    try:
        attachment = dma_buf_attach(dmabuf, device)
    except KernelError:
        device.kernel.log.error(f"{device.title}: failed to attach dmabuf")
        raise
    return Vb2DcBuf(device, size, direction, attachment)


def vb2_dc_map_dmabuf(buf: Vb2DcBuf) -> None:
    """Give the device access, at `buf.dma_addr`. Nothing but a WARN when it has it.

    -EINVAL when the buffer cannot be mapped, with a WARN when it is not attached; -EFAULT when the device
    does not see `buf.size` bytes of it in one run.
    """
    log, title = buf.device.kernel.log, buf.device.title
    attachment = buf.db_attach
    if attachment is None:
        log.warn(f"{title}: trying to pin a non attached buffer")
        raise KernelError(EINVAL, f"{buf.device.name}: a buffer that is not attached cannot be mapped")
    if buf.dma_sgt is not None:
        log.warn(f"{title}: dmabuf buffer is already pinned")
        return
    try:
        sgt = dma_buf_map_attachment_unlocked(attachment, buf.direction)
    except KernelError as error:
        log.error(f"{title}: Error getting dmabuf scatterlist: {error}")
        raise KernelError(EINVAL, error.why) from error
    usable = contiguous_size(sgt)
    if usable < buf.size:
        log.error(f"{title}: contiguous chunk is too small {usable}/{buf.size}")
        why = f"{attachment.dmabuf}: {why_scattered(buf.device, sgt)}"
        dma_buf_unmap_attachment_unlocked(attachment, sgt, buf.direction)
        raise KernelError(EFAULT, why)
    buf.dma_sgt, buf.dma_addr = sgt, int(sgt.dma_address[0])


def vb2_dc_unmap_dmabuf(buf: Vb2DcBuf) -> None:
    """The end of the device's access. WARN, and nothing else, without an attachment or a mapping."""
    log, title = buf.device.kernel.log, buf.device.title
    if buf.db_attach is None:
        log.warn(f"{title}: trying to unpin a not attached buffer")
        return
    if buf.dma_sgt is None:
        log.warn(f"{title}: dmabuf buffer is already unpinned")
        return
    dma_buf_unmap_attachment_unlocked(buf.db_attach, buf.dma_sgt, buf.direction)
    buf.dma_sgt, buf.dma_addr = None, None


def vb2_dc_detach_dmabuf(buf: Vb2DcBuf) -> None:
    """The end of the attachment. A mapping that is left is a WARN, and is undone."""
    if buf.dma_addr is not None:
        buf.device.kernel.log.warn(
            f"{buf.device.title}: vb2_dc_detach_dmabuf of a buffer that is still pinned"
        )
        vb2_dc_unmap_dmabuf(buf)
    attachment, buf.db_attach = buf.db_attach, None
    if attachment is not None:
        dma_buf_detach(attachment.dmabuf, attachment)
