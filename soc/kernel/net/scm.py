"""Files in a message (SCM_RIGHTS): on their way they belong to nobody's fd table.

A message holds a reference to each of its files from sendmsg until they are
installed at the receiver or the message is dropped. So the sender may close its
fds or exit at once.
Source: net/core/scm.c, net/unix/af_unix.c (unix_attach_fds).

Not modelled: SCM_CREDENTIALS, SCM_PIDFD, users (all processes are one, without privileges).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from errno import EINVAL, ETOOMANYREFS
from socket import MSG_CMSG_CLOEXEC, MSG_CTRUNC
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.fs.file import File, Holder

if TYPE_CHECKING:
    from soc.kernel.net.sock import UnixSocket
    from soc.kernel.task import Task

SCM_MAX_FD = 253
CMSG_HEADER = 16
"""Bytes of struct cmsghdr on a 64-bit machine."""
FD_SIZE = 4


@dataclass(eq=False)
class Message:
    """An sk_buff: `data` of `sender` that nobody has read yet, and `files` that come with its first byte.

    `holder` has a reference to each of them.
    """

    sender: UnixSocket
    data: bytes
    holder: Holder
    files: list[File] = field(default_factory=list)

    def take_files(self) -> list[File]:
        """The files leave the message; their references are the caller's, still in the name of `holder`."""
        files, self.files = self.files, []
        self.sender.sockets.count(files, -1)
        return files


def scm_fp_copy(task: Task, fds: Sequence[int], holder: Holder) -> list[File]:
    """The files of `fds` with a reference each for `holder`.

    -EINVAL for more than 253, -EBADF if one is not open, -ENOMEM; then none is held.
    """
    if len(fds) > SCM_MAX_FD:
        raise KernelError(EINVAL, f"{task} sends {len(fds)} files in one message, {SCM_MAX_FD} may be")
    if not fds:
        return []
    task.kernel.faults.kmalloc("scm_fp_list")
    files: list[File] = []
    try:
        for fd in fds:
            files.append(task.files.fget(fd, holder))
    except KernelError:
        scm_destroy(files, holder)
        raise
    return files


def unix_attach_fds(message: Message, files: list[File], task: Task) -> None:
    """The references move into the message. -ETOOMANYREFS while more files than the limit are in flight."""
    sockets = message.sender.sockets
    if files and sockets.in_flight > task.files.limit:
        many = f"{sockets.in_flight} files are in flight, {task} may have {task.files.limit}"
        raise KernelError(ETOOMANYREFS, many)
    sockets.count(files, 1)
    message.files = files


def scm_detach_fds(
    task: Task, files: list[File], holder: Holder, control: int, flags: int
) -> tuple[list[int], int]:
    """Install `files`, which `holder` has, at the lowest free numbers: (fds, MSG_CTRUNC or 0).

    What does not fit into `control` bytes, or into the fd table, is put.
    """
    room = max(control - CMSG_HEADER, 0) // FD_SIZE
    fds: list[int] = []
    for file in files[:room]:
        fd = _receive_fd(task, file, holder, bool(flags & MSG_CMSG_CLOEXEC))
        if fd is None:
            break
        fds.append(fd)
    surplus = files[len(fds) :]
    scm_destroy(surplus, holder)
    return fds, MSG_CTRUNC if surplus else 0


def scm_destroy(files: Sequence[File], holder: Holder) -> None:
    """Put the references of a message that is not delivered."""
    for file in files:
        file.put(holder)


def _receive_fd(task: Task, file: File, holder: Holder, cloexec: bool) -> int | None:
    """The new fd, None if there is no number left or the program's memory cannot take it."""
    try:
        fd = task.files.get_unused_fd(cloexec)
    except KernelError:
        return None
    try:
        task.kernel.faults.check(FaultSite.USERCOPY, "put_user of an fd")
    except KernelError:
        task.files.put_unused_fd(fd)
        return None
    task.files.fd_install(fd, file, holder)
    return fd
