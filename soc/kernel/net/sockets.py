"""All UNIX sockets of one kernel: their names, what is in flight between them, and their end.

A socket bound to a path leaves the path behind when it is closed; nobody
answers there any more, and it is taken until somebody unlinks it. An abstract
name, which begins with a NUL, goes with its socket.
Source: net/unix/af_unix.c (unix_create1, unix_release_sock, unix_poll).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from errno import ECONNREFUSED, ECONNRESET, ENOENT, EPROTOTYPE
from os import O_RDWR
from socket import SOCK_STREAM
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.fs.file import File, FileOperations, Holder
from soc.kernel.fs.poll import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, PollTable
from soc.kernel.net.garbage import unix_gc
from soc.kernel.net.scm import Message
from soc.kernel.net.sock import SNDBUF, SocketWait, State, UnixSocket, of_file

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore

EPOLLRDHUP = 0x2000
MAX_DGRAM_QLEN = 10
"""net.unix.max_dgram_qlen."""


class UnixSockets:
    """`live` are the sockets with a file, oldest first; `in_flight` counts files in messages,
    `sockets_in_flight` those of them that are sockets."""

    def __init__(self, kernel: KernelCore) -> None:
        self.kernel = kernel
        self.live: dict[UnixSocket, None] = {}
        self.names: dict[str, UnixSocket] = {}
        self.in_flight = 0
        self.sockets_in_flight = 0
        self.collecting = False
        self._made = 0
        self._doomed: deque[tuple[File, Holder]] = deque()
        self._dropping = False
        self._ops = FileOperations("socket", self._release, poll=self._poll, link=_link)

    def make(self, kind: int) -> UnixSocket:
        """A socket that no file belongs to yet. -ENOMEM."""
        self.kernel.faults.kmalloc("unix_sock")
        self._made += 1
        return UnixSocket(self, kind, self._made, backlog=MAX_DGRAM_QLEN)

    def open(self, socket: UnixSocket, holder: Holder, flags: int) -> File:
        """The file of `socket`, whose one reference is `holder`'s. -ENOMEM."""
        self.kernel.faults.kmalloc("file")
        name = "stream" if socket.kind == SOCK_STREAM else "dgram"
        socket.file = self.kernel.files.open(self._ops, socket, name, holder, O_RDWR | flags)
        self.live[socket] = None
        return socket.file

    def find(self, address: str, kind: int) -> UnixSocket:
        """The socket of that name (unix_find_other). -ENOENT, -ECONNREFUSED if it is closed, -EPROTOTYPE."""
        shown = address.replace("\0", "@", 1)
        if address not in self.names:
            errno = ECONNREFUSED if address[:1] == "\0" else ENOENT
            raise KernelError(errno, f"no socket is bound to {shown}")
        found = self.names[address]
        if found.dead:
            raise KernelError(ECONNREFUSED, f"the socket bound to {shown} is closed")
        if found.kind != kind:
            raise KernelError(EPROTOTYPE, f"{shown} is a socket of another type")
        return found

    def count(self, files: Iterable[File], change: int) -> None:
        """`files` enter a message (1) or leave it (-1)."""
        for file in files:
            self.in_flight += change
            self.sockets_in_flight += change * isinstance(file.private, UnixSocket)

    def drop(self, messages: Iterable[Message]) -> None:
        """Nobody will read these, which are in no queue any more: their bytes and references go."""
        for message in messages:
            message.sender.unread -= len(message.data)
            self._doomed += [(file, message.holder) for file in message.take_files()]
        if self._dropping:
            return  # by a socket that was in a message: its own come next, so that nothing nests
        self._dropping = True
        try:
            while self._doomed:
                file, holder = self._doomed.popleft()
                file.put(holder)
        finally:
            self._dropping = False

    def end(self, socket: UnixSocket, embryo: bool = False) -> None:
        """The socket is gone: its peer hears of it, what it has not read is dropped."""
        socket.dead = True
        if socket.name is not None and socket.name[:1] == "\0":
            del self.names[socket.name]
        if socket.peer is not None and socket.kind == SOCK_STREAM:
            socket.peer.hung_up = True
            if socket.queue or embryo:
                socket.peer.error = ECONNRESET
        for pending in socket.pending:
            self.end(pending, embryo=True)
        messages, socket.queue = socket.queue, deque()
        socket.pending.clear()
        self.drop(messages)

    def _release(self, file: File) -> None:
        socket = of_file(file)
        del self.live[socket]
        self.end(socket)
        socket.file = None
        if not self._dropping:  # whoever is dropping was released itself and looks when all are gone
            unix_gc(self)

    def _poll(self, file: File, table: PollTable | None) -> int:
        socket = of_file(file)
        events = _events(socket)
        if table is not None:
            on = SocketWait(f"something on {socket}", socket.peer)
            table.wait(on, lambda: _events(socket) != events)
        return events


def _events(socket: UnixSocket) -> int:
    """What the socket is ready for (unix_poll)."""
    stream, peer = socket.kind == SOCK_STREAM, socket.peer
    events = EPOLLERR if socket.error else 0
    if socket.hung_up:
        events |= EPOLLHUP | EPOLLRDHUP | EPOLLIN
    if socket.queue or socket.pending:
        events |= EPOLLIN
    if stream and socket.state is State.CLOSE:
        events |= EPOLLHUP
    full = not stream and peer is not None and len(peer.queue) > peer.backlog
    if socket.state is not State.LISTEN and not full and 4 * socket.unread <= SNDBUF:
        events |= EPOLLOUT
    return events


def _link(file: File) -> str:
    return f"socket:[{file.ino}]"
