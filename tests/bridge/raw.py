"""A client in the test's own process that says what it likes, and whether the server hangs up."""

from __future__ import annotations

import os
import socket

from soc.bridge.payload import CONFIRMATION, TICKET, Offer
from soc.bridge.protocol import Inbox, Kind, Message, encode, send_piece
from tests.bridge.bench import Board


class RawClient:
    """Sends bytes and serves the bridge until it has nothing to do."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(board.server.path))
        self.sock.setblocking(False)
        self._inbox = Inbox()
        board.at_close.append(self.sock.close)
        self.settle()

    def settle(self) -> None:
        """Serve until nothing is left to do."""
        while self._board.server.service():
            pass

    def send(self, data: bytes, fds: list[int] | None = None) -> None:
        """Send bytes as they are."""
        while data:
            data, fds = data[send_piece(self.sock, data, fds or []) :], None
            self.settle()

    def ask(self, kind: Kind, payload: bytes = b"", fds: list[int] | None = None) -> Message:
        """A proper request, and its answer."""
        self.send(encode(kind, payload, fds or []), fds)
        answer = self.answer()
        assert answer is not None
        return answer

    def answer(self) -> Message | None:
        """The next answer, None when the connection has ended."""
        while (message := self._inbox.next()) is None:
            try:
                if not self._inbox.receive(self.sock):
                    return None
            except ConnectionResetError:
                return None
            self.settle()
        return message

    def get(self, name: str) -> Offer:
        """GET without CONFIRM; the files are closed."""
        message = self.ask(Kind.GET, name.encode())
        offer = self.offer(message)
        message.close()
        return offer

    def offer(self, message: Message) -> Offer:
        """What an answer to GET says."""
        assert message.kind is Kind.BUFFER, message.payload
        return Offer.unpack(message.payload, len(message.fds))

    def confirm(self, ticket: int, fd: int) -> None:
        assert self.ask(Kind.CONFIRM, CONFIRMATION.pack(ticket, fd)).kind is Kind.OK

    def release(self, ticket: int) -> None:
        assert self.ask(Kind.RELEASE, TICKET.pack(ticket)).kind is Kind.OK

    def hung_up(self) -> str:
        """The server's last words; it must have closed the connection."""
        message = self.answer()
        assert message is not None
        assert message.kind is Kind.ERROR
        assert self.answer() is None
        return message.text()

    def close(self) -> None:
        self.sock.close()
        self._inbox.close()
        self.settle()


ME = f"host process {os.getpid()}"
