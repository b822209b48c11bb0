"""Attaching devices to a buffer, and detaching them.

What attach does beyond entering the device in the list depends on whether
exporter and importer can follow a move of the storage, until 6.14:

    exporter   importer   attach
    static     static     nothing more
    static     dynamic    maps, for both directions, and keeps the mapping
    dynamic    static     pins, maps likewise and keeps it
    dynamic    dynamic    nothing more

Since 6.15 it never does more. Source: drivers/dma-buf/dma-buf.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.dmabuf.buffer import DmaBuf, DmaBufAttachment, DmaBufAttachOps
from soc.dmabuf.mapping import drop_kept_mapping, keep_mapping
from soc.dmabuf.rules import check_attached, check_usable, invalid
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation

if TYPE_CHECKING:
    from soc.kernel.device import Device


def dma_buf_attach(dmabuf: DmaBuf | None, device: Device | None) -> DmaBufAttachment:
    """Declare that `device` will use the buffer, at one place for as long as it is mapped.

    -EINVAL for NULL, with a WARN if one of the two is there; -ENOMEM; else the errno of the
    exporter's attach, or of pin and map.
    """
    return dma_buf_dynamic_attach(dmabuf, device, None, None)


def dma_buf_dynamic_attach(
    dmabuf: DmaBuf | None,
    device: Device | None,
    importer_ops: DmaBufAttachOps | None,
    importer_priv: object = None,
) -> DmaBufAttachment:
    """The same for an importer that is told of moves. -EINVAL with a WARN without move_notify."""
    if dmabuf is None or device is None:
        known = dmabuf or device
        invalid(known.kernel.log if known else None, "dma_buf_attach", "no dma-buf or no device")
    if importer_ops is not None and importer_ops.move_notify is None:
        invalid(dmabuf.kernel.log, "dma_buf_dynamic_attach", f"{device.name} has no move_notify")
    check_usable(dmabuf, "dma_buf_attach")
    dmabuf.kernel.faults.kmalloc("dma_buf_attachment")
    attachment = DmaBufAttachment(dmabuf, device, importer_ops, importer_priv)
    if dmabuf.ops.attach:
        dmabuf.ops.attach(dmabuf, attachment)
    with dmabuf.resv.locked():
        dmabuf.attachments.append(attachment)
    dmabuf.file.note("attach", device.name)
    if dmabuf.kernel.generation is Generation.V6_12 and attachment.dynamic is not dmabuf.dynamic:
        try:
            keep_mapping(attachment)
        except KernelError:
            dma_buf_detach(dmabuf, attachment)
            raise
    return attachment


def dma_buf_detach(dmabuf: DmaBuf | None, attachment: DmaBufAttachment | None) -> None:
    """End the attachment. WARN alone for one NULL or another buffer's attachment; -EINVAL for two.

    A mapping that was kept goes with it. Others must be gone: any that is left is warned about
    and stays mapped.
    """
    if attachment is None or attachment.dmabuf is not dmabuf:
        known = dmabuf or (attachment.dmabuf if attachment else None)
        if known is None:
            invalid(None, "dma_buf_detach", "no dma-buf and no attachment")
        asked = f"asked of {dmabuf or 'no dma-buf'}"
        known.kernel.log.warn(f"dma_buf_detach: {attachment or 'no attachment'}, {asked}")
        return
    check_attached(attachment, "dma_buf_detach")
    with dmabuf.resv.locked():
        dmabuf.attachments.remove(attachment)
        drop_kept_mapping(attachment)
    for mapping in attachment.mappings:
        dmabuf.kernel.log.warn(f"dma_buf_detach: {dmabuf} is still mapped by {mapping}")
    if dmabuf.ops.detach:
        dmabuf.ops.detach(dmabuf, attachment)
    dmabuf.file.note("detach", attachment.device.name)
