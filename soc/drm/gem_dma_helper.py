"""Objects for devices without scatter-gather: memory in one run of the device's addresses.

Source: drivers/gpu/drm/drm_gem_dma_helper.c (6.12).

Not modelled: the helper's kernel mappings, cached objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import EINVAL, ENOMEM
from typing import TYPE_CHECKING, cast

from soc.address import page_align
from soc.dmabuf.contiguous import contiguous_size, why_scattered
from soc.drm.gem import DrmGemObject, DrmGemObjectFuncs
from soc.drm.import_ import drm_prime_gem_destroy
from soc.kernel.dma import (
    CoherentMemory,
    DmaAttrs,
    MemoryType,
    dma_alloc_attrs,
    dma_free_attrs,
    dma_get_sgtable,
    dma_mmap_attrs,
)
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.scatterlist import SgTable

if TYPE_CHECKING:
    from soc.dmabuf import DmaBufAttachment
    from soc.drm.device import DrmDevice
    from soc.kernel.mm.page_owner import Owner
    from soc.kernel.mm.vma import Vma


@dataclass(eq=False)
class DmaObject:
    """The object's memory as the device has it; `memory` and the `owner` of its pages unless imported."""

    dma_addr: int
    memory: CoherentMemory | None = None
    owner: Owner | None = None


def drm_gem_dma_create(dev: DrmDevice, size: int) -> DrmGemObject:
    """A new object of `size` bytes, whole pages. -ENOMEM."""
    kernel, size = dev.kernel, page_align(size)
    kernel.faults.kmalloc("drm_gem_dma_object")
    kernel.faults.check(FaultSite.PAGE_ALLOC, f"a buffer of {dev}")
    memory = dma_alloc_attrs(dev.device, size, attrs=DmaAttrs.WRITE_COMBINE)
    if memory is None:
        kernel.log.error(f"{dev}: failed to allocate buffer with size {size}")
        raise KernelError(ENOMEM, f"{dev} has no {size} bytes in one run for {dev.device.name}")
    obj = DrmGemObject(dev, size, DRM_GEM_DMA_FUNCS)
    owner = kernel.memory.owners.own(memory.pages.frames, dev.driver.name, str(obj))
    obj.priv = DmaObject(memory.dma_address, memory, owner)
    return obj


def drm_gem_dma_prime_import_sg_table(
    dev: DrmDevice, attachment: DmaBufAttachment, sgt: SgTable
) -> DrmGemObject:
    """An object of an imported buffer. -EINVAL if the device does not see all of it in one run; -ENOMEM."""
    dmabuf = attachment.dmabuf
    if contiguous_size(sgt) < dmabuf.size:
        raise KernelError(EINVAL, f"{dmabuf}: {why_scattered(dev.device, sgt)}")
    dev.kernel.faults.kmalloc("drm_gem_dma_object")
    return DrmGemObject(dev, dmabuf.size, DRM_GEM_DMA_FUNCS, DmaObject(int(sgt.dma_address[0])))


def dma_addr_of(obj: DrmGemObject) -> int:
    """Where the device sees the first byte."""
    return _dma_object(obj).dma_addr


def _free(obj: DrmGemObject) -> None:
    mine = _dma_object(obj)
    if obj.import_attach is not None:
        drm_prime_gem_destroy(obj)
    if mine.owner is not None:
        obj.dev.kernel.memory.owners.release(mine.owner)
    if mine.memory is not None:
        dma_free_attrs(obj.dev.device, obj.size, mine.memory, mine.dma_addr)


def _get_sg_table(obj: DrmGemObject) -> SgTable:
    memory = _dma_object(obj).memory
    assert memory is not None  # an imported object is exported as the dma-buf it came from
    obj.dev.kernel.faults.kmalloc("sg_table")
    return dma_get_sgtable(obj.dev.device, memory)


def _mmap(obj: DrmGemObject, vma: Vma) -> None:
    memory = _dma_object(obj).memory
    assert memory is not None  # an imported object is exported as the dma-buf it came from
    vma.cached = memory.memory_type is MemoryType.CACHED
    vma.remap(vma.start, dma_mmap_attrs(obj.dev.device, memory, vma.pgoff, vma.pages))


def _dma_object(obj: DrmGemObject) -> DmaObject:
    return cast(DmaObject, obj.priv)


DRM_GEM_DMA_FUNCS = DrmGemObjectFuncs(_free, _get_sg_table, _mmap)
