"""sync_file: a fence as a file descriptor, the explicit half of synchronisation.

User space gets one from a driver, merges it with others, polls it, and gives it
to another driver. Source: drivers/dma-buf/sync_file.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL, ENOENT, ENOTTY
from typing import TYPE_CHECKING, cast

from soc.dmabuf.fence.fence import DmaFence, DmaFenceCb
from soc.dmabuf.fence.lifetime import dma_fence_get, dma_fence_put
from soc.dmabuf.fence.signal import arm, dma_fence_remove_callback
from soc.dmabuf.fence.status import dma_fence_is_signaled, dma_fence_set_deadline
from soc.dmabuf.fence.unwrap import dma_fence_unwrap_merge
from soc.dmabuf.sync.info import sync_file_ioctl_fence_info
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.fs.new_fd import new_fd
from soc.kernel.fs.poll import EPOLLIN, PollTable
from soc.kernel.generation import Generation
from soc.kernel.uaccess import get_user, put_user
from soc.kernel.uapi.sync_file import (
    SYNC_IOC_FILE_INFO,
    SYNC_IOC_MERGE,
    SYNC_IOC_SET_DEADLINE,
    SyncMergeData,
    SyncSetDeadline,
)

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.task import Task


class SyncFile:
    """What the file has: `fence` with a reference, and `user_name` if it came from a merge."""

    def __init__(self, fence: DmaFence, user_name: bytes = b"") -> None:
        self.fence = dma_fence_get(fence)
        self.user_name = user_name
        self.polled = False
        self.callback: DmaFenceCb | None = None

    @property
    def name(self) -> bytes:
        """The name of the merge, else `<driver>-<timeline><context>-<seqno>`."""
        fence = self.fence
        text = f"{fence.driver_name}-{fence.timeline_name}{fence.context}-{fence.seqno}"
        return self.user_name or text.encode()


def sync_file_create(kernel: KernelCore, fence: DmaFence, holder: Holder, user_name: bytes = b"") -> File:
    """A new sync_file, whose one reference is `holder`'s; it takes one to `fence`. -ENOMEM."""
    kernel.faults.kmalloc("struct sync_file")
    kernel.faults.kmalloc("struct file")
    return kernel.files.open(SYNC_FILE_FOPS, SyncFile(fence, user_name), "sync_file", holder, 0)


def sync_file_get_fence(task: Task, fd: int) -> DmaFence:
    """The fence of a sync_file of `task`, with a reference. -EINVAL for any other fd."""
    with _fdget(task, fd, "sync_file_get_fence", EINVAL) as sync_file:
        return dma_fence_get(sync_file.fence)


@contextmanager
def _fdget(task: Task, fd: int, call: str, errno: int) -> Iterator[SyncFile]:
    """The sync_file of `fd`, kept for the length of a block. `errno` if it is none."""
    holder = Holder("kernel", f"{call} of {task}")
    try:
        file = task.files.fget(fd, holder)
    except KernelError as error:
        raise KernelError(errno, f"{call}: {error.why}") from error
    try:
        if file.ops is not SYNC_FILE_FOPS:
            raise KernelError(errno, f"{call}: fd {fd} of {task} is {file}, not a sync_file")
        yield cast(SyncFile, file.private)
    finally:
        file.put(holder)


def _release(file: File) -> None:
    sync_file = cast(SyncFile, file.private)
    if sync_file.callback is not None:
        dma_fence_remove_callback(sync_file.fence, sync_file.callback)
    dma_fence_put(sync_file.fence)


def _poll(file: File, table: PollTable | None) -> int:
    """EPOLLIN once the fence has signalled; the first poll asks its driver to signal."""
    sync_file = cast(SyncFile, file.private)
    if table is not None:
        table.wait(sync_file.fence, lambda: sync_file.fence.signalled)
    if not sync_file.polled:
        sync_file.polled = True
        sync_file.callback = arm(sync_file.fence, _wake)
    return EPOLLIN if dma_fence_is_signaled(sync_file.fence) else 0


def _wake(fence: DmaFence) -> None:
    """Pollers look for themselves; that a callback stands here is what enables signalling."""


def _ioctl(task: Task, file: File, cmd: int, arg: int) -> int:
    sync_file = cast(SyncFile, file.private)
    if cmd == SYNC_IOC_MERGE:
        return _merge(task, sync_file, arg)
    if cmd == SYNC_IOC_FILE_INFO:
        return sync_file_ioctl_fence_info(task, sync_file, arg)
    if cmd == SYNC_IOC_SET_DEADLINE and task.kernel.generation >= Generation.V6_12:
        return _set_deadline(task, sync_file, arg)
    raise KernelError(ENOTTY, f"{file} has no ioctl {cmd:#x}")


def _merge(task: Task, sync_file: SyncFile, arg: int) -> int:
    """A new fd for the fences of this one and `fd2`, which both stay as they are.

    -EMFILE, -EFAULT; -EINVAL for flags or pad; -ENOENT if fd2 is no sync_file; -ENOMEM.
    """
    with new_fd(task, "SYNC_IOC_MERGE") as new:
        data = get_user(task, arg, SyncMergeData)
        if data.flags or data.pad:
            raise KernelError(EINVAL, f"SYNC_IOC_MERGE: flags {data.flags:#x}, pad {data.pad:#x}")
        with _fdget(task, data.fd2, "SYNC_IOC_MERGE", ENOENT) as other:
            fence = dma_fence_unwrap_merge(task.kernel, sync_file.fence, other.fence)
            try:
                new.file = sync_file_create(task.kernel, fence, new.holder, data.name[:31])
            finally:
                dma_fence_put(fence)
        data.fence = new.fd
        put_user(task, arg, data)
    return 0


def _set_deadline(task: Task, sync_file: SyncFile, arg: int) -> int:
    """A hint for the driver: absolute ns. -EFAULT, -EINVAL for pad."""
    data = get_user(task, arg, SyncSetDeadline)
    if data.pad:
        raise KernelError(EINVAL, f"SYNC_IOC_SET_DEADLINE: pad {data.pad:#x}")
    dma_fence_set_deadline(sync_file.fence, data.deadline_ns)
    return 0


SYNC_FILE_FOPS = FileOperations("sync_file", release=_release, ioctl=_ioctl, poll=_poll)
