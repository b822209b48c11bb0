"""/sys/kernel/debug/sync/: `sw_sync`, which opens to a timeline, and `info`, which lists them.

Source: drivers/dma-buf/sw_sync.c, drivers/dma-buf/sync_debug.c. The `fences:` part of
`info` has been empty since Linux 4.7, as nothing puts a sync_file into its list.
"""

from __future__ import annotations

from errno import EINVAL, ENOENT, ENOTTY
from typing import TYPE_CHECKING, cast

from soc.clock import SECOND
from soc.dmabuf.fence.lifetime import dma_fence_put
from soc.dmabuf.fence.status import dma_fence_get_status
from soc.dmabuf.sync.sw_sync import SyncPt, SyncTimeline, SyncTimelines
from soc.dmabuf.sync.sync_file import sync_file_create, sync_file_get_fence
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.fs.new_fd import new_fd
from soc.kernel.generation import Generation
from soc.kernel.uaccess import copy_from_user, get_user, put_user
from soc.kernel.uapi.sw_sync import (
    SW_SYNC_GET_DEADLINE,
    SW_SYNC_IOC_CREATE_FENCE,
    SW_SYNC_IOC_INC,
    SwSyncCreateFenceData,
    SwSyncGetDeadline,
)

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.task import Task

SW_SYNC = "/sys/kernel/debug/sync/sw_sync"
INFO = "/sys/kernel/debug/sync/info"
INT_MAX = 0x7FFF_FFFF
TASK_COMM_LEN = 16


def sync_debugfs_init(kernel: KernelCore) -> None:
    """Register both, where the generation has them."""
    if kernel.generation >= Generation.V4_9:
        kernel.devfs.add(SW_SYNC, _open)
        kernel.views.add(INFO, lambda: sync_info(kernel))


def _open(task: Task, flags: int, holder: Holder) -> File:
    """A new timeline, named as the task. -ENOMEM."""
    kernel = task.kernel
    kernel.faults.kmalloc("struct sync_timeline")
    timeline = SyncTimeline(kernel, task.comm[: TASK_COMM_LEN - 1])
    timeline.file = kernel.files.open(SW_SYNC_FOPS, timeline, "sw_sync", holder, flags)
    return timeline.file


def _release(file: File) -> None:
    cast(SyncTimeline, file.private).close()


def _ioctl(task: Task, file: File, cmd: int, arg: int) -> int:
    timeline = cast(SyncTimeline, file.private)
    if cmd == SW_SYNC_IOC_CREATE_FENCE:
        return _create_fence(task, timeline, arg)
    if cmd == SW_SYNC_IOC_INC:
        return _inc(task, timeline, arg)
    if cmd == SW_SYNC_GET_DEADLINE and task.kernel.generation >= Generation.V6_12:
        return _get_deadline(task, arg)
    raise KernelError(ENOTTY, f"{file} has no ioctl {cmd:#x}")


def _create_fence(task: Task, timeline: SyncTimeline, arg: int) -> int:
    """A sync_file with the fence at `value`; nothing reads the name. -EMFILE, -EFAULT, -ENOMEM."""
    with new_fd(task, "SW_SYNC_IOC_CREATE_FENCE") as new:
        data = get_user(task, arg, SwSyncCreateFenceData)
        point = timeline.create(data.value)
        try:
            new.file = sync_file_create(task.kernel, point, new.holder)
        finally:
            dma_fence_put(point)
        data.fence = new.fd
        put_user(task, arg, data)
    return 0


def _inc(task: Task, timeline: SyncTimeline, arg: int) -> int:
    """Move the timeline on by a u32; in steps of INT_MAX, so that no fence is jumped over. -EFAULT."""
    value = int.from_bytes(copy_from_user(task, arg, 4), "little")
    while value > INT_MAX:
        timeline.signal(INT_MAX)
        value -= INT_MAX
    timeline.signal(value)
    return 0


def _get_deadline(task: Task, arg: int) -> int:
    """The deadline that a fence of any timeline has been given. -ENOENT for none.

    -EFAULT; -EINVAL unless the other fields are 0 and the fd is a sync_file with a sw_sync fence.
    """
    data = get_user(task, arg, SwSyncGetDeadline)
    if data.deadline_ns or data.pad:
        raise KernelError(EINVAL, f"SW_SYNC_GET_DEADLINE: deadline {data.deadline_ns}, pad {data.pad:#x}")
    fence = sync_file_get_fence(task, data.fence_fd)
    try:
        if not isinstance(fence, SyncPt):
            raise KernelError(EINVAL, f"SW_SYNC_GET_DEADLINE: {fence} is of no sw_sync timeline")
        if fence.deadline is None:
            raise KernelError(ENOENT, f"SW_SYNC_GET_DEADLINE: nobody gave {fence} a deadline")
        data.deadline_ns = fence.deadline
    finally:
        dma_fence_put(fence)
    put_user(task, arg, data)
    return 0


SW_SYNC_FOPS = FileOperations("sw_sync", release=_release, ioctl=_ioctl, link=lambda _: SW_SYNC)


def sync_info(kernel: KernelCore) -> str:
    """The text of `info`: each timeline with its value and the fences it has to reach."""
    lines = ["objs:", "--------------"]
    for timeline in kernel.subsystem(SyncTimelines).live:
        lines.append(f"{timeline.name}: {_signed(timeline.value)}")
        lines += [_point(point) for point in timeline.points]
        lines.append("")
    return "\n".join([*lines, "fences:", "--------------"]) + "\n"


def _point(point: SyncPt) -> str:
    status = dma_fence_get_status(point)
    state = "active" if not status else "signaled" if status > 0 else "error"
    at = ""
    if point.timestamp is not None:
        seconds, nanoseconds = divmod(point.timestamp, SECOND)
        at = f"@{seconds}.{nanoseconds:09d}"
    return f"  fence {state}{at}: {point.seqno} / {_signed(point.timeline.value)}"


def _signed(value: int) -> int:
    """A u32 as C prints it for an int."""
    return value - (1 << 32) if value > INT_MAX else value
