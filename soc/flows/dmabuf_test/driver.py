"""/dev/dmabuf-test: gives user space a buffer of its own, and prints what is in one that user space gives it.

Source: the driver printed in the ION introduction, in our words and with its error paths put
right; `printed.py` has them as printed. Buffers and calls are those of Linux 4.9.

Not modelled: the platform device; the driver is loaded and unloaded by hand.
"""

from __future__ import annotations

from ctypes import sizeof
from errno import EFAULT, EINVAL, ENOTTY
from typing import TYPE_CHECKING, cast

from heaps.ion.alloc import ion_alloc, ion_free
from heaps.ion.client import IonClient, ion_client_destroy
from heaps.ion.kernel_map import ion_map_kernel, ion_unmap_kernel
from heaps.ion.share import ion_share_dma_buf_fd
from heaps.ion.vexpress import vexpress_ion_client_create
from soc.dmabuf import (
    DmaBuf,
    dma_buf_begin_cpu_access,
    dma_buf_end_cpu_access,
    dma_buf_get,
    dma_buf_kmap,
    dma_buf_kunmap,
    dma_buf_put,
)
from soc.dmabuf.sanitizer.module import module_unloaded
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.uaccess import copy_from_user, copy_to_user
from soc.kernel.uapi.dmabuf_test import (
    DMABUF_IOC_TEST_GET_FD_FROM_KERNEL,
    DMABUF_IOC_TEST_GET_FD_FROM_USER,
    DmabufTestRwData,
)
from soc.kernel.uapi.ioctl import _IOC_DIR, _IOC_READ, _IOC_SIZE, _IOC_WRITE
from soc.kernel.uapi.ion import ION_FLAG_CACHED, ION_FLAG_CACHED_NEEDS_SYNC, ION_HEAP_SYSTEM_MASK

if TYPE_CHECKING:
    from heaps.ion.handle import IonHandle
    from soc.flows.stage import Stage
    from soc.kernel.mm.vmap import KernelMapping
    from soc.kernel.task import Task

NODE = "/dev/dmabuf-test"
PAGE_SIZE = 4096
CONTENT = b"efgh\n"
MODULE = Holder("kernel", "dmabuf-test")
BOTH = DmaDirection.BIDIRECTIONAL


