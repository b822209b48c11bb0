"""The other side of the bridge, for any process of the host: it needs numpy and nothing of the model.

    from soc.bridge.client import connect

    with connect("/run/user/1000/board/bridge") as board:
        with board.get("frame") as frame:
            frame.array[:] = 0          # the very bytes of the machine's DRAM
        fd = new_memory(1 << 20)
        board.give("result", fd)

Every call answers when the server has served it. BridgeError says why one cannot be done.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from soc.bridge.payload import CONFIRMATION, INO, TICKET, Gift, Offer, Run, Way, unpack_exactly
from soc.bridge.protocol import BridgeError, Inbox, Kind, Message, ProtocolError, encode, send_piece
from soc.memory.host_mmap import SideBySide


def connect(path: str | Path, timeout: float | None = None) -> Connection:
    """Connect to the server at `path`; a call that takes longer than `timeout` seconds fails."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        sock.connect(str(path))
    except OSError as error:
        sock.close()
        raise BridgeError(f"no server answers at {path}: {error.strerror or error}") from error
    return Connection(sock, str(path))


def new_memory(size: int, name: str = "bridge") -> int:
    """A memfd of `size` bytes, whole pages, sealed so that the model takes it."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return fd


class Connection:
    """A connection to the server at `path`. Closing it, or dying, gives every buffer back."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        self.path = path
        self._sock = sock
        self._inbox = Inbox()

    def names(self) -> list[str]:
        """The buffers that can be had."""
        return self._ask(Kind.LIST, Kind.NAMES).text().splitlines()

    def get(self, name: str) -> Buffer:
        """The buffer `name`, mapped."""
        message = self._ask(Kind.GET, Kind.BUFFER, name.encode())
        offer = Offer.unpack(message.payload, len(message.fds))
        fds = message.take_fds()
        try:
            memory = SideBySide([(fds[run.file], run.offset, run.size) for run in offer.runs])
        except OSError as error:
            self.release(offer.ticket)
            _close_all(fds)
            raise BridgeError(f"the host cannot map {name} in {len(offer.runs)} runs: {error}") from error
        self._ask(Kind.CONFIRM, Kind.OK, CONFIRMATION.pack(offer.ticket, fds[0]))
        return Buffer(self, name, offer, fds, memory)

    def give(self, name: str, fd: int, size: int | None = None, offset: int = 0) -> int:
        """Lend `size` bytes of a memfd to the model, under `name`; the number of the dma-buf made of it.

        The memfd has F_SEAL_SHRINK (see `new_memory`). By default all of it from `offset` on.
        """
        length = os.fstat(fd).st_size - offset if size is None else size
        return self._give(name, [Run(0, offset, length)], [fd])

    def give_back(self, name: str, buffer: Buffer) -> int:
        """Hand a buffer of the model's back to it, under `name`; the number, which is the buffer's own."""
        return self._give(name, buffer.offer.runs, buffer.fds)

    def release(self, ticket: int) -> None:
        """This client has no use for the buffer of `ticket` any more."""
        self._ask(Kind.RELEASE, Kind.OK, TICKET.pack(ticket))

    def close(self) -> None:
        self._sock.close()
        self._inbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _give(self, name: str, runs: Sequence[Run], fds: Sequence[int]) -> int:
        answer = self._ask(Kind.GIVE, Kind.TAKEN, Gift(name, tuple(runs)).pack(), fds)
        [ino] = unpack_exactly(INO, answer.payload)
        return ino

    def _ask(self, kind: Kind, answer: Kind, payload: bytes = b"", fds: Sequence[int] = ()) -> Message:
        """Send a request and wait for the answer. BridgeError if it is another one."""
        data = encode(kind, payload, fds)
        try:
            while data:
                data, fds = data[send_piece(self._sock, data, fds) :], ()
            message = self._receive()
        except OSError as error:
            raise BridgeError(f"the server at {self.path} is lost: {error.strerror or error}") from error
        if message.kind is Kind.ERROR:
            raise BridgeError(message.text())
        if message.kind is not answer:
            message.close()
            raise ProtocolError(f"the server answered {kind.name} with {message.kind.name}")
        return message

    def _receive(self) -> Message:
        while (message := self._inbox.next()) is None:
            if not self._inbox.receive(self._sock):
                raise BridgeError(f"the server at {self.path} has closed the connection")
        return message


class Buffer:
    """A buffer of the model in this process: `array` are its bytes, contiguous, shape (size,).

    `ino` is its number in the model; `way` says whether `fds` show these pages only.
    """

    def __init__(
        self, connection: Connection, name: str, offer: Offer, fds: list[int], memory: SideBySide
    ) -> None:
        self.name = name
        self.offer = offer
        self.fds = fds
        self.array: NDArray[np.uint8] = memory.view()
        self._connection = connection
        self._memory = memory

    @property
    def ino(self) -> int:
        return self.offer.ino

    @property
    def size(self) -> int:
        """Bytes."""
        return self._memory.size

    @property
    def way(self) -> Way:
        return self.offer.way

    def close(self) -> None:
        """Give it back, once. Views that are left see zeros that are nobody else's."""
        if self.fds:
            self._memory.revoke()
            self.array = self.array[:0]
            _close_all(self.fds)
            self._connection.release(self.offer.ticket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _close_all(fds: list[int]) -> None:
    while fds:
        os.close(fds.pop())
