"""GEM objects as dma-bufs.

A dma-buf has one reference to its object and one to the device, from export to release. Tables
are mapped without cache maintenance, and kept until detach. CPU access has no brackets.
Source: drm_gem_prime_export, drm_gem_prime_dmabuf_ops (drm_prime.c, 6.12).

Not modelled: vmap, pinning.
"""

from __future__ import annotations

import os
from errno import EINVAL, ENOSYS
from typing import TYPE_CHECKING, cast

from soc.dmabuf import DmaBuf, DmaBufAttachment, DmaBufOps, dma_buf_export
from soc.drm.device import drm_dev_get, drm_dev_put
from soc.drm.gem import DrmGemObject, drm_gem_object_get, drm_gem_object_put
from soc.kernel.dma import DmaAttrs, dma_map_sgtable, dma_unmap_sgtable
from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.kernel.mm.vma import Vma


def drm_gem_prime_export(obj: DrmGemObject, flags: int) -> DmaBuf:
    """A dma-buf of the object, whose one reference is the exporter's. -ENOMEM."""
    dev = obj.dev
    mode = flags & os.O_ACCMODE
    dmabuf = dma_buf_export(
        dev.kernel, obj, DRM_GEM_PRIME_DMABUF_OPS, obj.size, mode, dev.driver.name, obj.resv
    )
    drm_dev_get(dev)
    drm_gem_object_get(obj, str(dmabuf))
    return dmabuf


def _attach(dmabuf: DmaBuf, attachment: DmaBufAttachment) -> None:
    obj = _object(dmabuf)
    if obj.dev.kernel.generation >= Generation.V6_12 and obj.funcs.get_sg_table is None:
        raise KernelError(ENOSYS, f"{obj} cannot tell where its memory is")


def _map_dma_buf(attachment: DmaBufAttachment, direction: DmaDirection) -> SgTable:
    obj = _object(attachment.dmabuf)
    if obj.funcs.get_sg_table is None:
        obj.dev.kernel.log.warn(f"drm_gem_map_dma_buf: {obj} has no get_sg_table")
        raise KernelError(ENOSYS, f"{obj} cannot tell where its memory is")
    sgt = obj.funcs.get_sg_table(obj)
    what = str(attachment.dmabuf)
    dma_map_sgtable(attachment.device, sgt, direction, what=what, attrs=DmaAttrs.SKIP_CPU_SYNC)
    return sgt


def _unmap_dma_buf(attachment: DmaBufAttachment, sgt: SgTable, direction: DmaDirection) -> None:
    dma_unmap_sgtable(attachment.device, sgt, direction, attrs=DmaAttrs.SKIP_CPU_SYNC)


def _release(dmabuf: DmaBuf) -> None:
    obj = _object(dmabuf)
    drm_gem_object_put(obj, str(dmabuf))
    drm_dev_put(obj.dev)


def _mmap(dmabuf: DmaBuf, vma: Vma) -> None:
    obj = _object(dmabuf)
    if obj.funcs.mmap is None:
        raise KernelError(EINVAL, f"{obj} cannot be mapped into programs")
    obj.funcs.mmap(obj, vma)


def _object(dmabuf: DmaBuf) -> DrmGemObject:
    return cast(DrmGemObject, dmabuf.priv)


DRM_GEM_PRIME_DMABUF_OPS = DmaBufOps(
    _map_dma_buf, _unmap_dma_buf, _release, attach=_attach, mmap=_mmap, cache_sgt_mapping=True
)
"""What tells a dma-buf of a GEM object from another one."""
