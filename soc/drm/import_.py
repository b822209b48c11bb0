"""dma-bufs as GEM objects.

A dma-buf that this very device exported is its own object again: nothing is attached. Another's
is attached and mapped at once, for both directions, until the object's last reference.
Source: drm_gem_prime_import_dev, drm_prime_gem_destroy (drm_prime.c, 6.12).
"""

from __future__ import annotations

from errno import EINVAL
from typing import TYPE_CHECKING, cast

from soc.dmabuf import (
    DmaBuf,
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
    get_dma_buf,
)
from soc.drm.export import DRM_GEM_PRIME_DMABUF_OPS
from soc.drm.gem import CREATOR, DrmGemObject, drm_gem_object_get
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.scatterlist import DmaDirection

if TYPE_CHECKING:
    from soc.drm.device import DrmDevice


def drm_gem_prime_import(dev: DrmDevice, dmabuf: DmaBuf) -> DrmGemObject:
    """The object behind `dmabuf`, with a reference of its CREATOR, who is the caller.

    -EINVAL for a driver that cannot import, the errno of attach and map, and of the driver.
    """
    if dmabuf.ops is DRM_GEM_PRIME_DMABUF_OPS:
        own = cast(DrmGemObject, dmabuf.priv)
        if own.dev is dev:
            drm_gem_object_get(own, CREATOR)
            return own
    take = dev.driver.gem_prime_import_sg_table
    if take is None:
        raise KernelError(EINVAL, f"{dev.driver.name} cannot import, and {dmabuf} is not its own")
    holder = importer(dev)
    get_dma_buf(dmabuf, holder)
    try:
        attachment = dma_buf_attach(dmabuf, dev.device)
    except KernelError:
        dma_buf_put(dmabuf, holder)
        raise
    try:
        sgt = dma_buf_map_attachment_unlocked(attachment, DmaDirection.BIDIRECTIONAL)
        try:
            obj = take(dev, attachment, sgt)
        except KernelError:
            dma_buf_unmap_attachment_unlocked(attachment, sgt, DmaDirection.BIDIRECTIONAL)
            raise
    except KernelError:
        dma_buf_detach(dmabuf, attachment)
        dma_buf_put(dmabuf, holder)
        raise
    obj.import_attach, obj.sgt, obj.resv = attachment, sgt, dmabuf.resv
    return obj


def drm_prime_gem_destroy(obj: DrmGemObject) -> None:
    """The end of an imported object: unmap, detach, put."""
    attachment, sgt = obj.import_attach, obj.sgt
    assert attachment is not None  # for imported objects only
    if sgt is not None:
        dma_buf_unmap_attachment_unlocked(attachment, sgt, DmaDirection.BIDIRECTIONAL)
    dmabuf = attachment.dmabuf
    dma_buf_detach(dmabuf, attachment)
    dma_buf_put(dmabuf, importer(obj.dev))
    obj.import_attach = obj.sgt = None


def importer(dev: DrmDevice) -> Holder:
    """In whose name imported objects refer to their dma-bufs."""
    return Holder("importer", dev.device.name)
