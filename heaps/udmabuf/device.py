"""/dev/udmabuf: a program makes a dma-buf of memory that it has itself.

The memory is that of memfds which cannot shrink any more (F_SEAL_SHRINK) and may
still be written. Its pages are pinned for as long as the buffer lives.
Source: drivers/dma-buf/udmabuf.c (6.12); the checks of a range are memfd_pin_folios' (mm/gup.c).

Not modelled: memfds of huge pages, which do not exist here; shmem files that are no memfds.
"""

from __future__ import annotations

import os
from ctypes import sizeof
from errno import EBADFD, EINVAL, ENOTTY
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from heaps.udmabuf.buffer import Udmabuf
from soc.address import PAGE_MASK, PAGE_SHIFT
from soc.devicetree.node import Node
from soc.devicetree.values import RawNode
from soc.dmabuf import dma_buf_export, dma_buf_fd, dma_buf_put
from soc.errors import Where
from soc.kernel.device import Device
from soc.kernel.dma import dma_set_mask_and_coherent
from soc.kernel.errors import KernelError
from soc.kernel.fs.fcntl import memfd_fcntl
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.fs.memfd import MemFile, mem_file
from soc.kernel.generation import Generation
from soc.kernel.uaccess import copy_from_user, get_user
from soc.kernel.uapi.memfd import F_GET_SEALS, F_SEAL_FUTURE_WRITE, F_SEAL_SHRINK, F_SEAL_WRITE
from soc.kernel.uapi.udmabuf import (
    UDMABUF_CREATE,
    UDMABUF_CREATE_LIST,
    UDMABUF_FLAGS_CLOEXEC,
    UdmabufCreate,
    UdmabufCreateItem,
    UdmabufCreateList,
)
from soc.memory.span import Frames

if TYPE_CHECKING:
    from soc.kernel.kernel import Kernel
    from soc.kernel.task import Task

NAME = "udmabuf"
LIST_LIMIT = 1024
SIZE_LIMIT_MB = 64
U64 = 1 << 64
SEALS_WANTED, SEALS_DENIED = F_SEAL_SHRINK, F_SEAL_WRITE | F_SEAL_FUTURE_WRITE


