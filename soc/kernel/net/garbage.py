"""Sockets that only messages hold, and only in each other's queues: nobody can ever receive them.

A socket that is sent through itself, or two through each other, keep their count
above zero after the last close. Mark and sweep: what an fd table or the kernel
holds is alive, what lies in the queue of a living socket is, too; the messages
in the queues of the others are dropped. As in Linux, that is looked for when
some socket is released.
Source: net/unix/garbage.c. Linux collects in a worker; here it is done at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from soc.kernel.net.sock import UnixSocket

if TYPE_CHECKING:
    from soc.kernel.net.sockets import UnixSockets


def unix_gc(sockets: UnixSockets) -> None:
    """Drop every message with files that nobody can receive any more."""
    if sockets.collecting or not sockets.sockets_in_flight:
        return
    sockets.collecting = True
    try:
        dropped = []
        for socket in _garbage(sockets):
            for owner in (socket, *socket.pending):
                dropped += [message for message in owner.queue if message.files]
                owner.queue = deque(message for message in owner.queue if not message.files)
        sockets.drop(dropped)
    finally:
        sockets.collecting = False


def _garbage(sockets: UnixSockets) -> list[UnixSocket]:
    """The sockets that no living socket leads to, oldest first."""
    to_visit = [socket for socket in sockets.live if _held_from_outside(socket)]
    reached = set(to_visit)
    while to_visit:
        for socket in _sockets_in(to_visit.pop()):
            if socket not in reached:
                reached.add(socket)
                to_visit.append(socket)
    return [socket for socket in sockets.live if socket not in reached]


def _held_from_outside(socket: UnixSocket) -> bool:
    return socket.file is not None and any(holder.kind != "message" for holder in socket.file.holders)


def _sockets_in(socket: UnixSocket) -> Iterator[UnixSocket]:
    """The sockets that who has `socket` can receive, also from its pending connections."""
    for owner in (socket, *socket.pending):
        for message in owner.queue:
            yield from (file.private for file in message.files if isinstance(file.private, UnixSocket))
