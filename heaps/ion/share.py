"""Buffers as dma-bufs: out of a client by a handle, into another one by the dma-buf.

Source: ion_share_dma_buf, ion_import_dma_buf, ion_sync_for_device (ion.c, 4.9).

Nothing but the fd table of the running task is meant by an fd.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EBADF, EINVAL
from typing import TYPE_CHECKING, cast

from heaps.ion.buffer import IonBuffer
from heaps.ion.export import ION_DMA_BUF_OPS
from heaps.ion.handle import (
    IonHandle,
    ion_handle_add,
    ion_handle_create,
    ion_handle_get,
    ion_handle_put_nolock,
    ion_handle_validate,
)
from soc.dmabuf import DmaBuf, dma_buf_export, dma_buf_fd, dma_buf_get, dma_buf_put
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder

if TYPE_CHECKING:
    from heaps.ion.client import IonClient
    from heaps.ion.device import IonDevice
    from soc.kernel.task import Task

EXP_NAME = "ion"


def ion_share_dma_buf(client: IonClient, handle: IonHandle) -> DmaBuf:
    """A new dma-buf of the handle's buffer, another one with each call; the caller has its reference.

    WARN and -EINVAL for a handle that is not valid; -ENOMEM.
    """
    kernel = client.device.kernel
    with client.lock:
        if not ion_handle_validate(client, handle):
            kernel.log.warn(f"ion_share_dma_buf: invalid handle passed to share: {handle}")
            raise KernelError(EINVAL, f"{handle} is not valid")
        buffer = handle.buffer
        buffer.get()
    try:
        return dma_buf_export(kernel, buffer, ION_DMA_BUF_OPS, buffer.size, os.O_RDWR, EXP_NAME)
    except KernelError:
        buffer.put()
        raise


def ion_share_dma_buf_fd(client: IonClient, handle: IonHandle) -> int:
    """The same as an fd, close-on-exec, of the running task. -EMFILE, too, and nothing is left then."""
    dmabuf = ion_share_dma_buf(client, handle)
    try:
        return dma_buf_fd(_current(client.device), dmabuf, os.O_CLOEXEC)
    except KernelError:
        dma_buf_put(dmabuf, dmabuf.exporter)
        raise


def ion_import_dma_buf(client: IonClient, dmabuf: DmaBuf) -> IonHandle:
    """The client's handle of a dma-buf's buffer: the one it has, with one reference more, or a new one.

    -EINVAL for a dma-buf that is not ION's; -ENOMEM.
    """
    buffer = _ion_buffer(client.device, dmabuf, "import")
    with client.lock:
        known = client.handles.get(buffer)
        if known is not None:
            ion_handle_get(known)
            return known
        handle = ion_handle_create(client, buffer)
        try:
            ion_handle_add(client, handle)
        except KernelError:
            ion_handle_put_nolock(handle)
            raise
    return handle


def ion_import_dma_buf_fd(client: IonClient, fd: int) -> IonHandle:
    """The same by an fd of the running task; before 4.9 this was ion_import_dma_buf. -EBADF, -EINVAL."""
    with _dma_buf(client.device, fd, "import") as dmabuf:
        return ion_import_dma_buf(client, dmabuf)


def ion_sync_for_device(client: IonClient, fd: int) -> None:
    """The whole buffer is cleaned and invalidated, for no device in particular. -EBADF, -EINVAL."""
    with _dma_buf(client.device, fd, "sync") as dmabuf:
        buffer = _ion_buffer(client.device, dmabuf, "sync")
        cache = client.device.kernel.cache
        if cache is not None:
            for span in buffer.table.spans:
                cache.clean(span)
                cache.invalidate(span)


def _ion_buffer(device: IonDevice, dmabuf: DmaBuf, what: str) -> IonBuffer:
    """The buffer behind a dma-buf of ION's."""
    if dmabuf.ops is not ION_DMA_BUF_OPS:
        device.kernel.log.error(f"ion: can not {what} dmabuf from another exporter: {dmabuf}")
        raise KernelError(EINVAL, f"{dmabuf} is not ION's")
    return cast(IonBuffer, dmabuf.priv)


@contextmanager
def _dma_buf(device: IonDevice, fd: int, what: str) -> Iterator[DmaBuf]:
    """The dma-buf of an fd, held for the length of a call."""
    task = _current(device)
    holder = Holder("kernel", f"ion {what} of {task}")
    dmabuf = dma_buf_get(task, fd, holder)
    try:
        yield dmabuf
    finally:
        dma_buf_put(dmabuf, holder)


def _current(device: IonDevice) -> Task:
    task = device.kernel.sched.current
    if task is None:
        raise KernelError(EBADF, "no task is running, so there are no fds")
    return task
