"""What every call checks of its arguments and of the locks held.

Source: drivers/dma-buf/dma-buf.c; Documentation/driver-api/dma-buf.rst, "locking rules".
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NoReturn

from soc.dmabuf.buffer import DmaBuf, DmaBufAttachment
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder, UseAfterFree
from soc.kernel.generation import Generation

if TYPE_CHECKING:
    from soc.kernel.log import KernelLog


def invalid(log: KernelLog | None, call: str, why: str) -> NoReturn:
    """WARN_ON of a bad argument, where a log is known, and -EINVAL."""
    if log:
        log.warn(f"{call}: {why}")
    raise KernelError(errno.EINVAL, f"{call}: {why}")


def check_alive(dmabuf: DmaBuf, call: str) -> None:
    """UseAfterFree when the buffer is gone."""
    if dmabuf.released:
        dmabuf.file.trap(call)


def check_usable(dmabuf: DmaBuf, call: str) -> None:
    """Kernel code uses the buffer, so kernel code must hold a reference to it.

    References of fds, mappings and messages are user space's to drop at any moment.
    """
    check_alive(dmabuf, call)
    if not any(holder.kind in ("kernel", "importer") for holder in dmabuf.file.holders):
        held_by = dmabuf.file.held_by()
        dmabuf.kernel.log.warn(f"{call}: {dmabuf} is used without a kernel reference; held by {held_by}")


def check_attached(attachment: DmaBufAttachment, call: str) -> None:
    """UseAfterFree when the attachment's buffer is gone or it has been detached."""
    dmabuf = attachment.dmabuf
    check_usable(dmabuf, call)
    if attachment not in dmabuf.attachments:
        error = UseAfterFree(call, str(attachment))
        dmabuf.kernel.log.warn(str(error))
        raise error


def check_own(dmabuf: DmaBuf, holder: Holder, call: str) -> None:
    """Kernel code gives away its own references: those of fds, mappings and messages end in other ways.

    So it is found out who takes dma_buf_fd for a call that takes a reference: the next put is another's.
    """
    if holder.kind in ("fd", "vma", "message"):
        whose = f"the reference of {holder} is not kernel code's to give away"
        dmabuf.kernel.log.warn(f"{call}: {dmabuf}: {whose}; held by {dmabuf.file.held_by()}")


def assert_held(dmabuf: DmaBuf, call: str) -> None:
    """dma_resv_assert_held: since 6.2 the caller holds the lock, or lockdep complains."""
    if dmabuf.kernel.generation >= Generation.V6_12 and not dmabuf.resv.held:
        dmabuf.kernel.log.warn(f"{call}: the reservation lock of {dmabuf} is not held")


def might_lock(dmabuf: DmaBuf, call: str) -> None:
    """Since 6.2 the caller must not hold the lock, which an exporter may take."""
    if dmabuf.kernel.generation >= Generation.V6_12 and dmabuf.resv.held:
        dmabuf.kernel.log.warn(f"{call}: the reservation lock of {dmabuf} is held already")
