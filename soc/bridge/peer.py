"""The connection of one client: bytes in, answers out, never waiting for either."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from contextlib import suppress

from soc.bridge.protocol import Inbox, Kind, ProtocolError, encode, send_piece
from soc.bridge.session import Desk, Session

CREDENTIALS = struct.Struct("iII")
"""struct ucred: pid, uid, gid."""


class Peer:
    """A client on the non-blocking `sock`. Its next request waits until it has the answer to the last."""

    def __init__(self, sock: socket.socket, desk: Desk) -> None:
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        self.sock = sock
        self.pid: int = CREDENTIALS.unpack(credentials)[0]
        self.session = Session(desk, self.pid)
        self._inbox = Inbox()
        self._unsent = b""
        self._fds: Sequence[int] = ()

    @property
    def wants_to_send(self) -> bool:
        """Whether an answer waits for room in the socket."""
        return bool(self._unsent)

    def serve(self) -> bool:
        """Send and receive what can be now; False when the client is gone. ProtocolError, OSError."""
        if not self.wants_to_send:
            try:
                if not self._inbox.receive(self.sock):
                    return False
            except BlockingIOError:
                pass
        self._flush()
        while not self.wants_to_send and (message := self._inbox.next()) is not None:
            answer = self.session.answer(message)
            self._unsent, self._fds = encode(answer.kind, answer.payload, answer.fds), answer.fds
            self._flush()
        return True

    def refuse(self, error: ProtocolError) -> None:
        """Tell the client what was wrong, if it listens."""
        with suppress(OSError):
            send_piece(self.sock, encode(Kind.ERROR, str(error).encode(), ()), ())

    def close(self) -> None:
        """Give up the connection, and put what the client held."""
        self.sock.close()
        self._inbox.close()
        self.session.close()

    def _flush(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[send_piece(self.sock, self._unsent, self._fds) :]
                self._fds = ()
        except BlockingIOError:
            pass
