"""ION_IOC_HEAP_QUERY: which heaps there are. Source: ion_query_heaps (ion.c, 4.9)."""

from __future__ import annotations

from ctypes import sizeof
from errno import EINVAL
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.uaccess import put_user
from soc.kernel.uapi.ion import MAX_HEAP_NAME, IonHeapData, IonHeapQuery

if TYPE_CHECKING:
    from heaps.ion.device import IonDevice
    from soc.kernel.task import Task


def validate_query(device: IonDevice, query: IonHeapQuery) -> None:
    """WARN, once, and -EINVAL when something reserved is not 0."""
    if query.reserved0 or query.reserved1 or query.reserved2:
        device.kernel.log.warn_once(
            "ion: ION_IOC_HEAP_QUERY with reserved fields in use", "validate_ioctl_arg"
        )
        raise KernelError(EINVAL, "reserved fields of ion_heap_query must be 0")


def ion_query_heaps(device: IonDevice, task: Task, query: IonHeapQuery) -> None:
    """How many heaps there are, without a pointer; else entries of as many as there is room for.

    The highest id comes first. -EINVAL for no room at all, -EFAULT.
    """
    with device.lock:
        if not query.heaps:
            query.cnt = len(device.heaps)
            return
        if not query.cnt:
            raise KernelError(EINVAL, "ion_heap_query has room for no entry")
        found = device.heaps[: query.cnt]
        for number, heap in enumerate(found):
            name = heap.name.encode()[: MAX_HEAP_NAME - 1]
            entry = IonHeapData(name, heap.type, heap.id)
            put_user(task, query.heaps + number * sizeof(IonHeapData), entry)
        query.cnt = len(found)
