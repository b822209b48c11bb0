"""Calls that wait: until somebody acts, a signal comes, or nobody can act any more."""

from __future__ import annotations

from collections.abc import Callable
from errno import ECONNREFUSED, EINTR, EPIPE
from socket import SOCK_DGRAM, SOCK_STREAM

import pytest

from soc.kernel.fs.poll import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT
from soc.kernel.net.sock import SNDBUF
from soc.kernel.net.sockets import EPOLLRDHUP
from soc.kernel.process import Process
from soc.kernel.sched.deadlock import Deadlock
from tests.net.world import ONE_FD, PATH, World, errno_of


@pytest.fixture
def app(world: World) -> Process:
    return world.process()


def together(
    world: World, waiting: Callable[[], object], acting: Callable[[], object]
) -> tuple[object, object]:
    """Two threads of two processes; the first has to wait for the second."""
    first = world.kernel.sched.spawn(world.process("first"), waiting)
    world.kernel.sched.run_ready()
    assert not first.done, "it waits"
    second = world.kernel.sched.spawn(world.process("second"), acting)
    world.kernel.sched.run()
    return first.result(), second.result()


@pytest.mark.parametrize("kind", [SOCK_STREAM, SOCK_DGRAM], ids=["stream", "datagram"])
def test_recvmsg_waits_for_a_message(world: World, app: Process, kind: int) -> None:
    one, other = app.socketpair(kind)
    received, sent = together(world, lambda: app.recvmsg(other, 10), lambda: app.sendmsg(one, b"hello"))
    assert (received.data, sent) == (b"hello", 5)  # type: ignore[attr-defined]


def test_accept_waits_for_a_connection_and_connect_for_room(world: World, app: Process) -> None:
    listening = app.socket()
    app.bind(listening, PATH)
    app.listen(listening, 0)
    accepted, _ = together(world, lambda: app.accept(listening), lambda: app.connect(app.socket(), PATH))
    assert app.fstat(accepted)  # type: ignore[arg-type]
    app.connect(app.socket(), PATH)
    client = app.socket()
    together(world, lambda: app.connect(client, PATH), lambda: app.accept(listening))


def test_a_stream_waits_until_enough_is_read(world: World, app: Process) -> None:
    one, other = app.socketpair()
    data = bytes(3 * SNDBUF)

    def read_all() -> int:
        total = 0
        while total < len(data):
            total += len(app.recvmsg(other, SNDBUF).data)
        return total

    assert together(world, lambda: app.sendmsg(one, data), read_all) == (len(data), len(data))


def test_a_datagram_waits_for_room_at_the_receiver(world: World, app: Process) -> None:
    one, other = app.socketpair(SOCK_DGRAM)
    for _ in range(11):
        app.sendmsg(one, b"x")
    together(world, lambda: app.sendmsg(one, b"last"), lambda: app.recvmsg(other, 1))


def test_the_end_of_the_peer_ends_the_wait(world: World, app: Process) -> None:
    one, other = app.socketpair()
    received, _ = together(world, lambda: app.recvmsg(other, 10), lambda: app.close(one))
    assert received.data == b""  # type: ignore[attr-defined]


def test_a_signal_ends_the_wait_with_eintr(world: World, app: Process) -> None:
    _, other = app.socketpair()
    app.send_signal()
    assert errno_of(lambda: app.recvmsg(other, 1)) == EINTR
    app.clear_signals()


def test_a_socket_closed_while_a_thread_waits_on_it_lives_until_it_is_done(
    world: World, app: Process
) -> None:
    one, other = app.socketpair()
    fd, dmabuf = world.buffer(app)

    def close_and_send() -> None:
        app.close(other)
        app.sendmsg(one, b"x", [fd])

    received, _ = together(world, lambda: app.recvmsg(other, 1, ONE_FD), close_and_send)
    assert dmabuf.file.f_count == 2
    assert received.data == b"x"  # type: ignore[attr-defined]
    assert len(world.sockets.live) == 1


