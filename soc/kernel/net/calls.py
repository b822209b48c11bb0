"""The socket calls of a process, for callers that are Python.

Each raises KernelError where Linux returns -errno; -ENOTSOCK for an fd that is
no socket. Source: man 2 of each call, man 7 unix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from socket import AF_UNIX, SOCK_STREAM

from soc.kernel.fs import pidfd
from soc.kernel.net import message, unix
from soc.kernel.net.sock import UnixSocket, of_file
from soc.kernel.net.sockets import UnixSockets
from soc.kernel.net.transfer import Received
from soc.kernel.syscall import SystemCalls


class SocketCalls(SystemCalls):
    """What a process does with sockets. An address is a path, or a name that begins with a NUL."""

    def socket(self, kind: int = SOCK_STREAM, family: int = AF_UNIX, protocol: int = 0) -> int:
        """`kind` may have SOCK_CLOEXEC and SOCK_NONBLOCK. -EAFNOSUPPORT, -ESOCKTNOSUPPORT, -EMFILE."""
        with self._running():
            return unix.socket(self, family, kind, protocol)

    def socketpair(
        self, kind: int = SOCK_STREAM, family: int = AF_UNIX, protocol: int = 0
    ) -> tuple[int, int]:
        """Two sockets connected to each other. As `socket`."""
        with self._running():
            return unix.socketpair(self, family, kind, protocol)

    def bind(self, fd: int, address: str) -> None:
        """-EADDRINUSE, -EINVAL."""
        with self._socket(fd, "bind") as sock:
            unix.bind(sock, address)

    def unlink(self, path: str) -> None:
        """Free the path of a socket. -ENOENT."""
        with self._running():
            unix.unlink(self.kernel.subsystem(UnixSockets), path)

    def listen(self, fd: int, backlog: int = 128) -> None:
        """-EOPNOTSUPP, -EINVAL."""
        with self._socket(fd, "listen") as sock:
            unix.listen(sock, backlog)

    def connect(self, fd: int, address: str) -> None:
        """-ENOENT, -ECONNREFUSED, -EPROTOTYPE, -EISCONN, -EINVAL, -EAGAIN, -EINTR, -EPERM."""
        with self._socket(fd, "connect") as sock:
            unix.connect(sock, address)

    def accept(self, fd: int, flags: int = 0) -> int:
        """An fd for the next connection, waited for. -EOPNOTSUPP, -EINVAL, -EMFILE, -EAGAIN, -EINTR."""
        with self._socket(fd, "accept") as sock:
            return unix.accept(self, sock, flags)

    def sendmsg(
        self, fd: int, data: bytes, fds: Sequence[int] = (), flags: int = 0, address: str | None = None
    ) -> int:
        """Send `data`, and the files of `fds` with it (SCM_RIGHTS). As in soc.kernel.net.message; -EINTR."""
        with self._socket(fd, "sendmsg") as sock:
            return message.sendmsg(self, sock, data, fds, flags, address)

    def recvmsg(self, fd: int, size: int, control: int = 0, flags: int = 0) -> Received:
        """At most `size` bytes, and files in `control` bytes: CMSG_SPACE(4 * n).

        As in soc.kernel.net.message; -EINTR.
        """
        with self._socket(fd, "recvmsg") as sock:
            return message.recvmsg(self, sock, size, control, flags)

    def pidfd_open(self, pid: int, flags: int = 0) -> int:
        """An fd that stands for a process. -EINVAL, -ESRCH, -EMFILE."""
        with self._running():
            return pidfd.pidfd_open(self, pid, flags)

    def pidfd_getfd(self, fd: int, target: int, flags: int = 0) -> int:
        """An fd for file `target` of the process of `fd`. -EBADF, -EINVAL, -EPERM, -ESRCH, -EMFILE."""
        with self._running():
            return pidfd.pidfd_getfd(self, fd, target, flags)

    @contextmanager
    def _socket(self, fd: int, call: str) -> Iterator[UnixSocket]:
        """The socket of `fd`, kept for the length of a call; a signal ends it with -EINTR."""
        with self._using(fd, call) as file:
            yield of_file(file)
