"""SOCK_STREAM: bytes in order, and files at the byte they were sent with.

One call joins what was sent without files before them, and never goes on past them.
Source: net/unix/af_unix.c (unix_stream_sendmsg, unix_stream_read_generic).
"""

from __future__ import annotations

from errno import EINVAL, EISCONN, ENOTCONN, EOPNOTSUPP, EPIPE
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.net.scm import Message, scm_detach_fds
from soc.kernel.net.sock import SNDBUF, State, UnixSocket
from soc.kernel.net.transfer import Passing, Received, queue, user_copy

if TYPE_CHECKING:
    from soc.kernel.task import Task

PIECE = SNDBUF // 2 - 64
"""Most bytes of one sk_buff: two of them always fit."""


def send_stream(sock: UnixSocket, data: bytes, passing: Passing, flags: int, address: str | None) -> int:
    if address is not None:
        errno = EISCONN if sock.state is State.ESTABLISHED else EOPNOTSUPP
        raise KernelError(errno, f"{sock} is a stream: it sends to no address")
    other = sock.peer
    if other is None:
        raise KernelError(ENOTCONN, f"{sock} is {sock.state.value}")
    _check_peer(sock, other)
    sent = 0
    while sent < len(data):
        try:
            sock.wait(lambda: sock.writable or other.dead, f"room to send on {sock}", flags, other)
            _check_peer(sock, other)
            message = passing.message(sock, data[sent : sent + PIECE])
            if other.dead:
                passing.take_back(message)
            _check_peer(sock, other)
        except KernelError:
            if sent:
                break
            raise
        queue(other, message)
        sent += len(message.data)
    return sent


def _check_peer(sock: UnixSocket, other: UnixSocket) -> None:
    if other.dead:
        raise KernelError(EPIPE, f"{other}, which {sock} is connected to, is closed")


def receive_stream(task: Task, sock: UnixSocket, size: int, control: int, flags: int) -> Received:
    if sock.state is not State.ESTABLISHED:
        raise KernelError(EINVAL, f"{sock} is {sock.state.value}")
    data = b""
    while True:
        if not data:
            sock.wait(lambda: bool(sock.queue) or sock.hung_up, f"a message on {sock}", flags, sock.peer)
        if not sock.queue:
            if not data:
                sock.take_error()
            return Received(data)
        try:
            user_copy(task, "recvmsg")
        except KernelError:
            if data:
                return Received(data)
            raise
        if not sock.queue:
            continue  # another thread was faster
        message = sock.queue[0]
        data += _read(sock, message, size - len(data))
        if message.files:
            fds, truncated = scm_detach_fds(task, message.take_files(), message.holder, control, flags)
            return Received(data, tuple(fds), truncated)
        if len(data) >= size:
            return Received(data)


def _read(sock: UnixSocket, message: Message, size: int) -> bytes:
    """The first bytes of a stream's message, which leaves the queue with its last byte."""
    piece, message.data = message.data[:size], message.data[size:]
    message.sender.unread -= len(piece)
    if not message.data:
        sock.queue.popleft()
    return piece
