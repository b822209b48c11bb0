"""The introduction's client and service. The client is gone before the service reads the message."""

from __future__ import annotations

from soc.flows.programs import ION_NODE, Program
from soc.flows.stage import Stage

SOCKET = "test_socket"
CONTENT = b"1234\n"
SPACE_FOR_ONE_FD = 24
"""CMSG_SPACE(sizeof(int))"""
MESSAGE = bytes(100)
"""Its content means nothing, but without a byte a stream carries no fd."""


NO_FD = -1


class SocketProgram(Program):
    """A program with a socket."""

    def socket(self) -> int:
        return self.steps.call(self.task, "socket(AF_UNIX)", self.task.socket, "fd {}".format)

    def listen(self, fd: int) -> None:
        def listen() -> None:
            self.task.bind(fd, SOCKET)
            self.task.listen(fd, 5)

        self.steps.call(self.task, f"bind(fd {fd}), listen", listen)

    def connect(self, fd: int) -> None:
        self.steps.call(self.task, f"connect(fd {fd})", lambda: self.task.connect(fd, SOCKET))

    def accept(self, fd: int) -> int:
        return self.steps.call(self.task, f"accept(fd {fd})", lambda: self.task.accept(fd), "fd {}".format)

    def send(self, fd: int, passed: int, data: bytes = MESSAGE) -> None:
        self.steps.call(
            self.task,
            f"sendmsg(fd {fd}, {len(data)} bytes, SCM_RIGHTS fd {passed})",
            lambda: self.task.sendmsg(fd, data, [passed]),
            "{} bytes".format,
        )

    def receive(self, fd: int) -> tuple[int, ...]:
        call = f"recvmsg(fd {fd})"
        received = self.steps.call(
            self.task,
            call,
            lambda: self.task.recvmsg(fd, len(MESSAGE), SPACE_FOR_ONE_FD),
            lambda got: f"{len(got.data)} bytes, " + (f"fd {got.fds[0]}" if got.fds else "no fd"),
        )
        return received.fds


def right(stage: Stage) -> None:
    """Everything that was opened is closed."""
    _play(stage, tidy=True)


def as_printed(stage: Stage) -> None:
    """The programs end with sockets open."""
    _play(stage, tidy=False)


def no_byte(stage: Stage) -> None:
    """The client sends the fd with no data."""
    service, client = SocketProgram(stage, "service"), SocketProgram(stage, "client")
    listening = service.socket()
    service.listen(listening)
    ion, handle, fd = _buffer(client)
    sock = client.socket()
    client.connect(sock)
    connection = service.accept(listening)
    client.send(sock, fd, b"")
    client.close(fd)
    client.ion_free(ion, handle)
    client.close(ion, "ion")
    client.close(sock, "socket")
    client.exit()
    assert service.receive(connection) == ()
    service.close(connection, "connection")
    service.close(listening, "listening socket")
    service.exit()


def _play(stage: Stage, tidy: bool) -> None:
    service, client = SocketProgram(stage, "service"), SocketProgram(stage, "client")
    listening = service.socket()
    service.listen(listening)

    ion, handle, fd = _buffer(client)
    sock = client.socket()
    client.connect(sock)
    client.send(sock, fd)
    client.close(fd)
    client.ion_free(ion, handle)
    client.close(ion, "ion")
    if tidy:
        client.close(sock, "socket")
    client.exit()

    connection = service.accept(listening)
    received = next(iter(service.receive(connection)), NO_FD)
    address = service.mmap(received)
    service.load(address)
    service.munmap(address)
    service.close(received)
    if tidy:
        service.close(connection, "connection")
        service.close(listening, "listening socket")
    service.exit()


def _buffer(client: Program) -> tuple[int, int, int]:
    """(fd of /dev/ion, handle, fd of the buffer): a buffer with a text in it, not mapped any more."""
    ion = client.open(ION_NODE)
    handle = client.ion_alloc(ion)
    fd = client.ion_map(ion, handle)
    address = client.mmap(fd)
    client.store(address, CONTENT)
    client.munmap(address)
    return ion, handle, fd
