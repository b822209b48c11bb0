"""A buffer's life as a file: export, fd, get and put, release.

Source: drivers/dma-buf/dma-buf.c, drivers/base/dma-buf.c in 2011. The last put
releases at once; the kernel does it when the task returns to user space.

Not modelled: module references but for a module that is going away.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, cast

from soc.dmabuf.buffer import DmaBuf, DmaBufOps
from soc.dmabuf.fileops import dma_buf_fops, is_dma_buf_file
from soc.dmabuf.poll import DmaBufPolls
from soc.dmabuf.resv import DmaResv, dma_resv_fini
from soc.dmabuf.rules import check_alive, check_own, invalid
from soc.dmabuf.sanitizer.strays import StrayWatch
from soc.dmabuf.sysfs_stats import check_stats, dma_buf_stats_setup, dma_buf_stats_teardown
from soc.kernel.errors import KernelBug, KernelError
from soc.kernel.fs.file import File, Holder
from soc.kernel.generation import Generation

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.task import Task


def dma_buf_export(
    kernel: KernelCore,
    priv: object,
    ops: DmaBufOps | None,
    size: int,
    flags: int,
    exp_name: str = "dmabuf",
    resv: DmaResv | None = None,
    owner_going: bool = False,
) -> DmaBuf:
    """A new buffer of `size` bytes whose one reference is held by `kernel <exp_name>`.

    -EINVAL with a WARN when `priv`, `ops` or a mandatory operation is missing, or pin and unpin
    are not a pair, or come with cache_sgt_mapping; -ENOENT when the exporting module is
    being unloaded; -EINVAL for no `exp_name` where sysfs has statistics; -ENOMEM. `resv` is
    the exporter's, if it has one.
    """
    if priv is None or ops is None or not (ops.map_dma_buf and ops.unmap_dma_buf and ops.release):
        invalid(kernel.log, "dma_buf_export", "priv, map_dma_buf, unmap_dma_buf and release are mandatory")
    if kernel.generation >= Generation.V6_12:
        if ops.cache_sgt_mapping and (ops.pin or ops.unpin):
            invalid(kernel.log, "dma_buf_export", "pin and unpin do not go with cache_sgt_mapping")
        if bool(ops.pin) is not bool(ops.unpin):
            invalid(kernel.log, "dma_buf_export", "pin and unpin come together or not at all")
    if owner_going:
        raise KernelError(errno.ENOENT, f"dma_buf_export: module {exp_name} is going away")
    kernel.faults.kmalloc("dma_buf")
    kernel.faults.kmalloc("file")
    check_stats(kernel, exp_name)
    holder, own = Holder("kernel", exp_name), resv is None
    dmabuf = DmaBuf(kernel, priv, ops, size, holder, resv or DmaResv(kernel, exp_name), own)
    fops = dma_buf_fops(kernel.generation, _release)
    dmabuf.file = kernel.files.open(fops, dmabuf, exp_name, dmabuf.exporter, flags)
    dma_buf_stats_setup(dmabuf)
    return dmabuf


def dma_buf_fd(task: Task, dmabuf: DmaBuf | None, flags: int = 0, holder: Holder | None = None) -> int:
    """The lowest free fd of `task` for the buffer. Consumes the reference of `holder`.

    `flags` may have O_CLOEXEC. `holder` defaults to the exporter; one of user space's is a WARN. -EINVAL
    for NULL; -EMFILE when the table is full, and the caller still owns its reference.
    Another thread of the task may have closed the fd when this returns.
    """
    if dmabuf is None:
        raise KernelError(errno.EINVAL, "dma_buf_fd: no dma-buf")
    check_alive(dmabuf, "dma_buf_fd")
    holder = holder or dmabuf.exporter
    check_own(dmabuf, holder, "dma_buf_fd")
    fd = task.files.get_unused_fd(bool(flags & os.O_CLOEXEC))
    task.files.fd_install(fd, dmabuf.file, holder)
    return fd


def dma_buf_get(task: Task, fd: int, holder: Holder) -> DmaBuf:
    """The buffer behind `fd`, with a new reference for `holder`.

    -EBADF for an fd that is not open, -EINVAL for one that is no dma-buf.
    """
    file = task.files.fget(fd, holder)
    if not is_dma_buf_file(file):
        file.put(holder)
        raise KernelError(errno.EINVAL, f"fd {fd} of {task} is {file}, not a dma-buf")
    return cast(DmaBuf, file.private)


def get_dma_buf(dmabuf: DmaBuf, holder: Holder) -> None:
    """One more reference, for `holder`."""
    check_alive(dmabuf, "get_dma_buf")
    dmabuf.file.get(holder)


def dma_buf_put(dmabuf: DmaBuf | None, holder: Holder) -> None:
    """Give the reference of `holder` back; the last one releases the buffer.

    -EINVAL for NULL; WARN for a reference of user space's.
    """
    if dmabuf is None:
        raise KernelError(errno.EINVAL, f"dma_buf_put: no dma-buf, put by {holder}")
    check_alive(dmabuf, "dma_buf_put")
    check_own(dmabuf, holder, "dma_buf_put")
    dmabuf.file.put(holder)


def dma_bufs(kernel: KernelCore) -> list[DmaBuf]:
    """Every live dma-buf of the kernel, oldest first."""
    return [cast(DmaBuf, file.private) for file in kernel.files.live() if is_dma_buf_file(file)]


def _release(file: File) -> None:
    """The last reference is gone. What still uses the buffer is warned about, then it is released."""
    dmabuf = cast(DmaBuf, file.private)
    log = dmabuf.kernel.log
    _bug_if(dmabuf, dmabuf.vmapping_counter != 0, f"vmapped {dmabuf.vmapping_counter} times")
    _bug_if(dmabuf, dmabuf.kernel.subsystem(DmaBufPolls).armed(dmabuf), "waited for by a poll")
    for attachment in dmabuf.attachments:
        log.warn(f"dma_buf_release: {dmabuf} is still attached to {attachment.device.name}")
    for mapping in dmabuf.mappings:
        log.warn(f"dma_buf_release: {dmabuf} is still mapped by {mapping}")
    dmabuf.kernel.subsystem(StrayWatch).released(dmabuf)
    dma_buf_stats_teardown(dmabuf)
    assert dmabuf.ops.release is not None  # dma_buf_export refuses such operations
    dmabuf.ops.release(dmabuf)
    if dmabuf.owns_resv:
        dma_resv_fini(dmabuf.resv)
    file.note("release", dmabuf.exp_name)


def _bug_if(dmabuf: DmaBuf, broken: bool, how: str) -> None:
    if broken:
        dmabuf.kernel.log.warn(f"kernel BUG: dma_buf_release: {dmabuf} is still {how}")
        raise KernelBug(f"dma_buf_release: {dmabuf} is still {how}")
