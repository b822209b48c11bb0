"""ioctl of /dev/ion as of 4.12: allocation and the list of heaps, nothing else.

ION_IOC_ABI_VERSION is Android's of 4.19. Programs of 32 and 64 bits have the same structures.
Source: ion_ioctl (ion-ioctl.c, 4.12).
"""

from __future__ import annotations

from ctypes import c_uint32, sizeof
from errno import EINVAL, ENOTTY
from typing import TYPE_CHECKING

from heaps.ion.export_4_12 import ion_alloc_fd
from heaps.ion.query import ion_query_heaps, validate_query
from soc.kernel.errors import KernelError
from soc.kernel.uaccess import copy_from_user, copy_to_user
from soc.kernel.uapi.catalogue import describe
from soc.kernel.uapi.ioctl import _IOC_DIR, _IOC_READ, _IOC_SIZE
from soc.kernel.uapi.ion import ION_IOC_HEAP_QUERY, IonHeapQuery
from soc.kernel.uapi.ion_4_12 import ION_IOC_ABI_VERSION, ION_IOC_ALLOC, IonAllocationData

if TYPE_CHECKING:
    from heaps.ion.device import IonDevice
    from soc.kernel.task import Task

ARG_SIZE = sizeof(IonAllocationData)
ION_CURRENT_ABI_VERSION = 2


def ion_4_12_ioctl(task: Task, device: IonDevice, cmd: int, arg: int) -> int:
    """One call. -EINVAL, -EFAULT, -ENOTTY, the call's own errno.

    The fd of an ALLOC whose answer cannot be copied out stays open.
    """
    size = _IOC_SIZE(cmd)
    if size > ARG_SIZE:
        raise KernelError(EINVAL, f"{describe(cmd)}: no argument has {size} bytes")
    data = bytearray(copy_from_user(task, arg, size).ljust(ARG_SIZE, b"\0"))
    if cmd == ION_IOC_HEAP_QUERY:
        validate_query(device, IonHeapQuery.from_buffer(data))
    failed = None
    match cmd:
        case _ if cmd == ION_IOC_ALLOC:
            asked = IonAllocationData.from_buffer(data)
            asked.fd = ion_alloc_fd(device, task, asked.len, asked.heap_id_mask, asked.flags)
        case _ if cmd == ION_IOC_HEAP_QUERY:
            try:
                ion_query_heaps(device, task, IonHeapQuery.from_buffer(data))
            except KernelError as error:
                failed = error
        case _ if cmd == ION_IOC_ABI_VERSION:
            c_uint32.from_buffer(data).value = ION_CURRENT_ABI_VERSION
        case _:
            raise KernelError(ENOTTY, f"/dev/ion has no ioctl {describe(cmd)}")
    if _IOC_DIR(cmd) & _IOC_READ:
        copy_to_user(task, arg, bytes(data[:size]))
    if failed is not None:
        raise failed
    return 0
