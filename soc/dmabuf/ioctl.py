"""The ioctls of a dma-buf's fd: brackets of CPU access, the name, fences in and out.

4.9 has the first only, 2011 none. Source: dma_buf_ioctl in drivers/dma-buf/dma-buf.c.
"""

from __future__ import annotations

from errno import EINVAL, ENOTTY
from typing import TYPE_CHECKING, cast

from soc.dmabuf.buffer import DmaBuf
from soc.dmabuf.cpu_access import dma_buf_begin_cpu_access, dma_buf_end_cpu_access
from soc.dmabuf.fence import dma_fence_get_stub, dma_fence_is_signaled, dma_fence_put, dma_fence_unwrap
from soc.dmabuf.resv import (
    DmaResvUsage,
    dma_resv_add_fence,
    dma_resv_get_singleton,
    dma_resv_reserve_fences,
    dma_resv_usage_rw,
)
from soc.dmabuf.sync import sync_file_create, sync_file_get_fence
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File
from soc.kernel.fs.new_fd import new_fd
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.uaccess import get_user, put_user, strndup_user
from soc.kernel.uapi.dma_buf import (
    DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
    DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
    DMA_BUF_IOCTL_SYNC,
    DMA_BUF_NAME_LEN,
    DMA_BUF_SET_NAME_A,
    DMA_BUF_SET_NAME_B,
    DMA_BUF_SYNC_END,
    DMA_BUF_SYNC_READ,
    DMA_BUF_SYNC_RW,
    DMA_BUF_SYNC_VALID_FLAGS_MASK,
    DMA_BUF_SYNC_WRITE,
    DmaBufExportSyncFile,
    DmaBufImportSyncFile,
    DmaBufSync,
)

if TYPE_CHECKING:
    from soc.kernel.task import Task

DIRECTIONS = {
    DMA_BUF_SYNC_READ: DmaDirection.FROM_DEVICE,
    DMA_BUF_SYNC_WRITE: DmaDirection.TO_DEVICE,
    DMA_BUF_SYNC_RW: DmaDirection.BIDIRECTIONAL,
}


def dma_buf_ioctl(task: Task, file: File, cmd: int, arg: int) -> int:
    """One call of user space. -ENOTTY for a number that this generation does not have."""
    dmabuf = cast(DmaBuf, file.private)
    if cmd == DMA_BUF_IOCTL_SYNC:
        return _sync(task, dmabuf, arg)
    if dmabuf.kernel.generation >= Generation.V6_12:
        match cmd:
            case _ if cmd in (DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B):
                return _set_name(task, dmabuf, arg)
            case _ if cmd == DMA_BUF_IOCTL_EXPORT_SYNC_FILE:
                return _export_sync_file(task, dmabuf, arg)
            case _ if cmd == DMA_BUF_IOCTL_IMPORT_SYNC_FILE:
                return _import_sync_file(task, dmabuf, arg)
    raise KernelError(ENOTTY, f"{dmabuf} has no ioctl {cmd:#x}")


def _sync(task: Task, dmabuf: DmaBuf, arg: int) -> int:
    """An END without START is legal. -EFAULT; -EINVAL for other bits, or neither READ nor WRITE."""
    flags = get_user(task, arg, DmaBufSync).flags
    direction = DIRECTIONS.get(flags & DMA_BUF_SYNC_RW)
    if flags & ~DMA_BUF_SYNC_VALID_FLAGS_MASK or direction is None:
        raise KernelError(EINVAL, f"DMA_BUF_IOCTL_SYNC: flags {flags:#x}")
    if flags & DMA_BUF_SYNC_END:
        dma_buf_end_cpu_access(dmabuf, direction)
    else:
        dma_buf_begin_cpu_access(dmabuf, direction)
    return 0


def _set_name(task: Task, dmabuf: DmaBuf, arg: int) -> int:
    """-EFAULT; -EINVAL for 32 bytes or more."""
    dmabuf.name = strndup_user(task, arg, DMA_BUF_NAME_LEN).decode(errors="backslashreplace")
    return 0


def _export_sync_file(task: Task, dmabuf: DmaBuf, arg: int) -> int:
    """The fences that a reader, or a writer, would wait for now, as one sync_file.

    Without any it is signalled from the start. -EFAULT, -EINVAL, -EMFILE, -ENOMEM: no fd is left behind.
    """
    data = get_user(task, arg, DmaBufExportSyncFile)
    _check_flags("DMA_BUF_IOCTL_EXPORT_SYNC_FILE", data.flags)
    with new_fd(task, "DMA_BUF_IOCTL_EXPORT_SYNC_FILE") as new:
        usage = dma_resv_usage_rw(bool(data.flags & DMA_BUF_SYNC_WRITE))
        fence = dma_resv_get_singleton(dmabuf.resv, usage) or dma_fence_get_stub(dmabuf.kernel)
        try:
            new.file = sync_file_create(dmabuf.kernel, fence, new.holder)
        finally:
            dma_fence_put(fence)
        data.fd = new.fd
        put_user(task, arg, data)
    return 0


def _import_sync_file(task: Task, dmabuf: DmaBuf, arg: int) -> int:
    """Every fence of a sync_file becomes one of the buffer's: WRITE if that bit is set, else READ.

    -EFAULT; -EINVAL for other flags or an fd that is no sync_file; -ENOMEM.
    """
    data = get_user(task, arg, DmaBufImportSyncFile)
    _check_flags("DMA_BUF_IOCTL_IMPORT_SYNC_FILE", data.flags)
    fence = sync_file_get_fence(task, data.fd)
    try:
        usage = DmaResvUsage.WRITE if data.flags & DMA_BUF_SYNC_WRITE else DmaResvUsage.READ
        pending = sum(not dma_fence_is_signaled(leaf) for leaf in dma_fence_unwrap(fence))
        if pending:
            with dmabuf.resv.locked():
                dma_resv_reserve_fences(dmabuf.resv, pending)
                for leaf in dma_fence_unwrap(fence):
                    if not dma_fence_is_signaled(leaf):
                        dma_resv_add_fence(dmabuf.resv, leaf, usage)
    finally:
        dma_fence_put(fence)
    return 0


def _check_flags(name: str, flags: int) -> None:
    if flags & ~DMA_BUF_SYNC_RW or not flags & DMA_BUF_SYNC_RW:
        raise KernelError(EINVAL, f"{name}: flags {flags:#x}")
