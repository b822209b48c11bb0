"""SYNC_IOC_FILE_INFO: what user space can learn of the fences in a sync_file.

Source: drivers/dma-buf/sync_file.c (sync_file_ioctl_fence_info).
"""

from __future__ import annotations

from errno import EINVAL
from typing import TYPE_CHECKING

from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.status import dma_fence_get_status
from soc.dmabuf.fence.unwrap import dma_fence_unwrap
from soc.kernel.errors import KernelError
from soc.kernel.uaccess import copy_to_user, get_user, put_user
from soc.kernel.uapi.sync_file import SyncFenceInfo, SyncFileInfo

if TYPE_CHECKING:
    from soc.dmabuf.sync.sync_file import SyncFile
    from soc.kernel.task import Task

LONGEST_NAME = 31
"""Bytes of a name that fit a field of 32 with its NUL."""


def sync_file_ioctl_fence_info(task: Task, sync_file: SyncFile, arg: int) -> int:
    """Name, status and number of fences; asked for with room, each fence too.

    -EFAULT; -EINVAL for flags or pad, or too little room; -ENOMEM.
    """
    info = get_user(task, arg, SyncFileInfo)
    if info.flags or info.pad:
        raise KernelError(EINVAL, f"SYNC_IOC_FILE_INFO: flags {info.flags:#x}, pad {info.pad:#x}")
    fences = list(dma_fence_unwrap(sync_file.fence))
    if not info.num_fences:
        info.status = dma_fence_get_status(sync_file.fence)
    elif info.num_fences < len(fences):
        raise KernelError(EINVAL, f"SYNC_IOC_FILE_INFO: room for {info.num_fences} of {len(fences)} fences")
    else:
        task.kernel.faults.kmalloc("struct sync_fence_info[]")
        infos = [_fence_info(fence) for fence in fences]
        info.status = next((each.status for each in infos if each.status != 1), 1)
        copy_to_user(task, info.sync_fence_info, b"".join(bytes(each) for each in infos))
    info.name = sync_file.name[:LONGEST_NAME]
    info.num_fences = len(fences)
    put_user(task, arg, info)
    return 0


def _fence_info(fence: DmaFence) -> SyncFenceInfo:
    return SyncFenceInfo(
        obj_name=fence.timeline_name.encode()[:LONGEST_NAME],
        driver_name=fence.driver_name.encode()[:LONGEST_NAME],
        status=dma_fence_get_status(fence),
        timestamp_ns=fence.timestamp or 0,
    )
