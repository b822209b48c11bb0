"""A UNIX socket, and what somebody who waits on one waits for.

Source: include/net/af_unix.h, include/net/sock.h.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from errno import EAGAIN, ENOTSOCK, EPERM
from os import O_NONBLOCK
from socket import MSG_DONTWAIT
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File

if TYPE_CHECKING:
    from soc.kernel.net.scm import Message
    from soc.kernel.net.sockets import UnixSockets
    from soc.kernel.sched.waitable import Blocker

SNDBUF = 212_992
"""net.core.wmem_default: bytes a socket may have sent that nobody has read."""


class State(Enum):
    """sk_state, of which AF_UNIX has three."""

    CLOSE = "not connected"
    LISTEN = "listening"
    ESTABLISHED = "connected"


@dataclass(eq=False)
class UnixSocket:
    """`kind` is SOCK_STREAM or SOCK_DGRAM. `file` is None until accept gives it one, and after its end.

    `queue` is what it has received, `unread` how many of its own bytes lie in such queues;
    `pending` are connections a listener has not accepted yet. `error` is reported once;
    `hung_up` when the peer of a stream has gone.
    """

    sockets: UnixSockets
    kind: int
    number: int
    file: File | None = None
    state: State = State.CLOSE
    peer: UnixSocket | None = None
    name: str | None = None
    backlog: int = 0
    queue: deque[Message] = field(default_factory=deque)
    pending: deque[UnixSocket] = field(default_factory=deque)
    unread: int = 0
    error: int = 0
    hung_up: bool = False
    dead: bool = False

    @property
    def writable(self) -> bool:
        """Whether another message may be sent (sock_alloc_send_pskb)."""
        return self.unread < SNDBUF

    def take_error(self) -> None:
        """What happened to the socket, raised once (sock_error)."""
        error, self.error = self.error, 0
        if error:
            raise KernelError(error, f"the other end of {self} is gone and has not read all it was sent")

    def wait(self, until: Callable[[], bool], what: str, flags: int, other: UnixSocket | None) -> None:
        """Sleep until `until()`, which who has `other` open is to bring about. -EAGAIN, -ERESTARTSYS."""
        if until():
            return
        if flags & MSG_DONTWAIT or (self.file is not None and self.file.flags & O_NONBLOCK):
            raise KernelError(EAGAIN, f"{what}: it would have to be waited for")
        self.sockets.kernel.sched.wait_event(until, SocketWait(what, other), interruptible=True)

    def __str__(self) -> str:
        return f"unix socket {self.number}"


@dataclass(frozen=True)
class SocketWait:
    """`what` a task waits for; the tasks that have `other` open can make it happen."""

    what: str
    other: UnixSocket | None
    relation: str = "up to"

    def blockers(self) -> Sequence[Blocker]:
        if self.other is None or self.other.file is None:
            return []
        processes = self.other.sockets.kernel.processes.values()
        file = self.other.file
        return [p for p in processes if any(p.files.file(fd) is file for fd in p.files.open_fds())]

    def __str__(self) -> str:
        return self.what


def of_file(file: File) -> UnixSocket:
    """The socket behind `file`. -ENOTSOCK."""
    if not isinstance(file.private, UnixSocket):
        raise KernelError(ENOTSOCK, f"{file} is not a socket")
    return file.private


def check_may_send(sock: UnixSocket, other: UnixSocket) -> None:
    """-EPERM: datagrams to a socket that is connected go there only from its peer (unix_may_send)."""
    if other.peer not in (None, sock):
        raise KernelError(EPERM, f"{other} takes datagrams from {other.peer} only, not from {sock}")
