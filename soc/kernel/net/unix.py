"""AF_UNIX: making, naming and connecting sockets.

Source: net/socket.c, net/unix/af_unix.c.

Not modelled: SOCK_SEQPACKET, autobind, getsockname and getpeername, options, shutdown, ioctls,
MSG_PEEK, MSG_OOB, SIGPIPE, read and write on a socket, file modes of a path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from errno import (
    EADDRINUSE,
    EAFNOSUPPORT,
    ECONNREFUSED,
    EINVAL,
    EISCONN,
    ENOENT,
    EOPNOTSUPP,
    EPROTONOSUPPORT,
    ESOCKTNOSUPPORT,
)
from os import O_NONBLOCK, fsencode
from socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, Holder
from soc.kernel.net.sock import State, UnixSocket, check_may_send
from soc.kernel.net.sockets import UnixSockets

if TYPE_CHECKING:
    from soc.kernel.task import Task

TYPE_FLAGS = SOCK_CLOEXEC | SOCK_NONBLOCK
PATH_MAX = 108
"""sizeof(sun_path)."""
SOMAXCONN = 4096


def socket(task: Task, family: int, kind: int, protocol: int) -> int:
    """-EAFNOSUPPORT, -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -EINVAL for unknown flags, -ENOMEM, -EMFILE."""
    [fd] = _install(task, [_create(task, family, kind, protocol)], kind)
    return fd


def socketpair(task: Task, family: int, kind: int, protocol: int) -> tuple[int, int]:
    """Two sockets connected to each other. As `socket`."""
    one, other = (_create(task, family, kind, protocol) for _ in range(2))
    _join(one, other)
    first, second = _install(task, [one, other], kind)
    return first, second


def bind(sock: UnixSocket, address: str) -> None:
    """-EINVAL for a bound socket or a bad address, -EADDRINUSE."""
    if not address or len(fsencode(address)) > PATH_MAX:
        raise KernelError(EINVAL, f"{address!r} is no address: it has 1 to {PATH_MAX} bytes")
    names = sock.sockets.names
    if address in names:
        raise KernelError(EADDRINUSE, f"{address!r} is bound to {names[address]}")
    if sock.name is not None:
        raise KernelError(EINVAL, f"{sock} is bound to {sock.name!r} already")
    names[address] = sock
    sock.name = address


def unlink(sockets: UnixSockets, path: str) -> None:
    """The path is free again; who is connected stays so. -ENOENT."""
    if path[:1] == "\0" or path not in sockets.names:
        raise KernelError(ENOENT, f"{path!r} does not exist")
    del sockets.names[path]


def listen(sock: UnixSocket, backlog: int) -> None:
    """-EOPNOTSUPP for datagrams, -EINVAL for a socket without a name or with a peer."""
    _check_stream(sock, "listen")
    if sock.name is None or sock.state is State.ESTABLISHED:
        raise KernelError(
            EINVAL, f"{sock} is {sock.state.value} and bound to {sock.name!r}: it cannot listen"
        )
    sock.backlog = backlog if 0 <= backlog <= SOMAXCONN else SOMAXCONN
    sock.state = State.LISTEN


def connect(sock: UnixSocket, address: str) -> None:
    """Connect a stream to a listener, which may accept later; or give datagrams their peer.

    -ENOENT, -ECONNREFUSED, -EPROTOTYPE; stream: -EAGAIN, -EISCONN, -EINVAL; datagram: -EPERM for a
    socket that talks to another.
    """
    if sock.kind == SOCK_DGRAM:
        other = sock.sockets.find(address, sock.kind)
        check_may_send(sock, other)
        sock.peer, sock.state = other, State.ESTABLISHED
        return
    embryo = sock.sockets.make(SOCK_STREAM)
    other = _listener(sock, address)
    while len(other.pending) > other.backlog:
        sock.wait(_room_at(other), f"room to connect to {other}", 0, other)
        other = _listener(sock, address)
    if sock.state is not State.CLOSE:
        errno = EISCONN if sock.state is State.ESTABLISHED else EINVAL
        raise KernelError(errno, f"{sock} is {sock.state.value}")
    _join(sock, embryo)
    other.pending.append(embryo)


def accept(task: Task, sock: UnixSocket, flags: int) -> int:
    """An fd for the oldest pending connection. -EOPNOTSUPP, -EINVAL, -EMFILE, -EAGAIN, -EINTR, -ENOMEM."""
    if flags & ~TYPE_FLAGS:
        raise KernelError(EINVAL, f"accept4 does not know flags {flags:#x}")
    fd = task.files.get_unused_fd(bool(flags & SOCK_CLOEXEC))
    holder = Holder("kernel", f"accept of {task}")
    try:
        _check_stream(sock, "accept")
        if sock.state is not State.LISTEN:
            raise KernelError(EINVAL, f"{sock} is {sock.state.value}: only a listener accepts")
        sock.wait(lambda: bool(sock.pending), f"a connection to {sock}", 0, None)
        file = sock.sockets.open(sock.pending[0], holder, _file_flags(flags))
        sock.pending.popleft()
    except KernelError:
        task.files.put_unused_fd(fd)
        raise
    task.files.fd_install(fd, file, holder)
    return fd


def _create(task: Task, family: int, kind: int, protocol: int) -> UnixSocket:
    if (kind & ~0xF) & ~TYPE_FLAGS:
        raise KernelError(EINVAL, f"a socket does not know flags {kind & ~0xF:#x}")
    if family != AF_UNIX:
        raise KernelError(EAFNOSUPPORT, f"address family {family} is not there, AF_UNIX is")
    if protocol not in (0, AF_UNIX):
        raise KernelError(EPROTONOSUPPORT, f"AF_UNIX has no protocol {protocol}")
    if kind & 0xF not in (SOCK_STREAM, SOCK_DGRAM):
        raise KernelError(ESOCKTNOSUPPORT, f"socket type {kind & 0xF} is neither SOCK_STREAM nor SOCK_DGRAM")
    return task.kernel.subsystem(UnixSockets).make(kind & 0xF)


def _install(task: Task, made: Sequence[UnixSocket], flags: int) -> list[int]:
    """An fd for each; all or none."""
    holder = Holder("kernel", f"socket of {task}")
    fds: list[int] = []
    files: list[File] = []
    try:
        for _ in made:
            fds.append(task.files.get_unused_fd(bool(flags & SOCK_CLOEXEC)))
        for sock in made:
            files.append(sock.sockets.open(sock, holder, _file_flags(flags)))
    except KernelError:
        for file in files:
            file.put(holder)
        for fd in fds:
            task.files.put_unused_fd(fd)
        raise
    for fd, file in zip(fds, files, strict=True):
        task.files.fd_install(fd, file, holder)
    return fds


def _file_flags(flags: int) -> int:
    return O_NONBLOCK if flags & SOCK_NONBLOCK else 0


def _join(one: UnixSocket, other: UnixSocket) -> None:
    one.peer, other.peer = other, one
    one.state = other.state = State.ESTABLISHED


def _check_stream(sock: UnixSocket, call: str) -> None:
    if sock.kind != SOCK_STREAM:
        raise KernelError(EOPNOTSUPP, f"{call}: {sock} has datagrams, not connections")


def _room_at(listener: UnixSocket) -> Callable[[], bool]:
    return lambda: listener.dead or len(listener.pending) <= listener.backlog


def _listener(sock: UnixSocket, address: str) -> UnixSocket:
    other = sock.sockets.find(address, sock.kind)
    if other.state is not State.LISTEN:
        raise KernelError(ECONNREFUSED, f"{other} at {address!r} does not listen")
    return other
