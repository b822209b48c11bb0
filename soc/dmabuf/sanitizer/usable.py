"""Whether a device can use a buffer that it is about to use: is it attached, does it reach the bytes?

Linux trusts both to drivers. One that attaches another device than the one it then programs
gives that one addresses which mean nothing to it; an exporter that hands out addresses
without the DMA API does not know how many bits of them a device keeps.
Source: Documentation/driver-api/dma-buf.rst; dma_capable (include/linux/dma-direct.h), for the idea.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.kernel.dma.limits import highest

if TYPE_CHECKING:
    from soc.dmabuf.buffer import DmaBuf, DmaBufAttachment
    from soc.kernel.device import Device
    from soc.kernel.scatterlist import SgTable


def assert_attached(dmabuf: DmaBuf, device: Device) -> bool:
    """`device` is about to be given an address of the buffer. WARN, and False, if it is not attached."""
    names = [attachment.device.name for attachment in dmabuf.attachments]
    if device.name in names:
        return True
    attached = f"attached to {', '.join(names)}" if names else "attached to no device"
    dmabuf.kernel.log.warn(f"{device.name} is to use {dmabuf}, which is {attached}")
    return False


def check_reach(attachment: DmaBufAttachment, sgt: SgTable) -> None:
    """WARN for a table with an address beyond those that the attachment's device can put on its bus."""
    device = attachment.device
    last, reach = sgt.dma_address + sgt.dma_length - 1, highest(device.dma_mask or 0, device)
    if not len(last) or int(last.max()) <= reach:
        return
    beyond, bits = int(sgt.dma_address[int(last.argmax())]), reach.bit_length()
    attachment.dmabuf.kernel.log.warn(
        f"dma_buf_map_attachment: {attachment.dmabuf} is mapped for {device.name} at {beyond:#x}, beyond "
        f"its {bits}-bit addresses: it would use {beyond & (1 << bits) - 1:#x}"
    )
