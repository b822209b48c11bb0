"""A process and its system calls, for callers that are Python.

Each call raises KernelError where Linux returns -errno. An ioctl's argument may
be a structure: it is put into the program's memory for the call and holds what
the kernel has left there afterwards.
Source: man 2 of each call.

Not modelled: paths beside device nodes, current directories, exec, wait.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import LittleEndianStructure, addressof, memmove, sizeof
from dataclasses import dataclass
from errno import EINVAL, ENOTTY, ESPIPE
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE

from soc.kernel.errors import KernelError
from soc.kernel.fs import memfd
from soc.kernel.fs.fcntl import do_fcntl
from soc.kernel.fs.new_fd import new_fd
from soc.kernel.fs.poll import ALWAYS_READY, EPOLLNVAL, UNASKED, PollTable, PollWait
from soc.kernel.net.calls import SocketCalls
from soc.kernel.syscall import user_error

Argument = int | LittleEndianStructure | bytearray | bytes | None
"""What an ioctl is given: a number or address, a structure, raw bytes, or NULL."""
READ_WRITE = PROT_READ | PROT_WRITE


@dataclass(frozen=True)
class Stat:
    """What fstat says: the inode, which is the file's identity in every process, and its size in bytes."""

    st_ino: int
    st_size: int


class Process(SocketCalls):
    """A task as user space drives it."""

    # --- files ------------------------------------------------------------------

    def open(self, path: str, flags: int = os.O_RDWR) -> int:
        """An fd for a device node. -ENOENT, -EMFILE, the driver's errno."""
        with self._running():
            opener = self.kernel.devfs.opener(path)
            with new_fd(self, "open", bool(flags & os.O_CLOEXEC)) as new:
                new.file = opener(self, flags, new.holder)
            return new.fd

    def close(self, fd: int) -> None:
        """-EBADF."""
        with self._running():
            self.files.close(fd)

    def dup(self, fd: int) -> int:
        """-EBADF, -EMFILE."""
        with self._running():
            return self.files.dup(fd)

    def ioctl(self, fd: int, cmd: int, arg: Argument = 0) -> int:
        """-EBADF, -ENOTTY, the file's errno. `arg` None is a NULL pointer."""
        cmd &= 0xFFFF_FFFF
        with self._using(fd, "ioctl") as file:
            if file.ops.ioctl is None:
                raise KernelError(ENOTTY, f"{file} takes no ioctl")
            if arg is None or isinstance(arg, int):
                return file.ops.ioctl(self, file, cmd, arg or 0)
            with self._placed(arg) as address:
                return file.ops.ioctl(self, file, cmd, address)

    def lseek(self, fd: int, offset: int, whence: int) -> int:
        """-EBADF, -ESPIPE, the file's errno."""
        with self._using(fd, "lseek") as file:
            if file.ops.llseek is None:
                raise KernelError(ESPIPE, f"{file} has no position")
            return file.ops.llseek(file, offset, whence)

    def read(self, fd: int, size: int) -> bytes:
        """-EBADF; -EINVAL: no file here is read so."""
        with self._using(fd, "read") as file:
            raise KernelError(EINVAL, f"{file} cannot be read")

    def write(self, fd: int, data: bytes) -> int:
        """-EBADF; -EINVAL: no file here is written so."""
        with self._using(fd, "write") as file:
            raise KernelError(EINVAL, f"{file} cannot be written")

    def ftruncate(self, fd: int, size: int) -> None:
        """-EBADF; -EINVAL for a file whose size is fixed."""
        with self._using(fd, "ftruncate") as file:
            if file.ops.truncate is None or not 0 <= size < 1 << 63:
                raise KernelError(EINVAL, f"{file} cannot be truncated to {size} bytes")
            file.ops.truncate(file, size)

    def fcntl(self, fd: int, cmd: int, arg: int = 0) -> int:
        """-EBADF, -EINVAL; -EPERM and -EBUSY for seals."""
        with self._using(fd, "fcntl") as file:
            return do_fcntl(self.files, fd, file, cmd, arg)

    def memfd_create(self, name: str, flags: int = 0) -> int:
        """An fd of a file of anonymous memory. -EINVAL, -ENOSYS, -EMFILE, -ENOMEM."""
        with self._running():
            return memfd.memfd_create(self, name, flags)

    def fstat(self, fd: int) -> Stat:
        """-EBADF."""
        with self._using(fd, "fstat") as file:
            return Stat(file.ino, file.ops.size(file) if file.ops.size else 0)

    def readlink(self, fd: int) -> str:
        """What /proc/self/fd/N points to. -EBADF."""
        with self._using(fd, "readlink") as file:
            return file.ops.link(file) if file.ops.link else f"anon_inode:{file.ops.kind}"

    def fdinfo(self, fd: int) -> str:
        """The text of /proc/self/fdinfo/N. -EBADF."""
        with self._using(fd, "fdinfo") as file:
            flags = file.flags | (os.O_CLOEXEC if fd in self.files.cloexec else 0)
            common = f"pos:\t0\nflags:\t{flags:#o}\nino:\t{file.ino}\n".replace("0o", "0")
            return common + (file.ops.fdinfo(file) if file.ops.fdinfo else "")

    def poll(self, fds: Sequence[tuple[int, int]], timeout: int | None = None) -> list[int]:
        """The events of each (fd, wanted events); waits until one has some, for at most `timeout` ns,
        for as long as it takes without one or for a negative one.

        EPOLLNVAL for an fd that is not open; a negative one is passed over. -EINTR for a signal.
        """
        with self._running():
            names = ", ".join(str(fd) for fd, _ in fds)
            deadline = None if timeout is None or timeout < 0 else self.kernel.clock.now + timeout
            while True:
                tables = [PollTable(wanted) for _, wanted in fds]
                found = [self._events(fd, table) for (fd, _), table in zip(fds, tables, strict=True)]
                left = None if deadline is None else deadline - self.kernel.clock.now
                if any(found) or (left is not None and left <= 0):
                    return found
                on = PollWait(f"poll of fd {names}", tables)
                try:
                    self.kernel.sched.wait_event(on.happened, on, interruptible=True, timeout=left)
                except KernelError as error:
                    raise user_error(error) from error

    # --- memory -----------------------------------------------------------------

    def mmap(
        self, fd: int | None, length: int, prot: int = READ_WRITE, flags: int = MAP_SHARED, offset: int = 0
    ) -> int:
        """Map a file, or anonymous memory for `fd` None; the address. -EBADF, and as `AddressSpace.mmap`."""
        with self._running():
            if fd is None:
                return self.mm.mmap(length, prot, MAP_PRIVATE | MAP_ANONYMOUS)
            return self.mm.mmap(length, prot, flags, self.files.file(fd), offset)

    def munmap(self, address: int, length: int) -> None:
        """-EINVAL."""
        with self._running():
            self.mm.munmap(address, length)

    def load(self, address: int, size: int) -> bytes:
        """The program reads its memory. UserFault is the signal it gets."""
        with self._running():
            return self.mm.read(address, size)

    def store(self, address: int, data: bytes) -> None:
        """The program writes its memory. UserFault is the signal it gets."""
        with self._running():
            self.mm.write(address, data)

    # --- processes --------------------------------------------------------------

    def fork(self, comm: str | None = None) -> Process:
        """A child with the same open files and the same mappings."""
        with self._running():
            child = self.kernel.process(comm or self.comm, self.files.limit)
            child.compat = self.compat
            self.files.copy_to(child.files)
            self.mm.copy_to(child.mm)
            return child

    def exec(self) -> None:
        """A new program begins: mappings go, and fds marked close-on-exec are closed."""
        with self._running():
            self.kernel.fd_audit.execs(self.files)
            self.mm.exit()
            for fd in sorted(self.files.cloexec & set(self.files.open_fds())):
                self.files.close(fd)

    def exit(self) -> None:
        """End the process, whatever it holds; a second time nothing happens."""
        if self.exited:
            return
        self.kernel.fd_audit.exits(self.files)
        with self._running():
            super().exit()
        self.kernel.processes.pop(self.pid, None)

    # --- inside -----------------------------------------------------------------

    @contextmanager
    def _placed(self, arg: LittleEndianStructure | bytearray | bytes) -> Iterator[int]:
        """`arg` in the program's memory; what stands there at the end is copied back, also on failure,
        but to bytes, which cannot change."""
        size = sizeof(arg) if isinstance(arg, LittleEndianStructure) else len(arg)
        with self.mm.scratch(bytes(arg)) as vma:
            try:
                yield vma.start
            finally:
                data = bytes(vma.anonymous or b"")[:size]
                if isinstance(arg, LittleEndianStructure):
                    memmove(addressof(arg), data, size)
                elif isinstance(arg, bytearray):
                    arg[:] = data

    def _events(self, fd: int, table: PollTable) -> int:
        if fd < 0:
            return 0
        try:
            file = self.files.file(fd)
        except KernelError:
            return EPOLLNVAL
        events = file.ops.poll(file, table) if file.ops.poll else ALWAYS_READY
        return events & (table.requested | UNASKED)
