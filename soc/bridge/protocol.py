"""What goes over the socket: frames of a 16-byte header, a payload, and file descriptors with the first byte.

The reader expects the worst: whatever does not follow the rules is one
ProtocolError, after which nothing more is read from that peer. Only the standard
library is used, since clients import this, too.
"""

from __future__ import annotations

import os
import socket
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

MAGIC = b"SoCb"
VERSION = 1
HEADER = struct.Struct("<4sHHII")
"""magic, version, kind, bytes of payload, number of file descriptors."""
MOST_PAYLOAD = 1 << 20
MOST_FDS = 16
READ_SIZE = 1 << 16


class BridgeError(Exception):
    """The bridge cannot do what was asked; the message is for people."""


class ProtocolError(BridgeError):
    """The peer does not speak this protocol."""


class Kind(IntEnum):
    """Each request of a client has one answer: ERROR, or what is named here, or else OK."""

    ERROR = 0
    """Text."""
    OK = 1
    LIST = 2
    """Answered by NAMES."""
    NAMES = 3
    """Names, one a line."""
    GET = 4
    """A name; answered by BUFFER."""
    BUFFER = 5
    """An Offer, with its files."""
    CONFIRM = 6
    """A Confirmation: the buffer is mapped."""
    RELEASE = 8
    """A ticket: it is unmapped and closed."""
    GIVE = 10
    """A Gift, with its files; answered by TAKEN."""
    TAKEN = 11
    """An inode number."""


@dataclass(eq=False)
class Message:
    """One frame. Its `fds` belong to it until somebody takes them away."""

    kind: Kind
    payload: bytes = b""
    fds: list[int] = field(default_factory=list)

    def take_fds(self) -> list[int]:
        fds, self.fds = self.fds, []
        return fds

    def text(self) -> str:
        """The payload as text. ProtocolError."""
        try:
            return self.payload.decode()
        except UnicodeDecodeError:
            raise ProtocolError("a text is not UTF-8") from None

    def close(self) -> None:
        """Close the file descriptors nobody took."""
        for fd in self.take_fds():
            os.close(fd)


class Inbox:
    """Bytes and file descriptors as they come in, until they make messages."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._fds: list[int] = []

    @property
    def empty(self) -> bool:
        return not self._data and not self._fds

    def receive(self, sock: socket.socket) -> bool:
        """Read once; False at the end of the connection. ProtocolError, or OSError of the socket."""
        room = socket.CMSG_SPACE(MOST_FDS * array("i").itemsize)
        data, control, flags, _ = sock.recvmsg(READ_SIZE, room, socket.MSG_CMSG_CLOEXEC)
        for level, kind, content in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds = array("i")
                fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
                self._fds += fds
        self._data += data
        if flags & socket.MSG_CTRUNC or len(self._fds) > MOST_FDS:
            raise ProtocolError(f"more than {MOST_FDS} file descriptors, or no room for them here")
        return bool(data)

    def next(self) -> Message | None:
        """The next message, if all of it is there. ProtocolError."""
        if len(self._data) < HEADER.size:
            return None
        magic, version, kind, size, count = HEADER.unpack_from(self._data)
        if magic != MAGIC:
            raise ProtocolError(f"a message begins with {bytes(magic)!r}, not with {MAGIC!r}")
        if version != VERSION:
            raise ProtocolError(f"version {version} of the protocol, this is version {VERSION}")
        if kind not in Kind.__members__.values():
            raise ProtocolError(f"unknown kind of message {kind}")
        if size > MOST_PAYLOAD or count > MOST_FDS:
            most = f"{MOST_PAYLOAD} and {MOST_FDS} may be"
            raise ProtocolError(f"a message of {size} bytes and {count} file descriptors, {most}")
        if len(self._data) < HEADER.size + size:
            return None
        if count > len(self._fds):
            raise ProtocolError(f"a message of {count} file descriptors came with {len(self._fds)}")
        payload = bytes(self._data[HEADER.size : HEADER.size + size])
        del self._data[: HEADER.size + size]
        fds, self._fds = self._fds[:count], self._fds[count:]
        if self._fds and not self._data:
            Message(Kind(kind), fds=fds).close()
            raise ProtocolError(f"{len(self._fds)} file descriptors belong to no message")
        return Message(Kind(kind), payload, fds)

    def close(self) -> None:
        """Close what came in and made no message."""
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()


def encode(kind: Kind, payload: bytes, fds: Sequence[int]) -> bytes:
    """The bytes of a message. ProtocolError if it is too large."""
    if len(payload) > MOST_PAYLOAD or len(fds) > MOST_FDS:
        raise ProtocolError(f"{len(payload)} bytes and {len(fds)} files are too much for a message")
    return HEADER.pack(MAGIC, VERSION, kind, len(payload), len(fds)) + payload


def send_piece(sock: socket.socket, data: bytes, fds: Sequence[int]) -> int:
    """Send as much of `data` as fits, with `fds` at its first byte; bytes sent. OSError."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds).tobytes())] if fds else []
    return sock.sendmsg([data], rights, socket.MSG_NOSIGNAL)
