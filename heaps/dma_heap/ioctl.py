"""The ioctl of /dev/dma_heap/<name>, and how little of its number is looked at.

Only nr picks the command: the magic may be any. The direction bits decide what is
copied, and the size is the program's own: what its structure lacks is zero, what it
has beyond the kernel's is ignored.

    1 the number's nr: unknown ones are -EINVAL
    2 copy in, if the number says that the program writes
    3 a buffer, and a number reserved for its fd
    4 copy out, if the number says that the program reads; also after a failure
    5 fd_install

Nothing of 3 is left behind by a failure of 4. A program that does not read gets an
fd that it does not know of.
Source: dma_heap_ioctl (drivers/dma-buf/dma-heap.c, 6.12).

Not modelled: array_index_nospec, for nothing here is executed by speculation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from errno import EINVAL
from typing import TYPE_CHECKING, cast

from heaps.dma_heap.heap import DmaHeap, dma_heap_buffer_alloc
from soc.dmabuf import DmaBuf, dma_buf_put
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File
from soc.kernel.uaccess import copy_from_user, copy_to_user
from soc.kernel.uapi.dma_heap import DMA_HEAP_IOCTL_ALLOC, DmaHeapAllocationData
from soc.kernel.uapi.ioctl import _IOC_DIR, _IOC_NR, _IOC_READ, _IOC_SIZE, _IOC_WRITE

if TYPE_CHECKING:
    from soc.kernel.task import Task

STACK_KDATA = 128
"""Bytes of an argument that need no kmalloc."""


@dataclass(frozen=True)
class ReservedFd:
    """A buffer and the number of `task` that is to be its fd."""

    task: Task
    dmabuf: DmaBuf
    fd: int

    def install(self) -> None:
        """From now on it is the program's."""
        self.task.files.fd_install(self.fd, self.dmabuf.file, self.dmabuf.exporter)

    def cancel(self) -> None:
        """Neither was ever there."""
        self.task.files.put_unused_fd(self.fd)
        dma_buf_put(self.dmabuf, self.dmabuf.exporter)


def dma_heap_ioctl(task: Task, file: File, ucmd: int, arg: int) -> int:
    """One call of a program. -EINVAL for an unknown nr, -EFAULT, -ENOMEM, and what the command fails with."""
    nr = _IOC_NR(ucmd)
    if nr >= len(COMMANDS):
        raise KernelError(EINVAL, f"/dev/dma_heap/{file.name} has no ioctl nr {nr}")
    kcmd, run = COMMANDS[nr]
    size, both = _IOC_SIZE(ucmd), _IOC_DIR(ucmd) & _IOC_DIR(kcmd)
    in_size = size if both & _IOC_WRITE else 0
    out_size = size if both & _IOC_READ else 0
    ksize = max(in_size, out_size, _IOC_SIZE(kcmd))
    if ksize > STACK_KDATA:
        task.kernel.faults.kmalloc("ioctl argument")
    kdata = bytearray(copy_from_user(task, arg, in_size) if in_size else b"").ljust(ksize, b"\0")
    reserved, failure = None, None
    try:
        reserved = run(task, cast(DmaHeap, file.private), kdata)
    except KernelError as error:
        failure = error
    try:
        if out_size:
            copy_to_user(task, arg, bytes(kdata[:out_size]))
    except KernelError:
        if reserved:
            reserved.cancel()
        raise
    if failure:
        raise failure
    if reserved:
        reserved.install()
    return 0


def dma_heap_ioctl_allocate(task: Task, heap: DmaHeap, kdata: bytearray) -> ReservedFd:
    """DMA_HEAP_IOCTL_ALLOC; the fd's number is put into `kdata`. -EINVAL if that is not 0 before; -EMFILE."""
    data = DmaHeapAllocationData.from_buffer(kdata)
    if data.fd:
        raise KernelError(EINVAL, f"{heap}: fd is {data.fd} on entry, not 0")
    dmabuf = dma_heap_buffer_alloc(heap, data.len, data.fd_flags, data.heap_flags)
    try:
        fd = task.files.get_unused_fd(bool(data.fd_flags & os.O_CLOEXEC))
    except KernelError:
        dma_buf_put(dmabuf, dmabuf.exporter)
        raise
    data.fd = fd
    return ReservedFd(task, dmabuf, fd)


COMMANDS: tuple[tuple[int, Callable[[Task, DmaHeap, bytearray], ReservedFd]], ...] = (
    (DMA_HEAP_IOCTL_ALLOC, dma_heap_ioctl_allocate),
)
"""(the kernel's own number, what it does), by nr."""
