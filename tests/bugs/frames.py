"""A frame buffer driver with one buffer for everybody, /dev/frames; bugs are planted by deriving from it."""

from __future__ import annotations

import os

from heaps.dma_heap import dma_heap_buffer_alloc, dma_heap_find, dma_heap_put
from soc.dmabuf import DmaBuf, dma_buf_fd, dma_buf_put, get_dma_buf
from soc.kernel.device import Device
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.kernel import Kernel
from soc.kernel.process import Process
from soc.kernel.task import Task
from soc.kernel.uapi.ioctl import _IO
from tests.bugs.bench import PAGE, misc_register

NODE = "/dev/frames"
GET_FD = _IO("F", 1)


class FrameDriver:
    """Allocates at load, keeps a reference of its own, and takes one more for each fd it gives away."""

    def __init__(self, kernel: Kernel, device: Device | None = None) -> None:
        self.kernel = kernel
        self.device = device
        self.shared = self.new()
        misc_register(kernel, NODE, lambda task, cmd, arg: self.give(task))

    def give(self, task: Task) -> int:
        """GET_FD: an fd of the calling program for the one buffer."""
        mine = Holder("kernel", f"frames for {task}")
        get_dma_buf(self.shared, mine)
        try:
            return dma_buf_fd(task, self.shared, os.O_CLOEXEC, mine)
        except KernelError:
            dma_buf_put(self.shared, mine)
            raise

    def new(self) -> DmaBuf:
        """A buffer of four pages, whose reference is its exporter's."""
        heap = dma_heap_find(self.kernel, "system")
        assert heap is not None
        try:
            return dma_heap_buffer_alloc(heap, 4 * PAGE)
        finally:
            dma_heap_put(heap)

    def unload(self) -> None:
        self.kernel.devfs.remove(NODE)
        dma_buf_put(self.shared, self.shared.exporter)


def get_fd(process: Process) -> int:
    """An fd of the driver's buffer."""
    node = process.open(NODE, os.O_RDWR | os.O_CLOEXEC)
    try:
        return process.ioctl(node, GET_FD)
    finally:
        process.close(node)
