"""What a program can do with the fd of a dma-buf.

Source: dma_buf_fops in drivers/dma-buf/dma-buf.c; include/uapi/linux/dma-buf.h.

Not modelled: before 5.3 all dma-bufs shared the inode of anonymous files; here
each has its own in every generation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import EINVAL, EOVERFLOW
from functools import cache
from typing import TYPE_CHECKING, cast

from soc.address import PAGE_SHIFT
from soc.dmabuf.buffer import DmaBuf
from soc.dmabuf.ioctl import dma_buf_ioctl
from soc.dmabuf.poll import DmaBufPolls
from soc.dmabuf.rules import check_alive, might_lock
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.fs.poll import PollTable
from soc.kernel.generation import Generation

if TYPE_CHECKING:
    from soc.kernel.mm.vma import Vma

KIND = "dma-buf"
PAGES = 1 << 52
"""Page offsets wrap there: an unsigned long of bytes."""


@cache
def dma_buf_fops(generation: Generation, release: Callable[[File], None]) -> FileOperations:
    """The operations of a dma-buf's file in one generation."""
    if generation < Generation.V4_9:
        return FileOperations(KIND, release)
    named = generation >= Generation.V6_12
    return FileOperations(
        KIND,
        release,
        ioctl=dma_buf_ioctl,
        mmap=_mmap,
        llseek=_llseek,
        poll=_poll,
        fdinfo=_fdinfo if named else None,
        link=_link if named else None,
        size=(lambda file: _of(file).size) if named else None,
    )


def is_dma_buf_file(file: File) -> bool:
    return isinstance(file.private, DmaBuf)


def dma_buf_mmap(dmabuf: DmaBuf | None, vma: Vma, pgoff: int) -> None:
    """A driver maps what it has imported as its own: `vma` shows the buffer from page `pgoff` on.

    -EINVAL for NULL, an exporter without mmap, or beyond the end; -EOVERFLOW when the offset wraps.
    """
    if dmabuf is None:
        raise KernelError(EINVAL, "dma_buf_mmap: no dma-buf")
    check_alive(dmabuf, "dma_buf_mmap")
    might_lock(dmabuf, "dma_buf_mmap")
    if dmabuf.ops.mmap is None:
        raise KernelError(EINVAL, f"{dmabuf}: its exporter maps nothing for programs")
    if pgoff + vma.pages >= PAGES:
        raise KernelError(EOVERFLOW, f"{dmabuf}: {vma.pages} pages from page {pgoff} wrap")
    _check_inside(dmabuf, vma.pages, pgoff)
    before, giver = vma.file, vma.holder
    vma.holder = giver or Holder("vma", f"{vma.start:#x} of {vma.mm.owner}")
    dmabuf.file.get(vma.holder)
    vma.file, vma.pgoff = dmabuf.file, pgoff
    if before is not None and giver is not None:
        before.put(giver)
    dmabuf.ops.mmap(dmabuf, vma)


def _mmap(file: File, vma: Vma) -> None:
    dmabuf = _of(file)
    if dmabuf.ops.mmap is None:
        raise KernelError(EINVAL, f"{dmabuf}: its exporter maps nothing for programs")
    _check_inside(dmabuf, vma.pages, vma.pgoff)
    dmabuf.ops.mmap(dmabuf, vma)


def _check_inside(dmabuf: DmaBuf, pages: int, pgoff: int) -> None:
    if pgoff + pages > dmabuf.size >> PAGE_SHIFT:
        has = f"it has {dmabuf.size >> PAGE_SHIFT}"
        raise KernelError(EINVAL, f"{dmabuf}: {pages} pages from page {pgoff} were asked for, {has}")


def _llseek(file: File, offset: int, whence: int) -> int:
    """Only the size can be asked for, and the way back to the beginning."""
    if offset or whence not in (os.SEEK_SET, os.SEEK_END):
        raise KernelError(EINVAL, f"{file}: only SEEK_END and SEEK_SET to 0 exist")
    return _of(file).size if whence == os.SEEK_END else 0


def _poll(file: File, table: PollTable | None) -> int:
    dmabuf = _of(file)
    return dmabuf.kernel.subsystem(DmaBufPolls).poll(dmabuf, table)


def _fdinfo(file: File) -> str:
    """The count leaves out the reference that reading it takes."""
    dmabuf = _of(file)
    name = "" if dmabuf.name is None else f"name:\t{dmabuf.name}\n"
    return f"size:\t{dmabuf.size}\ncount:\t{file.f_count - 1}\nexp_name:\t{dmabuf.exp_name}\n{name}"


def _link(file: File) -> str:
    return f"/dmabuf:{_of(file).name or ''}"


def _of(file: File) -> DmaBuf:
    return cast(DmaBuf, file.private)