class DmabufTest:
    """The driver. `heard` is what it printed of buffers from user space."""

    client: IonClient
    handle: IonHandle

    def __init__(self, stage: Stage) -> None:
        self.kernel = stage.kernel
        self.steps = stage.steps
        self.heard: list[bytes] = []

    # --- the module -------------------------------------------------------------------

    def module_init(self) -> None:
        """Make the node, a client, and a buffer with a text in it; or nothing.

        -EPROBE_DEFER before ION, -EEXIST, -ENOMEM.
        """
        kernel, name = self.kernel, "dmabuf-test-client"
        kernel.devfs.add(NODE, self._open)
        try:
            self.client = self.steps.call(
                "dmabuf-test", "vexpress_ion_client_create", lambda: vexpress_ion_client_create(kernel, name)
            )
            try:
                self.alloc()
            except KernelError:
                ion_client_destroy(self.client)
                raise
        except KernelError:
            kernel.devfs.remove(NODE)
            raise

    def alloc(self) -> None:
        """The driver's own buffer, written through the kernel's mapping. -ENOMEM."""
        step, client = self.steps.call, self.client
        flags = ION_FLAG_CACHED | ION_FLAG_CACHED_NEEDS_SYNC
        self.handle = step(
            "dmabuf-test",
            f"ion_alloc({PAGE_SIZE} bytes, system heap)",
            lambda: ion_alloc(client, PAGE_SIZE, 0, ION_HEAP_SYSTEM_MASK, flags),
            lambda handle: f"handle {handle.id}",
        )
        handle = self.handle
        buf = step("dmabuf-test", "ion_map_kernel", lambda: ion_map_kernel(client, handle), mapped_or_null)
        step("dmabuf-test", f"writes {CONTENT!r}", lambda: buf.write(CONTENT))
        step("dmabuf-test", "ion_unmap_kernel", lambda: ion_unmap_kernel(client, handle))

    def module_exit(self) -> None:
        """Everything that init made goes, and then nothing may be left."""
        client, handle = self.client, self.handle
        self.kernel.devfs.remove(NODE)
        self.steps.call("dmabuf-test", "ion_free", lambda: ion_free(client, handle))
        self.steps.call("dmabuf-test", "ion_client_destroy", lambda: ion_client_destroy(client))
        self.check_unloaded()

    def check_unloaded(self) -> None:
        """What the sanitizer finds when the module is gone."""
        self.steps.call("sanitizer", "module_unloaded", lambda: module_unloaded(self.kernel, MODULE))

    # --- its file ---------------------------------------------------------------------

    def ioctl(self, task: Task, cmd: int, arg: int) -> int:
        """-EINVAL for an argument that is too large, -EFAULT, -ENOTTY, the calls' own."""
        size = _IOC_SIZE(cmd)
        if size > sizeof(DmabufTestRwData):
            raise KernelError(EINVAL, f"{NODE}: no argument has {size} bytes")
        raw = copy_from_user(task, arg, size).ljust(sizeof(DmabufTestRwData), b"\0")
        data = DmabufTestRwData.from_buffer_copy(raw if _IOC_DIR(cmd) & _IOC_WRITE else bytes(len(raw)))
        if cmd == DMABUF_IOC_TEST_GET_FD_FROM_KERNEL:
            data.fd = self.fd_for_user()
        elif cmd == DMABUF_IOC_TEST_GET_FD_FROM_USER:
            self.print_buffer(task, data.fd)
        else:
            raise KernelError(ENOTTY, f"{NODE} has no ioctl {cmd:#x}")
        if _IOC_DIR(cmd) & _IOC_READ:
            self.answer(task, arg, data, size)
        return 0

    def fd_for_user(self) -> int:
        """An fd of the driver's own buffer, for the running task. -EMFILE, -ENOMEM."""
        client, handle = self.client, self.handle
        return self.steps.call(
            "dmabuf-test",
            "ion_share_dma_buf_fd",
            lambda: ion_share_dma_buf_fd(client, handle),
            "fd {}".format,
        )

    def answer(self, task: Task, arg: int, data: DmabufTestRwData, size: int) -> None:
        """Tell the program its fd; one that cannot be told is closed. -EFAULT."""
        try:
            copy_to_user(task, arg, bytes(data)[:size])
        except KernelError:
            self.steps.call("dmabuf-test", f"close_fd({data.fd})", lambda: task.files.close(data.fd))
            raise

    def print_buffer(self, task: Task, fd: int) -> None:
        """printk of the text in a buffer of user space's. Whatever fails, what was done before is undone.

        -EINVAL for an fd that is no dma-buf, -EFAULT where the buffer cannot be mapped.
        """
        dmabuf = self.get(task, fd)
        try:
            self.begin(dmabuf)
            try:
                buf = self.kmap(dmabuf)
                self.printk(buf)
                self.kunmap(dmabuf, buf)
            finally:
                self.end(dmabuf)
        finally:
            self.put(dmabuf)

    # --- its calls, one step each -------------------------------------------------------

    def get(self, task: Task, fd: int) -> DmaBuf:
        try:
            return self.steps.call(
                "dmabuf-test", f"dma_buf_get(fd {fd})", lambda: dma_buf_get(task, fd, MODULE)
            )
        except KernelError as error:
            raise KernelError(EINVAL, error.why) from error

    def begin(self, dmabuf: DmaBuf) -> None:
        self.steps.call(
            "dmabuf-test", "dma_buf_begin_cpu_access", lambda: dma_buf_begin_cpu_access(dmabuf, BOTH)
        )

    def kmap(self, dmabuf: DmaBuf) -> KernelMapping:
        buf = self.steps.call("dmabuf-test", "dma_buf_kmap", lambda: dma_buf_kmap(dmabuf, 0), mapped_or_null)
        if buf is None:
            raise KernelError(EFAULT, f"{dmabuf} cannot be mapped for the kernel page by page")
        return buf

    def printk(self, buf: KernelMapping) -> None:
        text = buf.read().tobytes().split(b"\0")[0]
        self.heard.append(text)
        self.kernel.log.info(f"dma-buf-test: buf data:{text.decode(errors='replace')}")
        self.steps.call("dmabuf-test", "printk", lambda: text, repr)

    def kunmap(self, dmabuf: DmaBuf, buf: KernelMapping) -> None:
        self.steps.call("dmabuf-test", "dma_buf_kunmap", lambda: dma_buf_kunmap(dmabuf, 0, buf))

    def end(self, dmabuf: DmaBuf) -> None:
        self.steps.call("dmabuf-test", "dma_buf_end_cpu_access", lambda: dma_buf_end_cpu_access(dmabuf, BOTH))

    def put(self, dmabuf: DmaBuf) -> None:
        self.steps.call("dmabuf-test", "dma_buf_put", lambda: dma_buf_put(dmabuf, MODULE))

    def _open(self, task: Task, flags: int, holder: Holder) -> File:
        return self.kernel.files.open(DMABUF_TEST_FOPS, self, "dmabuf-test", holder, flags)


def mapped_or_null(value: object) -> str:
    """A kernel mapping for people."""
    return "" if value is not None else "NULL"


def _ioctl(task: Task, file: File, cmd: int, arg: int) -> int:
    return cast(DmabufTest, file.private).ioctl(task, cmd, arg)


DMABUF_TEST_FOPS = FileOperations("dmabuf-test", lambda file: None, ioctl=_ioctl, link=lambda file: NODE)
