"""ioctl of /dev/ion as of 4.9, for 64-bit programs.

The argument is copied in whatever the number, and out only where the program is told
something. Copied out is also what a failed MAP, SHARE, IMPORT or HEAP_QUERY leaves in it.
An ALLOC whose answer cannot be copied out is taken back; the fd of a MAP and the reference
of an IMPORT stay, and the program does not learn their number.
Source: ion_ioctl (ion-ioctl.c, 4.9).
"""

from __future__ import annotations

from ctypes import sizeof
from errno import EINVAL, ENOTTY
from typing import TYPE_CHECKING

from heaps.ion.alloc import ion_alloc_grab
from heaps.ion.handle import (
    IonHandle,
    ion_handle_get_by_id,
    ion_handle_get_by_id_nolock,
    ion_handle_put,
    ion_handle_put_nolock,
)
from heaps.ion.query import ion_query_heaps, validate_query
from heaps.ion.share import ion_import_dma_buf_fd, ion_share_dma_buf_fd, ion_sync_for_device
from heaps.ion.user_refs import check_told, pass_to_user, user_free_nolock
from soc.kernel.errors import KernelError
from soc.kernel.uaccess import copy_from_user, copy_to_user
from soc.kernel.uapi.catalogue import describe
from soc.kernel.uapi.ioctl import _IOC_DIR, _IOC_READ, _IOC_SIZE, _IOC_WRITE
from soc.kernel.uapi.ion import (
    ION_IOC_ALLOC,
    ION_IOC_CUSTOM,
    ION_IOC_FREE,
    ION_IOC_HEAP_QUERY,
    ION_IOC_IMPORT,
    ION_IOC_MAP,
    ION_IOC_SHARE,
    ION_IOC_SYNC,
    IonAllocationData,
    IonCustomData,
    IonFdData,
    IonHandleData,
    IonHeapQuery,
)

if TYPE_CHECKING:
    from heaps.ion.client import IonClient
    from soc.kernel.task import Task

ARG_SIZE = sizeof(IonAllocationData)
"""union ion_ioctl_arg: the largest of the arguments."""
IN_ONLY = (ION_IOC_FREE, ION_IOC_SYNC, ION_IOC_CUSTOM)
"""Nothing comes back, though the numbers say so."""


def ion_ioctl(task: Task, client: IonClient, cmd: int, arg: int) -> int:
    """One call. -EINVAL for an argument that is too large, -EFAULT, -ENOTTY, the call's own errno."""
    size = _IOC_SIZE(cmd)
    direction = _IOC_WRITE if cmd in IN_ONLY else _IOC_DIR(cmd)
    if size > ARG_SIZE:
        raise KernelError(EINVAL, f"{describe(cmd)}: no argument has {size} bytes")
    data = bytearray(copy_from_user(task, arg, size).ljust(ARG_SIZE, b"\0"))
    if cmd == ION_IOC_HEAP_QUERY:
        validate_query(client.device, IonHeapQuery.from_buffer(data))
    failed, result = None, 0
    handle: IonHandle | None = None
    match cmd:
        case _ if cmd == ION_IOC_ALLOC:
            handle = ion_ioctl_alloc(task, client, IonAllocationData.from_buffer(data))
        case _ if cmd == ION_IOC_FREE:
            _free(task, client, IonHandleData.from_buffer(data).handle)
        case _ if cmd in (ION_IOC_MAP, ION_IOC_SHARE):
            failed = _share(task, client, IonFdData.from_buffer(data))
        case _ if cmd == ION_IOC_IMPORT:
            failed = _import(task, client, IonFdData.from_buffer(data))
        case _ if cmd == ION_IOC_SYNC:
            ion_sync_for_device(client, IonFdData.from_buffer(data).fd)
        case _ if cmd == ION_IOC_CUSTOM:
            custom = IonCustomData.from_buffer(data)
            result = ion_ioctl_custom(client, custom.cmd, custom.arg)
        case _ if cmd == ION_IOC_HEAP_QUERY:
            failed = _query(task, client, IonHeapQuery.from_buffer(data))
        case _:
            raise KernelError(ENOTTY, f"/dev/ion has no ioctl {describe(cmd)}")
    try:
        if direction & _IOC_READ:
            copy_to_user(task, arg, bytes(data[:size]))
    except KernelError:
        if handle is not None:
            with client.lock:
                user_free_nolock(task, client, handle)
        raise
    finally:
        if handle is not None:
            ion_handle_put(handle)
    if failed is not None:
        raise failed
    return result


def ion_ioctl_alloc(task: Task, client: IonClient, data: IonAllocationData) -> IonHandle:
    """The new handle, with a reference that keeps it until its number was copied out."""
    handle = ion_alloc_grab(client, data.len, data.align, data.heap_id_mask, data.flags)
    pass_to_user(task, handle)
    data.handle = handle.id
    return handle


def _free(task: Task, client: IonClient, number: int) -> None:
    """Look-up and drop are one step under the client's lock: of two at once, one finds nothing."""
    with client.lock:
        handle = ion_handle_get_by_id_nolock(client, number)
        check_told(task, handle)
        user_free_nolock(task, client, handle)
        ion_handle_put_nolock(handle)


def _share(task: Task, client: IonClient, data: IonFdData) -> KernelError | None:
    """The handle is held between look-up and use, so that a FREE in between does no harm."""
    handle = ion_handle_get_by_id(client, data.handle)
    try:
        check_told(task, handle)
        client.device.kernel.sched.preempt("ion: between lookup and use of a handle")
        data.fd = ion_share_dma_buf_fd(client, handle)
    except KernelError as error:
        data.fd = -error.errno
        return error
    finally:
        ion_handle_put(handle)
    return None


def _import(task: Task, client: IonClient, data: IonFdData) -> KernelError | None:
    try:
        handle = ion_import_dma_buf_fd(client, data.fd)
        pass_to_user(task, handle)
    except KernelError as error:
        return error
    data.handle = handle.id
    return None


def ion_ioctl_custom(client: IonClient, cmd: int, arg: int) -> int:
    """What the platform does. -ENOTTY without a handler, its errno."""
    if client.device.custom_ioctl is None:
        raise KernelError(ENOTTY, "the platform has no custom ioctls")
    return client.device.custom_ioctl(client, cmd, arg)


def _query(task: Task, client: IonClient, query: IonHeapQuery) -> KernelError | None:
    try:
        ion_query_heaps(client.device, task, query)
    except KernelError as error:
        return error
    return None
