"""SOCK_DGRAM: each message as it was sent, files and all, or not at all.

Source: net/unix/af_unix.c (unix_dgram_sendmsg, __unix_dgram_recvmsg).
"""

from __future__ import annotations

from collections.abc import Callable
from errno import ECONNREFUSED, EMSGSIZE, ENOTCONN
from socket import MSG_TRUNC
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.net.scm import scm_destroy, scm_detach_fds
from soc.kernel.net.sock import SNDBUF, UnixSocket, check_may_send
from soc.kernel.net.transfer import Passing, Received, queue, user_copy

if TYPE_CHECKING:
    from soc.kernel.task import Task

LONGEST = SNDBUF - 32
"""Bytes of one datagram."""


def send_datagram(sock: UnixSocket, data: bytes, passing: Passing, flags: int, address: str | None) -> int:
    if address is None and sock.peer is None:
        raise KernelError(ENOTCONN, f"{sock} has no peer and was given no address")
    if len(data) > LONGEST:
        raise KernelError(EMSGSIZE, f"a datagram of {len(data)} bytes is longer than {LONGEST}")
    sock.wait(lambda: sock.writable, f"room to send on {sock}", flags, sock.peer)
    message = passing.message(sock, data)
    try:
        other = _destination(sock, address)
        while len(other.queue) > other.backlog:
            sock.wait(_room_at(other), f"room in the queue of {other}", flags, other)
            other = _destination(sock, address)
    except KernelError:
        passing.take_back(message)
        raise
    queue(other, message)
    return len(data)


def _destination(sock: UnixSocket, address: str | None) -> UnixSocket:
    """-ECONNREFUSED from a peer that is closed, which is no peer any more."""
    other = sock.peer if address is None else sock.sockets.find(address, sock.kind)
    if other is None:
        raise KernelError(ENOTCONN, f"{sock} has no peer any more")
    if other.dead:
        sock.peer = None
        raise KernelError(ECONNREFUSED, f"{other}, the peer of {sock}, is closed")
    check_may_send(sock, other)
    return other


def receive_datagram(task: Task, sock: UnixSocket, size: int, control: int, flags: int) -> Received:
    sock.wait(lambda: bool(sock.queue), f"a message on {sock}", flags, sock.peer)
    message = sock.queue.popleft()
    message.sender.unread -= len(message.data)
    files = message.take_files()
    try:
        user_copy(task, "recvmsg")
    except KernelError:
        scm_destroy(files, message.holder)
        raise
    fds: list[int] = []
    result = MSG_TRUNC if len(message.data) > size else 0
    if files:
        fds, truncated = scm_detach_fds(task, files, message.holder, control, flags)
        result |= truncated
    return Received(message.data[:size], tuple(fds), result, message.sender.name)


def _room_at(receiver: UnixSocket) -> Callable[[], bool]:
    return lambda: receiver.dead or len(receiver.queue) <= receiver.backlog
