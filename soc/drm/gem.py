"""GEM objects: a driver's buffers, with references and, apart from those, handles.

`refcount` is the sum of named references; the last put frees the object. All handles of all
clients together are one of them. The object's own reference to the dma-buf it was exported as
goes with the last handle, else the two would keep each other alive.
Source: drivers/gpu/drm/drm_gem.c, include/drm/drm_gem.h.

Not modelled: pinning, eviction, mmap offsets, names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soc.address import PAGE_MASK
from soc.dmabuf import DmaBuf, DmaBufAttachment, dma_buf_put
from soc.dmabuf.resv import DmaResv
from soc.kernel.fs.file import Holder, UseAfterFree
from soc.kernel.scatterlist import SgTable

if TYPE_CHECKING:
    from soc.drm.device import DrmDevice
    from soc.kernel.mm.vma import Vma

CREATOR = "creator"
HANDLES = "handles"
"""Names of references: the one an object is born with, and that of its handles."""


@dataclass(frozen=True)
class DrmGemObjectFuncs:
    """What a kind of object does; each fails with KernelError. Without the optional ones:

    free          the last reference is gone: give the memory back
    get_sg_table  a table of the object's memory, not mapped; -ENOSYS
    mmap          (object, vma): enter the pages from the mapping's offset on; -EINVAL
    """

    free: Callable[[DrmGemObject], None]
    get_sg_table: Callable[[DrmGemObject], SgTable] | None = None
    mmap: Callable[[DrmGemObject, Vma], None] | None = None


class DrmGemObject:
    """Object `number` of `dev`, `size` bytes, whole pages, with a reference of its CREATOR.

    `priv` is the driver's. `dma_buf` is what it was exported as, or imported from; an imported
    object has `import_attach` and the table `sgt` mapped through it, and the buffer's `resv`.
    """

    def __init__(self, dev: DrmDevice, size: int, funcs: DrmGemObjectFuncs, priv: object = None) -> None:
        if size <= 0 or size & PAGE_MASK:
            raise ValueError(f"a GEM object of {dev} has whole pages, not {size} bytes")
        self.dev = dev
        self.size = size
        self.funcs = funcs
        self.priv = priv
        self.number = dev.number_of_next_object()
        self.holders: Counter[str] = Counter({CREATOR: 1})
        self.handle_count = 0
        self.dma_buf: DmaBuf | None = None
        self.import_attach: DmaBufAttachment | None = None
        self.sgt: SgTable | None = None
        self.resv = DmaResv(dev.kernel, str(self))
        dev.add_object(self)

    @property
    def refcount(self) -> int:
        return self.holders.total()

    @property
    def cache_holder(self) -> Holder:
        """In whose name the object refers to its dma-buf."""
        return Holder("kernel", str(self))

    def held_by(self) -> str:
        """All references for people: `handles, dma-buf 3 (2 times)`."""
        names = [f"{who} ({n} times)" if n > 1 else who for who, n in sorted(self.holders.items())]
        return ", ".join(names) or "nobody"

    def describe(self) -> str:
        """For people: with the dma-buf it comes from or went out as."""
        return f"{self} ({self.dma_buf})" if self.dma_buf else str(self)

    def __str__(self) -> str:
        return f"gem object {self.number} of {self.dev}"


def drm_gem_object_get(obj: DrmGemObject, holder: str) -> None:
    """One more reference, for `holder`. WARN and UseAfterFree when the object is gone."""
    if not obj.refcount:
        _trap(obj, "drm_gem_object_get")
    obj.holders[holder] += 1


def drm_gem_object_put(obj: DrmGemObject, holder: str) -> None:
    """Give the reference of `holder` back; the last one frees the object.

    One that `holder` does not have is a WARN and changes nothing; WARN and UseAfterFree when it is gone.
    """
    if not obj.refcount:
        _trap(obj, "drm_gem_object_put")
    if not obj.holders[holder]:
        del obj.holders[holder]
        held = f"held by {obj.held_by()}"
        obj.dev.kernel.log.warn(f"drm_gem_object_put: {obj}: put by {holder}, which has no reference; {held}")
        return
    obj.holders[holder] -= 1
    if not obj.holders[holder]:
        del obj.holders[holder]
    if not obj.refcount:
        if obj.dma_buf is not None:
            obj.dev.kernel.log.warn(f"drm_gem_object_release: {obj} still refers to {obj.dma_buf}")
        obj.dev.remove_object(obj)
        obj.funcs.free(obj)


def drm_gem_object_handle_get(obj: DrmGemObject) -> None:
    """One more handle, with dev.object_name_lock held."""
    if not obj.handle_count:
        drm_gem_object_get(obj, HANDLES)
    obj.handle_count += 1


def drm_gem_object_handle_put_unlocked(obj: DrmGemObject) -> None:
    """One handle less; the last one drops the object's dma-buf, then what keeps it. WARN without one."""
    if not obj.handle_count:
        obj.dev.kernel.log.warn(f"drm_gem_object_handle_put_unlocked: {obj} has no handle")
        return
    with obj.dev.object_name_lock:
        obj.handle_count -= 1
        final = not obj.handle_count
        if final and obj.dma_buf is not None:
            dmabuf, obj.dma_buf = obj.dma_buf, None
            dma_buf_put(dmabuf, obj.cache_holder)
    if final:
        drm_gem_object_put(obj, HANDLES)


def _trap(obj: DrmGemObject, call: str) -> None:
    error = UseAfterFree(call, str(obj))
    obj.dev.kernel.log.warn(str(error))
    raise error
