"""The fd table of a process: slots and a reservation bit for each.

A driver hands out a file in three steps, and the two halves of the table are
separate because the kernel's are:
    get_unused_fd   sets the bit of the lowest clear number
    fd_install      fills the slot with the caller's reference, which is gone for the caller
    put_unused_fd   instead of fd_install only: clears the bit, never looks at the slot
put_unused_fd after fd_install is the misuse of the ION framebuffer mail: the fd
goes on working, the next allocation hands out the same number, and the
reference in the slot is then nobody's. The table warns at both moments and
keeps the lost reference in the file's ledger under a name that says so.

A filled slot is everybody's: another thread of the program may close the fd before
the call that made it has returned, so `published` is called once it is there.
Source: fs/file.c.

Not modelled: exec itself (`cloexec` says what it would close), sharing between threads.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from soc.kernel.errors import KernelError
from soc.kernel.faults import Faults, FaultSite
from soc.kernel.fs.file import File, Holder
from soc.kernel.log import KernelLog

RLIMIT_NOFILE = 1024

FD_IS_PUBLIC = "fd_install: other threads may close the fd from here on"
"""The scheduling point that a task makes of `published`."""


class FdTable:
    """fds of `owner` (`camera-app (pid 1)`), numbers 0 .. `limit` - 1.

    `cloexec` are those exec closes; `published` is called after each new fd.
    """

    def __init__(
        self,
        log: KernelLog,
        owner: str,
        limit: int = RLIMIT_NOFILE,
        faults: Faults | None = None,
        published: Callable[[], None] = lambda: None,
    ) -> None:
        self.log = log
        self.owner = owner
        self.limit = limit
        self.cloexec: set[int] = set()
        self._faults = faults or Faults()
        self._published = published
        self._slots: dict[int, File] = {}
        self._reserved: set[int] = set()
        self._hint = 0  # no number below it is free

    def holder(self, fd: int) -> Holder:
        """The name under which slot `fd` holds its reference."""
        return Holder("fd", f"{fd} of {self.owner}")

    def open_fds(self) -> list[int]:
        """Numbers whose slot is filled, ascending."""
        return sorted(self._slots)

    def get_unused_fd(self, cloexec: bool = False) -> int:
        """Reserve the lowest free number. -EMFILE at the limit."""
        self._faults.check(FaultSite.FD, self.owner)
        fd = self._hint
        while fd in self._reserved:
            fd += 1
        self._hint = fd
        if fd >= self.limit:
            raise KernelError(errno.EMFILE, f"{self.owner}: all {self.limit} file descriptors are in use")
        self._reserved.add(fd)
        self.cloexec.discard(fd)
        if cloexec:
            self.cloexec.add(fd)
        if fd in self._slots:
            self._lose(fd, "alloc_fd")
        return fd

    def fd_install(self, fd: int, file: File, giver: Holder) -> None:
        """Put `file` into the reserved slot `fd`; consumes the reference of `giver`."""
        if fd in self._slots:
            self._lose(fd, "fd_install")
        elif fd not in self._reserved:
            self.log.warn(f"fd_install: fd {fd} of {self.owner} was not reserved by get_unused_fd")
        self._slots[fd] = file
        file.transfer(giver, self.holder(fd))
        self._published()

    def put_unused_fd(self, fd: int) -> None:
        """Give back a number that never got a file.

        On a filled slot: WARN, and the bit is cleared all the same.
        """
        if fd in self._slots:
            self.log.warn(
                f"put_unused_fd: fd {fd} of {self.owner} holds {self._slots[fd]}; "
                "after fd_install only close() gives it back"
            )
        self._clear(fd)

    def fget(self, fd: int, holder: Holder) -> File:
        """The file of `fd` with a new reference for `holder`. -EBADF if the slot is empty."""
        file = self._file(fd)
        file.get(holder)
        return file

    def file(self, fd: int) -> File:
        """The file of `fd` without a reference of its own (fdget). -EBADF if the slot is empty."""
        return self._file(fd)

    def close(self, fd: int) -> None:
        """Empty the slot and put its reference. -EBADF if the slot is empty."""
        file = self._file(fd)
        del self._slots[fd]
        self._clear(fd)
        file.put(self.holder(fd))

    def dup(self, fd: int) -> int:
        """The lowest free number for the same file. -EBADF, -EMFILE."""
        file = self._file(fd)
        copy = self.get_unused_fd()
        file.get(self.holder(copy))
        self._slots[copy] = file
        self._published()
        return copy

    def copy_to(self, child: FdTable) -> None:
        """fork: every open fd of this table is one of `child`, too, for the same file."""
        for fd, file in self._slots.items():
            file.get(child.holder(fd))
            child._slots[fd] = file
        child._reserved |= self._reserved
        child.cloexec |= self.cloexec

    def close_all(self) -> None:
        """The process exits: close what the bits say is open (close_files).

        A filled slot whose bit is clear is passed over, so its reference is lost.
        """
        for fd in self.open_fds():
            if fd in self._reserved:
                self.close(fd)
            else:
                self._lose(fd, "exit")
        self._reserved.clear()
        self._hint = 0

    def _file(self, fd: int) -> File:
        if fd not in self._slots:
            raise KernelError(errno.EBADF, f"{self.owner} has no open fd {fd}")
        return self._slots[fd]

    def _clear(self, fd: int) -> None:
        self._reserved.discard(fd)
        self.cloexec.discard(fd)
        self._hint = min(self._hint, fd)

    def _lose(self, fd: int, call: str) -> None:
        """Slot `fd` is emptied without a put: its reference has no owner any more."""
        file = self._slots.pop(fd)
        self.log.warn(f"{call}: slot {fd} not NULL! {self.owner} loses its reference to {file}")
        mine = self.holder(fd)
        file.transfer(mine, Holder("fd", f"{mine.who}, overwritten and lost"))
