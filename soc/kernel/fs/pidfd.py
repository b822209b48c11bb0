"""pidfd: a process as a file, and taking a file out of its fd table.

Source: kernel/pid.c.

Not modelled: permissions beyond PR_SET_DUMPABLE, flags of pidfd_open, waiting on a pidfd, signals.
"""

from __future__ import annotations

from errno import EBADF, EINVAL, EPERM, ESRCH
from typing import TYPE_CHECKING, cast

from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.fs.new_fd import new_fd

if TYPE_CHECKING:
    from soc.kernel.task import Task


def pidfd_open(task: Task, pid: int, flags: int) -> int:
    """An fd for the process `pid`, closed on exec. -EINVAL for flags, -ESRCH, -EMFILE, -ENOMEM."""
    if flags or pid <= 0:
        raise KernelError(EINVAL, f"pidfd_open of pid {pid} with flags {flags:#x}")
    target = task.kernel.processes.get(pid)
    if target is None:
        raise KernelError(ESRCH, f"there is no process {pid}")
    with new_fd(task, "pidfd_open") as new:
        task.kernel.faults.kmalloc("file")
        new.file = task.kernel.files.open(OPS, target, str(target), new.holder)
    return new.fd


def pidfd_getfd(task: Task, fd: int, target: int, flags: int) -> int:
    """The lowest free fd, closed on exec, for the file behind fd `target` of the process of `fd`.

    -EINVAL for flags, -EBADF if either is not open or `fd` is no pidfd, -ESRCH when the process
    has ended, -EPERM when it lets nobody trace it, -EMFILE.
    """
    if flags:
        raise KernelError(EINVAL, f"pidfd_getfd knows no flags, not {flags:#x}")
    file = task.files.file(fd)
    if file.ops is not OPS:
        raise KernelError(EBADF, f"fd {fd} of {task} is {file}, not a pidfd")
    other = cast("Task", file.private)
    if other.exited:
        raise KernelError(ESRCH, f"{other} has ended")
    if other is not task and not other.dumpable:
        raise KernelError(EPERM, f"{task} may not trace {other}, which is not dumpable")
    holder = Holder("kernel", f"pidfd_getfd of {task}")
    found = other.files.fget(target, holder)
    try:
        copy = task.files.get_unused_fd(cloexec=True)
    except KernelError:
        found.put(holder)
        raise
    task.files.fd_install(copy, found, holder)
    return copy


def _release(file: File) -> None:
    """A pidfd keeps nothing of its process but the name."""


def _link(file: File) -> str:
    return "anon_inode:[pidfd]"


OPS = FileOperations("pidfd", _release, link=_link)
