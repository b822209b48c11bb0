"""The driver with the mistakes it is printed with.

GET_FD_FROM_USER    a buffer that cannot be kmapped is left begun and not put
GET_FD_FROM_KERNEL  an fd that could not be told to the program stays open in it
remove              the client and its buffer are forgotten
"""

from __future__ import annotations

from errno import EFAULT
from typing import TYPE_CHECKING

from soc.dmabuf import dma_buf_kmap
from soc.flows.dmabuf_test.driver import NODE, DmabufTest, mapped_or_null
from soc.kernel.errors import KernelError
from soc.kernel.uaccess import copy_to_user

if TYPE_CHECKING:
    from soc.kernel.task import Task
    from soc.kernel.uapi.dmabuf_test import DmabufTestRwData


class PrintedDmabufTest(DmabufTest):
    """As printed."""

    def print_buffer(self, task: Task, fd: int) -> None:
        dmabuf = self.get(task, fd)
        try:
            self.begin(dmabuf)
        except KernelError as error:
            self.put(dmabuf)
            raise KernelError(EFAULT, error.why) from error
        buf = self.steps.call("dmabuf-test", "dma_buf_kmap", lambda: dma_buf_kmap(dmabuf, 0), mapped_or_null)
        if buf is None:
            raise KernelError(EFAULT, "map dmabuf to kernel space error")  # no end, no put
        self.printk(buf)
        self.end(dmabuf)
        self.kunmap(dmabuf, buf)
        self.put(dmabuf)

    def answer(self, task: Task, arg: int, data: DmabufTestRwData, size: int) -> None:
        copy_to_user(task, arg, bytes(data)[:size])

    def module_exit(self) -> None:
        self.steps.call("dmabuf-test", "misc_deregister", lambda: self.kernel.devfs.remove(NODE))
        self.check_unloaded()
