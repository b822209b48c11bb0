"""AF_UNIX: making, naming and connecting sockets, errno by errno."""

from __future__ import annotations

from errno import (
    EADDRINUSE,
    EAFNOSUPPORT,
    EAGAIN,
    EBADF,
    ECONNREFUSED,
    ECONNRESET,
    EINVAL,
    EISCONN,
    EMFILE,
    ENOENT,
    ENOTSOCK,
    EOPNOTSUPP,
    EPIPE,
    EPROTONOSUPPORT,
    EPROTOTYPE,
    ESOCKTNOSUPPORT,
)
from socket import (
    AF_INET,
    SOCK_CLOEXEC,
    SOCK_DGRAM,
    SOCK_NONBLOCK,
    SOCK_RAW,
    SOCK_STREAM,
)

import pytest

from soc.kernel.process import Process
from tests.net.world import ONE_FD, PATH, World, errno_of


@pytest.fixture
def app(world: World) -> Process:
    return world.process()


def listener(process: Process, backlog: int = 5, path: str = PATH) -> int:
    fd = process.socket()
    process.bind(fd, path)
    process.listen(fd, backlog)
    return fd


# --- making ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "errno"),
    [
        ((SOCK_STREAM, AF_INET), EAFNOSUPPORT),
        ((SOCK_RAW,), ESOCKTNOSUPPORT),
        ((SOCK_STREAM, 1, 7), EPROTONOSUPPORT),
        ((SOCK_STREAM | 0x100,), EINVAL),
    ],
    ids=["family", "type", "protocol", "flags"],
)
def test_a_socket_that_is_not_there_is_refused(app: Process, arguments: tuple[int, ...], errno: int) -> None:
    assert errno_of(lambda: app.socket(*arguments)) == errno
    assert errno_of(lambda: app.socketpair(*arguments)) == errno
    assert app.files.open_fds() == []


def test_a_pair_needs_two_numbers_or_takes_none(world: World) -> None:
    app = world.process(limit=2)
    app.socket()
    assert errno_of(app.socketpair) == EMFILE
    assert app.files.open_fds() == [0]
    assert app.socket() == 1