def test_waiting_for_a_message_of_ones_own_is_a_deadlock_that_names_who(world: World, app: Process) -> None:
    _, other = app.socketpair()
    with pytest.raises(Deadlock) as deadlock:
        app.recvmsg(other, 1)
    assert str(deadlock.value) == (
        "deadlock: app (pid 100) waits for a message on unix socket 2, up to app (pid 100)"
    )
    world.kernel.log.entries.clear()


def once(world: World, what: Callable[[], object]) -> None:
    """Something happens at the next scheduling point."""

    def act(place: str) -> None:
        world.kernel.sched.on_preempt = None
        what()

    world.kernel.sched.on_preempt = act


def test_of_two_readers_each_message_goes_to_one(world: World, app: Process) -> None:
    one, other = app.socketpair()
    fd, dmabuf = world.buffer(app)
    app.sendmsg(one, b"1", [fd])
    stolen = []
    once(world, lambda: stolen.append(app.recvmsg(other, 1, ONE_FD)) or app.sendmsg(one, b"2", [fd]))
    received = app.recvmsg(other, 10, ONE_FD)
    assert (stolen[0].data, received.data) == (b"1", b"2")
    assert dmabuf.file.f_count == 3


def test_a_reader_whose_only_message_was_taken_waits_for_the_next(world: World, app: Process) -> None:
    one, other = app.socketpair()
    app.sendmsg(one, b"1")
    world.kernel.sched.spawn(world.process("sender"), lambda: app.sendmsg(one, b"2"))
    once(world, lambda: app.recvmsg(other, 1))
    assert app.recvmsg(other, 1).data == b"2"


@pytest.mark.parametrize(
    ("kind", "errno"), [(SOCK_STREAM, EPIPE), (SOCK_DGRAM, ECONNREFUSED)], ids=["stream", "datagram"]
)
def test_a_receiver_that_is_closed_during_a_send_gets_nothing(
    world: World, app: Process, kind: int, errno: int
) -> None:
    one, other = app.socketpair(kind)
    fd, dmabuf = world.buffer(app)
    once(world, lambda: app.close(other))
    assert errno_of(lambda: app.sendmsg(one, b"x", [fd])) == errno
    assert dmabuf.file.f_count == 1


# --- poll -----------------------------------------------------------------------

ASK = EPOLLIN | EPOLLOUT | EPOLLRDHUP


def ready(process: Process, fd: int) -> int:
    return process.poll([(fd, ASK)], timeout=0)[0]


def test_poll_of_a_stream(app: Process) -> None:
    assert ready(app, app.socket()) == EPOLLOUT | EPOLLHUP
    one, other = app.socketpair()
    assert ready(app, other) == EPOLLOUT
    app.sendmsg(one, b"x" * (SNDBUF // 4 + 1))
    assert (ready(app, one), ready(app, other)) == (0, EPOLLIN | EPOLLOUT)
    app.close(other)
    assert ready(app, one) == EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR


def test_poll_of_a_listener(app: Process) -> None:
    listening = app.socket()
    app.bind(listening, PATH)
    app.listen(listening)
    assert ready(app, listening) == 0
    app.connect(app.socket(), PATH)
    assert ready(app, listening) == EPOLLIN


def test_poll_of_datagrams(app: Process) -> None:
    one, other = app.socketpair(SOCK_DGRAM)
    assert (ready(app, one), ready(app, other)) == (EPOLLOUT, EPOLLOUT)
    for _ in range(11):
        app.sendmsg(one, b"x")
    assert (ready(app, one), ready(app, other)) == (0, EPOLLIN | EPOLLOUT)


def test_poll_waits_until_a_message_comes(world: World, app: Process) -> None:
    one, other = app.socketpair()
    events, _ = together(world, lambda: app.poll([(other, EPOLLIN)]), lambda: app.sendmsg(one, b"x"))
    assert events == [EPOLLIN]
