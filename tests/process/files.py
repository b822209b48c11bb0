"""Files of a driver that does little, and a kernel with memory, for the tests of system calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENODATA

import numpy as np

from soc.address import PAGE_SHIFT, PhysAddr
from soc.bus import Bus
from soc.clock import Clock
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.fs.poll import PollTable, PollWait
from soc.kernel.mm.vma import Vma, VmOperations
from soc.kernel.process import Process
from soc.kernel.task import Task
from soc.kernel.uaccess import copy_from_user, copy_to_user
from soc.memory.dram import Bank, Dram
from soc.memory.span import Frames

DRAM_BASE = PhysAddr(0x8000_0000)
PAGES = 64
PAGE = 4096


class MemoryKernel(KernelCore):
    """A kernel core with 64 pages of DRAM and a CPU without a cache."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.dram = Dram([Bank(DRAM_BASE, PAGES * PAGE)])
        self.cpu = Bus(self.dram).master("cpu")


@contextmanager
def memory_kernel() -> Iterator[MemoryKernel]:
    kernel = MemoryKernel()
    yield kernel
    kernel.dram.banks[0].close()


class Driver:
    """/dev/test: ioctl 1 adds one to each byte of 8, mmap shows `frames`, at once or as they are touched."""

    def __init__(self, kernel: KernelCore, pages: int = 4, lazy: bool = False) -> None:
        self.kernel = kernel
        first = DRAM_BASE >> PAGE_SHIFT
        self.frames: Frames = np.arange(first, first + 2 * pages, 2, dtype=np.int64)
        self.lazy = lazy
        self.closed: list[str] = []
        self.released = 0
        self.ready = 0
        self.ops = FileOperations(
            "test",
            self._release,
            ioctl=self._ioctl,
            mmap=self._mmap,
            llseek=lambda file, offset, whence: offset + 10 * whence,
            poll=self._poll,
            fdinfo=lambda file: "color:\tblue\n",
            link=lambda file: "/test:x",
            size=lambda file: pages * PAGE,
        )
        kernel.devfs.add("/dev/test", self._open)

    def _open(self, task: Task, flags: int, holder: Holder) -> File:
        return self.kernel.files.open(self.ops, self, "test", holder, flags)

    def _release(self, file: File) -> None:
        self.released += 1

    def _poll(self, file: File, table: PollTable | None) -> int:
        if table is not None:
            table.wait(PollWait("the driver", ()), lambda: self.ready != 0)
        return self.ready

    def _ioctl(self, task: Task, file: File, cmd: int, arg: int) -> int:
        if cmd != 1:
            raise KernelError(ENODATA, f"no command {cmd}")
        data = copy_from_user(task, arg, 8)
        copy_to_user(task, arg, bytes(byte + 1 for byte in data))
        return 5

    def _mmap(self, file: File, vma: Vma) -> None:
        vma.ops = VmOperations(
            self._fault if self.lazy else None, close=lambda vma: self.closed.append(str(vma))
        )
        if not self.lazy:
            vma.remap(vma.start, self.frames[vma.pgoff : vma.pgoff + vma.pages])

    def _fault(self, vma: Vma, page: int) -> int:
        if vma.pgoff + page >= len(self.frames):
            raise KernelError(ENODATA, f"the buffer has {len(self.frames)} pages")
        return int(self.frames[vma.pgoff + page])


def app(kernel: KernelCore) -> Process:
    return kernel.process("app")