def test_the_flags_of_the_type_are_those_of_the_fd(app: Process) -> None:
    plain, special = app.socket(), app.socket(SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
    assert app.files.cloexec == {special}
    assert app.readlink(plain) == f"socket:[{app.fstat(plain).st_ino}]"
    app.bind(special, PATH)
    app.listen(special)
    assert errno_of(lambda: app.accept(special)) == EAGAIN


@pytest.mark.parametrize("call", ["bind", "listen", "connect", "accept", "sendmsg", "recvmsg"])
def test_a_file_that_is_no_socket_is_enotsock(world: World, app: Process, call: str) -> None:
    fd, _ = world.buffer(app)
    more = {"bind": (PATH,), "connect": (PATH,), "sendmsg": (b"x",), "recvmsg": (1,)}.get(call, ())
    assert errno_of(lambda: getattr(app, call)(fd, *more)) == ENOTSOCK
    assert errno_of(lambda: getattr(app, call)(99, *more)) == EBADF


# --- names ----------------------------------------------------------------------


def test_a_path_is_taken_until_it_is_unlinked_also_by_a_closed_socket(app: Process) -> None:
    first = app.socket()
    app.bind(first, PATH)
    assert errno_of(lambda: app.bind(app.socket(), PATH)) == EADDRINUSE
    assert errno_of(lambda: app.bind(first, "/run/other")) == EINVAL
    app.close(first)
    assert errno_of(lambda: app.bind(app.socket(), PATH)) == EADDRINUSE
    assert errno_of(lambda: app.connect(app.socket(), PATH)) == ECONNREFUSED
    app.unlink(PATH)
    assert errno_of(lambda: app.unlink(PATH)) == ENOENT
    assert errno_of(lambda: app.connect(app.socket(), PATH)) == ENOENT
    app.bind(app.socket(), PATH)


def test_an_abstract_name_goes_with_its_socket(app: Process) -> None:
    listening = listener(app, path="\0camera")
    app.connect(app.socket(), "\0camera")
    assert errno_of(lambda: app.unlink("\0camera")) == ENOENT
    app.close(listening)
    assert errno_of(lambda: app.connect(app.socket(), "\0camera")) == ECONNREFUSED
    listener(app, path="\0camera")


@pytest.mark.parametrize("address", ["", "/" * 109], ids=["empty", "too long"])
def test_an_address_that_is_none_is_einval(app: Process, address: str) -> None:
    assert errno_of(lambda: app.bind(app.socket(), address)) == EINVAL


# --- connections ----------------------------------------------------------------


def test_listen_needs_a_named_stream_without_a_peer(app: Process) -> None:
    assert errno_of(lambda: app.listen(app.socket(SOCK_DGRAM))) == EOPNOTSUPP
    assert errno_of(lambda: app.listen(app.socket())) == EINVAL
    one, _ = app.socketpair()
    app.bind(one, PATH)
    assert errno_of(lambda: app.listen(one)) == EINVAL


def test_accept_needs_a_listener(app: Process) -> None:
    assert errno_of(lambda: app.accept(app.socket(SOCK_DGRAM))) == EOPNOTSUPP
    assert errno_of(lambda: app.accept(app.socket())) == EINVAL
    assert errno_of(lambda: app.accept(app.socket(), 0x4000_0000)) == EINVAL
    assert app.files.open_fds() == [0, 1, 2], "the number was given back"


def test_connect_errno_by_errno(app: Process) -> None:
    app.bind(app.socket(), "/run/silent")
    app.bind(app.socket(SOCK_DGRAM), "/run/datagrams")
    listening = listener(app)
    client = app.socket()
    assert errno_of(lambda: app.connect(client, "/run/nothing")) == ENOENT
    assert errno_of(lambda: app.connect(client, "/run/silent")) == ECONNREFUSED
    assert errno_of(lambda: app.connect(client, "/run/datagrams")) == EPROTOTYPE
    app.connect(client, PATH)
    assert errno_of(lambda: app.connect(client, PATH)) == EISCONN
    assert errno_of(lambda: app.connect(listening, PATH)) == EINVAL


def test_a_full_backlog_is_eagain_for_who_does_not_wait(app: Process) -> None:
    listening = listener(app, backlog=1)
    for _ in range(2):
        app.connect(app.socket(), PATH)
    client = app.socket(SOCK_STREAM | SOCK_NONBLOCK)
    assert errno_of(lambda: app.connect(client, PATH)) == EAGAIN
    app.accept(listening)
    app.connect(client, PATH)


def test_what_is_sent_before_accept_is_there_after_it(world: World, app: Process) -> None:
    listening, client = listener(app), app.socket()
    app.connect(client, PATH)
    fd, dmabuf = world.buffer(app)
    app.sendmsg(client, b"early", [fd])
    assert app.recvmsg(app.accept(listening), 10, ONE_FD).data == b"early"
    assert dmabuf.file.f_count == 2


def test_connections_nobody_accepted_are_reset_with_the_listener(world: World, app: Process) -> None:
    listening, client = listener(app), app.socket()
    app.connect(client, PATH)
    fd, dmabuf = world.buffer(app)
    app.sendmsg(client, b"early", [fd])
    app.close(fd)
    app.close(listening)
    assert world.released == [dmabuf.ino]
    assert errno_of(lambda: app.recvmsg(client, 1)) == ECONNRESET
    assert app.recvmsg(client, 1).data == b"", "the error is told once"
    assert errno_of(lambda: app.sendmsg(client, b"x")) == EPIPE


def test_a_connection_nobody_accepted_is_reset_also_when_nothing_was_sent(app: Process) -> None:
    listening, client = listener(app), app.socket()
    app.connect(client, PATH)
    app.close(listening)
    assert errno_of(lambda: app.recvmsg(client, 1)) == ECONNRESET


def test_a_peer_that_has_read_everything_leaves_no_error(app: Process) -> None:
    """The control: the connection just ends."""
    one, other = app.socketpair()
    app.sendmsg(one, b"x")
    app.recvmsg(other, 1)
    app.close(other)
    assert app.recvmsg(one, 1).data == b""
