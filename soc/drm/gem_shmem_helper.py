"""Objects for devices with scatter-gather or page tables of their own: pages from anywhere.

Source: drivers/gpu/drm/drm_gem_shmem_helper.c (6.12).

Not modelled: pages that come with the first use and can be swapped; the shmem file; purging.
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import ENOMEM
from typing import TYPE_CHECKING, cast

from soc.address import PAGE_SHIFT, page_align
from soc.drm.gem import DrmGemObject, DrmGemObjectFuncs
from soc.drm.import_ import drm_prime_gem_destroy
from soc.kernel.errors import KernelError
from soc.kernel.mm.clear import clear
from soc.kernel.mm.page_alloc import alloc_single_pages
from soc.kernel.scatterlist import SgTable
from soc.memory.span import Frames, PageSpan

if TYPE_CHECKING:
    from soc.dmabuf import DmaBufAttachment
    from soc.drm.device import DrmDevice
    from soc.kernel.mm.page_owner import Owner
    from soc.kernel.mm.vma import Vma


@dataclass(eq=False)
class ShmemObject:
    """The object's pages in order, shape (n,), and their owner."""

    frames: Frames
    owner: Owner


def drm_gem_shmem_create(dev: DrmDevice, size: int) -> DrmGemObject:
    """A new object of `size` bytes, whole pages. -ENOMEM."""
    kernel, size = dev.kernel, page_align(size)
    kernel.faults.kmalloc("drm_gem_shmem_object")
    frames = alloc_single_pages(kernel, size >> PAGE_SHIFT)
    if frames is None:
        raise KernelError(ENOMEM, f"{dev} has no {size} bytes in pages")
    clear(kernel.cpu, PageSpan.of(frames, 0, size))
    obj = DrmGemObject(dev, size, DRM_GEM_SHMEM_FUNCS)
    obj.priv = ShmemObject(frames, kernel.memory.owners.own(frames, dev.driver.name, str(obj)))
    return obj


def drm_gem_shmem_prime_import_sg_table(
    dev: DrmDevice, attachment: DmaBufAttachment, sgt: SgTable
) -> DrmGemObject:
    """An object of an imported buffer, however it lies. -ENOMEM."""
    dev.kernel.faults.kmalloc("drm_gem_shmem_object")
    return DrmGemObject(dev, attachment.dmabuf.size, DRM_GEM_SHMEM_FUNCS)


def _free(obj: DrmGemObject) -> None:
    if obj.import_attach is not None:
        drm_prime_gem_destroy(obj)
        return
    mine, memory = _shmem(obj), obj.dev.kernel.memory
    memory.owners.release(mine.owner)
    memory.pages.free_pages(mine.frames)


def _get_sg_table(obj: DrmGemObject) -> SgTable:
    obj.dev.kernel.faults.kmalloc("sg_table")
    return SgTable.of_pages(_shmem(obj).frames)


def _mmap(obj: DrmGemObject, vma: Vma) -> None:
    vma.remap(vma.start, _shmem(obj).frames[vma.pgoff : vma.pgoff + vma.pages])


def _shmem(obj: DrmGemObject) -> ShmemObject:
    return cast(ShmemObject, obj.priv)


DRM_GEM_SHMEM_FUNCS = DrmGemObjectFuncs(_free, _get_sg_table, _mmap)
