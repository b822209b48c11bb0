"""The calls of the dma-buf framework, as of 2011 (Linux 3.3).

    exporter                      user space          importer
    1 dma_buf_export
    2 dma_buf_fd  --- fd -------> passes it on -----> 3 dma_buf_get
                                                      4 dma_buf_attach
                                                      5 dma_buf_map_attachment ... DMA ...
                                                      6 dma_buf_unmap_attachment
                                                      7 dma_buf_detach
      release  <----------------- close(fd) --------- 8 dma_buf_put

A call that returns ERR_PTR(-errno) in the kernel raises KernelError here; a
WARN_ON goes to the kernel's log. Source: drivers/base/dma-buf.c.

Where 2011 is silent or flawed, this is what the model does:
- a NULL argument is warned about in the log of the kernel that the other
  argument belongs to; when there is none, -EINVAL is raised for void calls too;
- an exporter that returns NULL from map_dma_buf gives -ENOMEM, as later kernels
  do; 2011 hands the NULL to the importer;
- the framework checks neither mappings nor attachments when one of them goes
  away; the model warns, naming buffer and holder, and goes on as the kernel would;
- a buffer or attachment used after its end is a warning and UseAfterFree;
- the creation of the anonymous file is not checked in 2011; here it cannot fail.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NoReturn, cast

from soc.dmabuf.buffer import DmaBuf, DmaBufAttachment, DmaBufOps, Mapping
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder, UseAfterFree
from soc.kernel.scatterlist import DmaDirection, SgTable

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.kernel import Kernel
    from soc.kernel.log import KernelLog
    from soc.kernel.task import Task


def dma_buf_export(
    kernel: Kernel, priv: object, ops: DmaBufOps | None, size: int, flags: int, exp_name: str = "dmabuf"
) -> DmaBuf:
    """A new buffer of `size` bytes whose one reference is held by `kernel <exp_name>`.

    -EINVAL with a WARN when `priv`, `ops` or a mandatory operation is missing.
    `exp_name` is what reports call the exporter; 2011 has no such field.
    """
    if priv is None or ops is None or not (ops.map_dma_buf and ops.unmap_dma_buf and ops.release):
        _invalid(kernel.log, "dma_buf_export", "priv, map_dma_buf, unmap_dma_buf and release are mandatory")
    dmabuf = DmaBuf(kernel, priv, ops, size, Holder("kernel", exp_name))
    dmabuf.file = kernel.files.open(DMA_BUF_FOPS, dmabuf, exp_name, dmabuf.exporter, flags)
    return dmabuf


def dma_buf_fd(task: Task, dmabuf: DmaBuf | None, holder: Holder | None = None) -> int:
    """The lowest free fd of `task` for the buffer. Consumes the reference of `holder`.

    `holder` defaults to the exporter. -EINVAL for NULL; -EMFILE when the table is
    full, and the caller still owns its reference.
    """
    if dmabuf is None:
        raise KernelError(errno.EINVAL, "dma_buf_fd: no dma-buf")
    _check_alive(dmabuf, "dma_buf_fd")
    fd = task.files.get_unused_fd()
    task.files.fd_install(fd, dmabuf.file, holder or dmabuf.exporter)
    return fd


def dma_buf_get(task: Task, fd: int, holder: Holder) -> DmaBuf:
    """The buffer behind `fd`, with a new reference for `holder`.

    -EBADF for an fd that is not open, -EINVAL for one that is no dma-buf.
    """
    file = task.files.fget(fd, holder)
    if file.ops is not DMA_BUF_FOPS:
        file.put(holder)
        raise KernelError(errno.EINVAL, f"fd {fd} of {task} is {file}, not a dma-buf")
    return cast(DmaBuf, file.private)


def dma_buf_put(dmabuf: DmaBuf | None, holder: Holder) -> None:
    """Give the reference of `holder` back; the last one releases the buffer."""
    if dmabuf is None:
        raise KernelError(errno.EINVAL, f"dma_buf_put: no dma-buf, put by {holder}")
    _check_alive(dmabuf, "dma_buf_put")
    dmabuf.file.put(holder)


def dma_buf_attach(dmabuf: DmaBuf | None, device: Device | None) -> DmaBufAttachment:
    """Declare that `device` will use the buffer; nothing is mapped yet.

    -EINVAL with a WARN for NULL; otherwise the errno of the exporter's attach.
    """
    if dmabuf is None or device is None:
        known = dmabuf or device
        _invalid(known.kernel.log if known else None, "dma_buf_attach", "no dma-buf or no device")
    _check_usable(dmabuf, "dma_buf_attach")
    attachment = DmaBufAttachment(dmabuf, device)
    if dmabuf.ops.attach:
        dmabuf.ops.attach(dmabuf, device, attachment)
    dmabuf.attachments.append(attachment)
    dmabuf.file.note("attach", device.name)
    return attachment


def dma_buf_detach(dmabuf: DmaBuf | None, attachment: DmaBufAttachment | None) -> None:
    """End the attachment. WARN, and nothing else, for NULL or another buffer's attachment.

    Its mappings must be gone: any that is left is warned about and stays mapped.
    """
    if attachment is None or attachment.dmabuf is not dmabuf:
        known = dmabuf or (attachment.dmabuf if attachment else None)
        if known is None:
            _invalid(None, "dma_buf_detach", "no dma-buf and no attachment")
        asked = f"asked of {dmabuf or 'no dma-buf'}"
        known.kernel.log.warn(f"dma_buf_detach: {attachment or 'no attachment'}, {asked}")
        return
    _check_attached(attachment, "dma_buf_detach")
    for mapping in attachment.mappings:
        dmabuf.kernel.log.warn(f"dma_buf_detach: {dmabuf} is still mapped by {mapping}")
    dmabuf.attachments.remove(attachment)
    if dmabuf.ops.detach:
        dmabuf.ops.detach(dmabuf, attachment)
    dmabuf.file.note("detach", attachment.device.name)


def dma_buf_map_attachment(attachment: DmaBufAttachment | None, direction: DmaDirection) -> SgTable:
    """The buffer's table, its DMA side filled for the attachment's device.

    -EINVAL for NULL, the exporter's errno, -ENOMEM when it returns NULL.
    """
    if attachment is None:
        _invalid(None, "dma_buf_map_attachment", "no attachment")
    _check_attached(attachment, "dma_buf_map_attachment")
    dmabuf = attachment.dmabuf
    assert dmabuf.ops.map_dma_buf is not None  # dma_buf_export refuses such operations
    sgt = dmabuf.ops.map_dma_buf(attachment, direction)
    if sgt is None:
        raise KernelError(
            errno.ENOMEM, f"{dmabuf}: the exporter could not map it for {attachment.device.name}"
        )
    mapping = Mapping(attachment, sgt, direction)
    dmabuf.mappings.append(mapping)
    dmabuf.file.note("map", str(mapping))
    return sgt


def dma_buf_unmap_attachment(attachment: DmaBufAttachment | None, sgt: SgTable | None) -> None:
    """The device's DMA is over: give the table back. WARN for NULL or a table that is not mapped."""
    if attachment is None:
        raise KernelError(errno.EINVAL, "dma_buf_unmap_attachment: no attachment")
    dmabuf = attachment.dmabuf
    if sgt is None:
        dmabuf.kernel.log.warn(f"dma_buf_unmap_attachment: {attachment}: no table")
        return
    _check_attached(attachment, "dma_buf_unmap_attachment")
    mapping = next((mapping for mapping in attachment.mappings if mapping.sgt is sgt), None)
    if mapping is None:
        dmabuf.kernel.log.warn(f"dma_buf_unmap_attachment: {attachment}: the table is not mapped")
        return
    dmabuf.file.note("unmap", str(mapping))
    dmabuf.mappings.remove(mapping)
    assert dmabuf.ops.unmap_dma_buf is not None  # dma_buf_export refuses such operations
    dmabuf.ops.unmap_dma_buf(attachment, sgt)


