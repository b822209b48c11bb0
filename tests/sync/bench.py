"""A program that uses sw_sync timelines and sync_files, call by call as libsync does."""

from __future__ import annotations

from ctypes import LittleEndianStructure, sizeof

from soc.dmabuf.fence import DmaFence, Fences, dma_fence_put
from soc.dmabuf.sync import sync_debugfs_init, sync_file_create, sync_file_get_fence
from soc.dmabuf.sync.sw_sync import SyncTimelines
from soc.kernel.core import KernelCore
from soc.kernel.fs.file import Holder
from soc.kernel.process import Process
from soc.kernel.uapi.sw_sync import (
    SW_SYNC_GET_DEADLINE,
    SW_SYNC_IOC_CREATE_FENCE,
    SW_SYNC_IOC_INC,
    SwSyncCreateFenceData,
    SwSyncGetDeadline,
)
from soc.kernel.uapi.sync_file import (
    SYNC_IOC_FILE_INFO,
    SYNC_IOC_MERGE,
    SYNC_IOC_SET_DEADLINE,
    SyncFenceInfo,
    SyncFileInfo,
    SyncMergeData,
    SyncSetDeadline,
)

SW_SYNC = "/sys/kernel/debug/sync/sw_sync"
INFO = "/sys/kernel/debug/sync/info"
HOLDER = Holder("kernel", "test")


def init(kernel: KernelCore) -> KernelCore:
    sync_debugfs_init(kernel)
    return kernel


class App:
    """One process. fds are ints, as in C."""

    def __init__(self, kernel: KernelCore, comm: str = "app") -> None:
        self.kernel = kernel
        self.process: Process = kernel.process(comm)

    def ioctl(self, fd: int, cmd: int, arg: LittleEndianStructure | bytearray) -> None:
        assert self.process.ioctl(fd, cmd, arg) == 0

    def timeline(self) -> int:
        return self.process.open(SW_SYNC)

    def fence(self, timeline: int, value: int) -> int:
        data = SwSyncCreateFenceData(value=value, name=b"point", fence=-1)
        self.ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, data)
        return data.fence

    def inc(self, timeline: int, by: int = 1) -> None:
        self.ioctl(timeline, SW_SYNC_IOC_INC, bytearray(by.to_bytes(4, "little")))

    def deadline_of(self, timeline: int, fence: int) -> int:
        data = SwSyncGetDeadline(fence_fd=fence)
        self.ioctl(timeline, SW_SYNC_GET_DEADLINE, data)
        return data.deadline_ns

    def set_deadline(self, fence: int, deadline: int) -> None:
        self.ioctl(fence, SYNC_IOC_SET_DEADLINE, SyncSetDeadline(deadline_ns=deadline))

    def merge(self, first: int, second: int, name: bytes = b"merged") -> int:
        data = SyncMergeData(name=name, fd2=second, fence=-1)
        self.ioctl(first, SYNC_IOC_MERGE, data)
        return data.fence

    def info(self, fence: int, room: int = 0, address: int = 0) -> SyncFileInfo:
        data = SyncFileInfo(num_fences=room, sync_fence_info=address)
        self.ioctl(fence, SYNC_IOC_FILE_INFO, data)
        return data

    def fences(self, fence: int) -> list[SyncFenceInfo]:
        """Every fence of a sync_file, asked for as libsync does: first how many, then all."""
        count = self.info(fence).num_fences
        address = self.process.mmap(None, 4096)
        self.info(fence, count, address)
        size = sizeof(SyncFenceInfo)
        data = self.process.load(address, count * size)
        self.process.munmap(address, 4096)
        return [SyncFenceInfo.from_buffer_copy(data, i * size) for i in range(count)]

    def status(self, fence: int) -> int:
        return self.info(fence).status

    def hand_out(self, fence: DmaFence) -> int:
        """An fd for a fence of a driver; the driver's reference goes to it."""
        fd = self.process.files.get_unused_fd()
        self.process.files.fd_install(fd, sync_file_create(self.kernel, fence, HOLDER), HOLDER)
        dma_fence_put(fence)
        return fd

    def fence_of(self, fd: int) -> DmaFence:
        """The fence behind an fd, without a reference."""
        fence = sync_file_get_fence(self.process, fd)
        dma_fence_put(fence)
        return fence


def counters(kernel: KernelCore) -> dict[str, int]:
    """What must be back at its baseline after a failure."""
    return {
        "files": len(kernel.files.live()),
        "fds": sum(len(task.files.open_fds()) for task in kernel.processes.values()),
        "fences": len(kernel.subsystem(Fences).live()),
        "references": sum(fence.refcount for fence in kernel.subsystem(Fences).live()),
        "timelines": len(kernel.subsystem(SyncTimelines).live),
        "vmas": sum(len(task.mm.vmas) for task in kernel.processes.values()),
    }
