"""ioctl of /dev/ion for 32-bit programs, whose size_t and unsigned long are shorter.

ALLOC and CUSTOM have structures, and so numbers, of their own; the others are as they are.
Source: compat_ion_ioctl (compat_ion.c, 4.9).

The kernel turns the structures in the program's own memory; where that memory is
taken from is not modelled. An ALLOC whose answer cannot be written keeps its handle there.
"""

from __future__ import annotations

from errno import ENOTTY
from typing import TYPE_CHECKING

from heaps.ion.handle import ion_handle_put
from heaps.ion.ioctl import ion_ioctl, ion_ioctl_alloc, ion_ioctl_custom
from soc.kernel.errors import KernelError
from soc.kernel.uaccess import get_user, put_user
from soc.kernel.uapi.catalogue import describe
from soc.kernel.uapi.ion import (
    ION_IOC_FREE,
    ION_IOC_IMPORT,
    ION_IOC_MAP,
    ION_IOC_SHARE,
    ION_IOC_SYNC,
    IonAllocationData,
)
from soc.kernel.uapi.ion_compat import (
    COMPAT_ION_IOC_ALLOC,
    COMPAT_ION_IOC_CUSTOM,
    CompatIonAllocationData,
    CompatIonCustomData,
)

if TYPE_CHECKING:
    from heaps.ion.client import IonClient
    from soc.kernel.task import Task

SAME = (ION_IOC_FREE, ION_IOC_SHARE, ION_IOC_MAP, ION_IOC_IMPORT, ION_IOC_SYNC)


def compat_ion_ioctl(task: Task, client: IonClient, cmd: int, arg: int) -> int:
    """One call. -ENOTTY for what 32-bit programs cannot ask, HEAP_QUERY too; else as `ion_ioctl`."""
    if cmd in SAME:
        return ion_ioctl(task, client, cmd, arg)
    if cmd == COMPAT_ION_IOC_ALLOC:
        _alloc(task, client, arg)
        return 0
    if cmd == COMPAT_ION_IOC_CUSTOM:
        custom = get_user(task, arg, CompatIonCustomData)
        return ion_ioctl_custom(client, custom.cmd, custom.arg)
    raise KernelError(ENOTTY, f"/dev/ion has no ioctl {describe(cmd)} for 32-bit programs")


def _alloc(task: Task, client: IonClient, arg: int) -> None:
    short = get_user(task, arg, CompatIonAllocationData)
    data = IonAllocationData(short.len, short.align, short.heap_id_mask, short.flags)
    ion_handle_put(ion_ioctl_alloc(task, client, data))
    short.handle = data.handle
    put_user(task, arg, short)
