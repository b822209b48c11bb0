"""Between kernel and program: copies that may fault, at which anything else may run.

Source: include/linux/uaccess.h, mm/util.c (strndup_user).
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, sizeof
from errno import EFAULT, EINVAL
from typing import TYPE_CHECKING, TypeVar

from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.mm.user import UserFault

if TYPE_CHECKING:
    from soc.kernel.task import Task

S = TypeVar("S", bound=LittleEndianStructure)


def copy_from_user(task: Task, address: int, size: int) -> bytes:
    """`size` bytes at `address` of the program. -EFAULT where it could not read."""
    _may_sleep(task, "copy_from_user")
    try:
        return task.mm.read(address, size)
    except UserFault as fault:
        raise KernelError(EFAULT, f"{task}: {fault}") from fault


def copy_to_user(task: Task, address: int, data: bytes) -> None:
    """Put `data` at `address` of the program. -EFAULT where it could not write."""
    _may_sleep(task, "copy_to_user")
    try:
        task.mm.write(address, data)
    except UserFault as fault:
        raise KernelError(EFAULT, f"{task}: {fault}") from fault


def get_user(task: Task, address: int, kind: type[S]) -> S:
    """A whole structure from the program. -EFAULT."""
    return kind.from_buffer_copy(copy_from_user(task, address, sizeof(kind)))


def put_user(task: Task, address: int, data: LittleEndianStructure) -> None:
    """A whole structure to the program. -EFAULT."""
    copy_to_user(task, address, bytes(data))


def strndup_user(task: Task, address: int, limit: int) -> bytes:
    """The string at `address`, without its NUL. -EINVAL if it has none in `limit` bytes, -EFAULT."""
    _may_sleep(task, "strndup_user")
    text = bytearray()
    try:
        while len(text) < limit:
            byte = task.mm.read(address + len(text), 1)
            if byte == b"\0":
                return bytes(text)
            text += byte
    except UserFault as fault:
        raise KernelError(EFAULT, f"{task}: {fault}") from fault
    raise KernelError(EINVAL, f"{task}: a string of {limit} bytes or more")


def _may_sleep(task: Task, call: str) -> None:
    task.kernel.sched.preempt(call)
    task.kernel.faults.check(FaultSite.USERCOPY, call)
