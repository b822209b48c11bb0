"""fcntl: flags of an fd and of its file, and the seals of a memfd.

Source: fs/fcntl.c, mm/memfd.c (memfd_fcntl).

Not modelled: F_DUPFD, locks, leases, owners, changing the flags of a file.
"""

from __future__ import annotations

import os
from errno import EINVAL, EPERM
from fcntl import F_GETFD, F_GETFL, F_SETFD, FD_CLOEXEC
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File
from soc.kernel.fs.memfd import mem_file
from soc.kernel.uapi.memfd import F_ADD_SEALS, F_GET_SEALS

if TYPE_CHECKING:
    from soc.kernel.fs.fdtable import FdTable


def do_fcntl(files: FdTable, fd: int, file: File, cmd: int, arg: int) -> int:
    """One call on `fd`, which is `file`. -EINVAL for a command that is not known, or not of this file."""
    match cmd:
        case _ if cmd == F_GETFD:
            return FD_CLOEXEC if fd in files.cloexec else 0
        case _ if cmd == F_SETFD:
            (files.cloexec.add if arg & FD_CLOEXEC else files.cloexec.discard)(fd)
            return 0
        case _ if cmd == F_GETFL:
            return file.flags
        case _ if cmd in (F_ADD_SEALS, F_GET_SEALS):
            return memfd_fcntl(file, cmd, arg)
    raise KernelError(EINVAL, f"fcntl {cmd} of {file}")


def memfd_fcntl(file: File, cmd: int, arg: int = 0) -> int:
    """F_GET_SEALS and F_ADD_SEALS. -EINVAL for no memfd; -EPERM to seal through a read-only fd; as
    `MemFile.add_seals`."""
    memory = mem_file(file)
    if memory is None:
        raise KernelError(EINVAL, f"{file} has no seals")
    if cmd == F_GET_SEALS:
        return memory.seals
    if file.flags & os.O_ACCMODE == os.O_RDONLY:
        raise KernelError(EPERM, f"{file} is not open for writing")
    memory.add_seals(arg)
    return 0