def dma_bufs(kernel: Kernel) -> list[DmaBuf]:
    """Every live dma-buf of the kernel, oldest first."""
    return [cast(DmaBuf, file.private) for file in kernel.files.live() if file.ops is DMA_BUF_FOPS]


def _release(file: File) -> None:
    """The last reference is gone. What still uses the buffer is warned about, then it is released."""
    dmabuf = cast(DmaBuf, file.private)
    for attachment in dmabuf.attachments:
        dmabuf.kernel.log.warn(f"dma_buf_release: {dmabuf} is still attached to {attachment.device.name}")
    for mapping in dmabuf.mappings:
        dmabuf.kernel.log.warn(f"dma_buf_release: {dmabuf} is still mapped by {mapping}")
    assert dmabuf.ops.release is not None  # dma_buf_export refuses such operations
    dmabuf.ops.release(dmabuf)
    file.note("release", dmabuf.exp_name)


DMA_BUF_FOPS = FileOperations("dma-buf", _release)


def _invalid(log: KernelLog | None, call: str, why: str) -> NoReturn:
    """WARN_ON of a bad argument, where a log is known, and -EINVAL."""
    if log:
        log.warn(f"{call}: {why}")
    raise KernelError(errno.EINVAL, f"{call}: {why}")


def _check_alive(dmabuf: DmaBuf, call: str) -> None:
    if dmabuf.released:
        dmabuf.file.trap(call)


def _check_usable(dmabuf: DmaBuf, call: str) -> None:
    """Kernel code uses the buffer, so kernel code must hold a reference to it.

    References of fds, mappings and messages are user space's to drop at any moment.
    """
    _check_alive(dmabuf, call)
    if not any(holder.kind in ("kernel", "importer") for holder in dmabuf.file.holders):
        held_by = dmabuf.file.held_by()
        dmabuf.kernel.log.warn(f"{call}: {dmabuf} is used without a kernel reference; held by {held_by}")


def _check_attached(attachment: DmaBufAttachment, call: str) -> None:
    """UseAfterFree when the attachment's buffer is gone or it has been detached."""
    dmabuf = attachment.dmabuf
    _check_usable(dmabuf, call)
    if attachment not in dmabuf.attachments:
        error = UseAfterFree(call, str(attachment))
        dmabuf.kernel.log.warn(str(error))
        raise error
