"""PRIME: handles become fds of dma-bufs, and such fds handles.

A client's table knows which dma-buf is which of its handles. So exporting a handle again gives
another fd for the same dma-buf, and importing one again the handle it has: no second
reference, and one GEM_CLOSE ends it however often it was imported.
    references to an exported dma-buf: its fd, the object's, one for each client's table
Source: drivers/gpu/drm/drm_prime.c (6.12).

Where one dma-buf has two handles in a table (the client got a second handle for an object of
its own), the one entered first is found; in Linux that depends on the tree's shape.
"""

from __future__ import annotations

from errno import EINVAL, ENOENT
from typing import TYPE_CHECKING

from soc.dmabuf import DmaBuf, dma_buf_get, dma_buf_put, get_dma_buf
from soc.drm.export import drm_gem_prime_export
from soc.drm.gem import CREATOR, DrmGemObject, drm_gem_object_put
from soc.drm.handles import drm_gem_handle_create_tail, drm_gem_handle_delete, drm_gem_object_lookup
from soc.drm.import_ import drm_gem_prime_import
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.locking.mutex import Mutex
from soc.kernel.uapi.drm import DRM_CLOEXEC, DRM_RDWR

if TYPE_CHECKING:
    from soc.drm.file import DrmFile
    from soc.kernel.core import KernelCore
    from soc.kernel.task import Task

PRIME_FLAGS = DRM_CLOEXEC | DRM_RDWR


class PrimeTable:
    """The table of the client `name`; it has a reference to each dma-buf in it."""

    def __init__(self, kernel: KernelCore, name: str) -> None:
        self.lock = Mutex(kernel.sched, f"prime.lock of {name}")
        self._kernel = kernel
        self._name = name
        self._by_handle: dict[int, DmaBuf] = {}
        self._handles: dict[DmaBuf, dict[int, None]] = {}

    def __len__(self) -> int:
        return len(self._by_handle)

    def add(self, dmabuf: DmaBuf, handle: int) -> None:
        """drm_prime_add_buf_handle. -ENOMEM."""
        self._kernel.faults.kmalloc("drm_prime_member")
        get_dma_buf(dmabuf, self._holder(handle))
        self._by_handle[handle] = dmabuf
        self._handles.setdefault(dmabuf, {})[handle] = None

    def by_handle(self, handle: int) -> DmaBuf | None:
        return self._by_handle.get(handle)

    def handle_of(self, dmabuf: DmaBuf) -> int | None:
        """The first one it was entered with, of those that are left."""
        return next(iter(self._handles.get(dmabuf, ())), None)

    def remove(self, handle: int) -> None:
        """The handle is being closed."""
        with self.lock:
            dmabuf = self._by_handle.pop(handle, None)
            if dmabuf is not None:
                handles = self._handles[dmabuf]
                del handles[handle]
                if not handles:
                    del self._handles[dmabuf]
                dma_buf_put(dmabuf, self._holder(handle))

    def _holder(self, handle: int) -> Holder:
        return Holder("kernel", f"PRIME handle {handle} of {self._name}")


def drm_gem_prime_handle_to_fd(task: Task, file: DrmFile, handle: int, flags: int) -> int:
    """A new fd of `task` for the one dma-buf of the handle's object.

    -EINVAL for flags beside DRM_CLOEXEC and DRM_RDWR, -ENOENT for a number that names nothing,
    -EMFILE, -ENOMEM, the errno of the export.
    """
    if flags & ~PRIME_FLAGS:
        raise KernelError(EINVAL, f"PRIME_HANDLE_TO_FD: flags {flags:#x} beside DRM_CLOEXEC and DRM_RDWR")
    fd = task.files.get_unused_fd(bool(flags & DRM_CLOEXEC))
    holder = Holder("kernel", f"PRIME export for {task}")
    try:
        dmabuf = drm_gem_prime_handle_to_dmabuf(file, handle, flags, holder)
    except KernelError:
        task.files.put_unused_fd(fd)
        raise
    task.files.fd_install(fd, dmabuf.file, holder)
    return fd


def drm_gem_prime_handle_to_dmabuf(file: DrmFile, handle: int, flags: int, holder: Holder) -> DmaBuf:
    """The dma-buf of the handle's object, with a reference for `holder`. As above, but for fd and flags."""
    with file.prime.lock:
        obj = drm_gem_object_lookup(file, handle, holder.who)
        try:
            dmabuf = file.prime.by_handle(handle)
            if dmabuf is not None:
                get_dma_buf(dmabuf, holder)
                return dmabuf
            with file.dev.object_name_lock:
                dmabuf = _export(obj, flags, holder)
                try:
                    file.prime.add(dmabuf, handle)
                except KernelError:
                    dma_buf_put(dmabuf, holder)
                    raise
            return dmabuf
        finally:
            drm_gem_object_put(obj, holder.who)


def drm_gem_prime_fd_to_handle(task: Task, file: DrmFile, fd: int) -> int:
    """The handle of the dma-buf of `fd`: the one it has here, or a new one.

    -EBADF, -EINVAL for an fd that is no dma-buf or when the driver cannot import, -ENOMEM; the errno
    of attach and map.
    """
    holder = Holder("kernel", f"PRIME import of {task}")
    dmabuf = dma_buf_get(task, fd, holder)
    try:
        with file.prime.lock:
            known = file.prime.handle_of(dmabuf)
            if known is not None:
                return known
            handle = _import(file, dmabuf)
            try:
                file.prime.add(dmabuf, handle)
                return handle
            except KernelError as error:
                failed = error
        drm_gem_handle_delete(file, handle)
        raise failed
    finally:
        dma_buf_put(dmabuf, holder)


def _export(obj: DrmGemObject, flags: int, holder: Holder) -> DmaBuf:
    """The dma-buf that an object was imported from or exported as, or is exported as now."""
    if obj.dma_buf is not None:
        get_dma_buf(obj.dma_buf, holder)
        return obj.dma_buf
    if not obj.handle_count:
        raise KernelError(ENOENT, f"the last handle of {obj} was closed meanwhile")
    dmabuf = drm_gem_prime_export(obj, flags)
    dmabuf.file.transfer(dmabuf.exporter, holder)
    get_dma_buf(dmabuf, obj.cache_holder)
    obj.dma_buf = dmabuf
    return dmabuf


def _import(file: DrmFile, dmabuf: DmaBuf) -> int:
    """A new handle of the object behind a dma-buf that this client does not know."""
    dev = file.dev
    dev.object_name_lock.lock()
    try:
        obj = (dev.driver.gem_prime_import or drm_gem_prime_import)(dev, dmabuf)
    except KernelError:
        dev.object_name_lock.unlock()
        raise
    if obj.dma_buf is None:
        get_dma_buf(dmabuf, obj.cache_holder)
        obj.dma_buf = dmabuf
    elif obj.dma_buf is not dmabuf:
        known = f"{obj} is {obj.dma_buf}"
        dev.kernel.log.warn(f"drm_gem_prime_fd_to_handle: {known}, and was imported from {dmabuf}")
    try:
        return drm_gem_handle_create_tail(file, obj)
    finally:
        drm_gem_object_put(obj, CREATOR)