class UdmabufDevice:
    """The misc device. `list_limit` items, `size_limit_mb` MiB in all of them (module parameters)."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.list_limit = LIST_LIMIT
        self.size_limit_mb = SIZE_LIMIT_MB
        self.device = Device(kernel, Node(RawNode(NAME, None, Where(Path(), 0)), None, {}))
        dma_set_mask_and_coherent(self.device, 64)
        kernel.devfs.add(f"/dev/{NAME}", self._open)

    def _open(self, task: Task, flags: int, holder: Holder) -> File:
        return self.kernel.files.open(UDMABUF_FOPS, self, NAME, holder, flags)

    def create(self, task: Task, flags: int, items: list[UdmabufCreateItem]) -> int:
        """The fd of a buffer of all `items` in a row.

        -EINVAL for what is not whole pages, or none, too much, beyond its memfd or not sealed as it must be;
        -EBADFD for an fd that is no memfd; -ENOMEM, -EMFILE. Nothing is left behind then.
        """
        self.kernel.faults.kmalloc("udmabuf")
        self._check_sizes(items)
        for what in ("folio array", "offset array"):
            self.kernel.faults.kmalloc(what)
        buffer = Udmabuf(self.kernel, self.device, self._pin_all(task, items))
        size = len(buffer.frames) << PAGE_SHIFT
        try:
            dmabuf = dma_buf_export(self.kernel, buffer, buffer.ops(), size, os.O_RDWR, NAME)
        except KernelError:
            buffer.unpin()
            raise
        try:
            return dma_buf_fd(task, dmabuf, os.O_CLOEXEC if flags & UDMABUF_FLAGS_CLOEXEC else 0)
        except KernelError:
            dma_buf_put(dmabuf, dmabuf.exporter)
            raise

    def _check_sizes(self, items: list[UdmabufCreateItem]) -> None:
        pages, limit = 0, self.size_limit_mb << 20 >> PAGE_SHIFT
        for item in items:
            pages += item.size >> PAGE_SHIFT
            if (item.offset | item.size) & PAGE_MASK or pages > limit:
                what = f"{item.size:#x} bytes at {item.offset:#x}"
                raise KernelError(EINVAL, f"udmabuf: {what} are not whole pages, or beyond {limit} in all")
        if not pages:
            raise KernelError(EINVAL, "udmabuf: no pages")

    def _pin_all(self, task: Task, items: list[UdmabufCreateItem]) -> Frames:
        parts: list[Frames] = []
        try:
            for item in items:
                parts.append(self._pin(task, item))
        except KernelError:
            for part in parts:
                self.kernel.memory.pages.movable.unpin(part)
            raise
        return np.concatenate(parts)

    def _pin(self, task: Task, item: UdmabufCreateItem) -> Frames:
        """The frames of one item, pinned."""
        holder = Holder("kernel", f"udmabuf of {task}")
        try:
            file = task.files.fget(item.memfd, holder)
        except KernelError as error:
            raise KernelError(EBADFD, f"udmabuf: {error.why}") from error
        try:
            memory = _checked(file)
            last = (item.offset + item.size - 1) % U64
            if item.offset > last or last >= memory.size:
                what = f"{item.size:#x} bytes at {item.offset:#x}"
                raise KernelError(EINVAL, f"udmabuf: {what} of {memory}, which has {memory.size:#x}")
            return memory.pin(item.offset >> PAGE_SHIFT, item.size >> PAGE_SHIFT)
        finally:
            file.put(holder)


def udmabuf_ioctl(task: Task, file: File, cmd: int, arg: int) -> int:
    """The fd of a new buffer. -ENOTTY, -EFAULT, -EINVAL for a list that is too long; as `create`."""
    device = cast(UdmabufDevice, file.private)
    if cmd == UDMABUF_CREATE:
        one = get_user(task, arg, UdmabufCreate)
        return device.create(task, one.flags, [UdmabufCreateItem(one.memfd, 0, one.offset, one.size)])
    if cmd != UDMABUF_CREATE_LIST:
        raise KernelError(ENOTTY, f"/dev/{NAME} has no ioctl {cmd:#x}")
    head = get_user(task, arg, UdmabufCreateList)
    if head.count > device.list_limit:
        raise KernelError(EINVAL, f"udmabuf: a list of {head.count} items, the limit is {device.list_limit}")
    task.kernel.faults.kmalloc("udmabuf list")
    size = sizeof(UdmabufCreateItem)
    data = copy_from_user(task, arg + sizeof(UdmabufCreateList), head.count * size) if head.count else b""
    items = [UdmabufCreateItem.from_buffer_copy(data, index * size) for index in range(head.count)]
    return device.create(task, head.flags, items)


def udmabuf_init(kernel: Kernel) -> None:
    """Load the module, in kernels that have it."""
    if kernel.generation >= Generation.V6_12:
        kernel.subsystem(UdmabufDevice)


def _checked(file: File) -> MemFile:
    """The memory of a memfd with the right seals. -EBADFD for another file, -EINVAL for other seals."""
    memory = mem_file(file)
    if memory is None:
        raise KernelError(EBADFD, f"udmabuf: {file} is no memfd")
    seals = memfd_fcntl(file, F_GET_SEALS)
    if seals & SEALS_WANTED != SEALS_WANTED or seals & SEALS_DENIED:
        raise KernelError(
            EINVAL, f"udmabuf: {memory} has seals {seals:#x}: it must not shrink, and be writable"
        )
    return memory


UDMABUF_FOPS = FileOperations(NAME, lambda file: None, ioctl=udmabuf_ioctl, link=lambda file: f"/dev/{NAME}")
