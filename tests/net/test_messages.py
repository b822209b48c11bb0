"""What sendmsg and recvmsg do with bytes: streams joined and cut, datagrams whole."""

from __future__ import annotations

from errno import (
    EAGAIN,
    ECONNREFUSED,
    EINVAL,
    EISCONN,
    EMSGSIZE,
    ENOTCONN,
    EOPNOTSUPP,
    EPERM,
)
from socket import MSG_DONTWAIT, MSG_TRUNC, SOCK_DGRAM

import pytest

from soc.kernel.net.stream import PIECE
from soc.kernel.process import Process
from tests.net.world import ONE_FD, PATH, World, errno_of


@pytest.fixture
def app(world: World) -> Process:
    return world.process()


def test_a_stream_joins_bytes_up_to_files_and_never_goes_past_them(world: World, app: Process) -> None:
    one, other = app.socketpair()
    fd, _ = world.buffer(app)
    app.sendmsg(one, b"ab")
    app.sendmsg(one, b"cd", [fd])
    app.sendmsg(one, b"ef")
    app.sendmsg(one, b"gh", [fd])
    assert [(r.data, len(r.fds)) for r in (app.recvmsg(other, 100, ONE_FD) for _ in range(2))] == [
        (b"abcd", 1),
        (b"efgh", 1),
    ]


def test_files_come_with_the_first_byte_of_their_message(world: World, app: Process) -> None:
    one, other = app.socketpair()
    fd, _ = world.buffer(app)
    app.sendmsg(one, b"abc", [fd])
    assert [(r.data, len(r.fds)) for r in (app.recvmsg(other, n, ONE_FD) for n in (1, 5))] == [
        (b"a", 1),
        (b"bc", 0),
    ]


def test_a_stream_ends_with_its_peer(app: Process) -> None:
    one, other = app.socketpair()
    app.sendmsg(one, b"last words")
    app.close(one)
    assert [app.recvmsg(other, 100).data for _ in range(3)] == [b"last words", b"", b""]
    assert errno_of(lambda: app.recvmsg(app.socket(), 1)) == EINVAL


def test_a_stream_takes_no_address(app: Process) -> None:
    one, _ = app.socketpair()
    app.bind(app.socket(), PATH)
    assert errno_of(lambda: app.sendmsg(one, b"x", address=PATH)) == EISCONN
    assert errno_of(lambda: app.sendmsg(app.socket(), b"x", address=PATH)) == EOPNOTSUPP


def test_a_long_stream_goes_in_pieces_as_far_as_there_is_room(app: Process) -> None:
    one, other = app.socketpair()
    data = bytes(range(256)) * 2048
    sent = app.sendmsg(one, data, flags=MSG_DONTWAIT)
    assert sent == 3 * PIECE
    assert errno_of(lambda: app.sendmsg(one, data, flags=MSG_DONTWAIT)) == EAGAIN
    assert app.recvmsg(other, len(data)).data == data[:sent]
    assert app.sendmsg(one, b"more", flags=MSG_DONTWAIT) == 4


def test_datagrams_stay_whole(app: Process) -> None:
    one, other = app.socketpair(SOCK_DGRAM)
    for data in (b"first", b"second"):
        app.sendmsg(one, data)
    assert [(r.data, r.flags) for r in (app.recvmsg(other, n) for n in (3, 10))] == [
        (b"fir", MSG_TRUNC),
        (b"second", 0),
    ]
    assert errno_of(lambda: app.sendmsg(one, bytes(212_961))) == EMSGSIZE


def test_datagrams_go_to_names_and_tell_where_they_come_from(app: Process) -> None:
    server, client = app.socket(SOCK_DGRAM), app.socket(SOCK_DGRAM)
    app.bind(server, PATH)
    app.bind(client, "/run/client")
    assert errno_of(lambda: app.sendmsg(client, b"x")) == ENOTCONN
    app.sendmsg(client, b"hello", address=PATH)
    assert app.recvmsg(server, 10).address == "/run/client"
    app.connect(client, PATH)
    app.sendmsg(client, b"hello again")
    assert app.recvmsg(server, 20).data == b"hello again"


def test_datagrams_of_a_third_are_eperm_for_who_has_a_peer(app: Process) -> None:
    one, _ = app.socketpair(SOCK_DGRAM)
    app.bind(one, PATH)
    third = app.socket(SOCK_DGRAM)
    assert errno_of(lambda: app.connect(third, PATH)) == EPERM
    assert errno_of(lambda: app.sendmsg(third, b"x", address=PATH)) == EPERM


def test_a_datagram_peer_that_is_gone_is_refused_once_and_then_there_is_none(app: Process) -> None:
    one, other = app.socketpair(SOCK_DGRAM)
    app.close(other)
    assert errno_of(lambda: app.sendmsg(one, b"x")) == ECONNREFUSED
    assert errno_of(lambda: app.sendmsg(one, b"x")) == ENOTCONN


def test_eleven_datagrams_wait_in_a_queue_of_ten(world: World, app: Process) -> None:
    one, other = app.socketpair(SOCK_DGRAM)
    fd, dmabuf = world.buffer(app)
    for _ in range(11):
        app.sendmsg(one, b"x", flags=MSG_DONTWAIT)
    assert errno_of(lambda: app.sendmsg(one, b"x", [fd], MSG_DONTWAIT)) == EAGAIN
    assert dmabuf.file.f_count == 1
    app.recvmsg(other, 1)
    assert app.sendmsg(one, b"x", [fd], MSG_DONTWAIT) == 1
