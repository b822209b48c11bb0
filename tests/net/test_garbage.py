"""Sockets that only messages hold: cycles are dropped, what can still be received is not."""

from __future__ import annotations

from socket import SOCK_DGRAM

from soc.kernel.net.garbage import unix_gc
from soc.kernel.process import Process
from tests.net.world import ONE_FD, PATH, World


def release_another(process: Process) -> None:
    """Linux looks for garbage when some socket is released."""
    process.close(process.socket())


def test_a_socket_sent_through_itself_is_collected_with_what_it_carries(world: World) -> None:
    app = world.process()
    one, other = app.socketpair()
    fd, dmabuf = world.buffer(app)
    app.sendmsg(one, b"x", [other])
    app.sendmsg(one, b"x", [fd])
    app.close(fd)
    app.close(other)
    assert world.released == []
    app.close(one)
    assert world.released == [dmabuf.ino]
    assert world.live() == []


def test_two_sockets_sent_through_each_other_stay_until_a_socket_is_released(world: World) -> None:
    app = world.process()
    one, other = app.socketpair()
    fd, dmabuf = world.buffer(app)
    app.sendmsg(one, b"x", [one, fd])
    app.sendmsg(other, b"x", [other])
    for each in (one, other, fd):
        app.close(each)
    assert len(world.live()) == 3
    assert dmabuf.file.held_by() == "message from app (pid 100) to unix socket 2"
    release_another(app)
    assert world.live() == []
    assert world.released == [dmabuf.ino]


def test_a_ring_of_many_is_collected(world: World) -> None:
    app = world.process()
    pairs = [app.socketpair(SOCK_DGRAM) for _ in range(20)]
    for (one, _), (_, next_) in zip(pairs, pairs[1:] + pairs[:1], strict=True):
        app.sendmsg(one, b"x", [next_])
    for pair in pairs:
        for fd in pair:
            app.close(fd)
    release_another(app)
    assert world.live() == []


def test_what_hangs_on_an_open_socket_is_not_garbage(world: World) -> None:
    """The control: the same cycle, but the way to it is open."""
    app = world.process()
    door, end = app.socketpair()
    one, other = app.socketpair()
    fd, dmabuf = world.buffer(app)
    app.sendmsg(one, b"x", [one, fd])
    app.sendmsg(other, b"x", [other])
    app.sendmsg(door, b"x", [other])
    for each in (one, other, fd):
        app.close(each)
    release_another(app)
    assert world.released == []
    again = app.recvmsg(end, 1, ONE_FD).fds[0]
    received = app.recvmsg(again, 1, 100)
    assert [app.fstat(new).st_ino for new in received.fds][1] == dmabuf.ino


def test_what_lies_in_a_connection_nobody_accepted_is_not_garbage_while_the_listener_is_open(
    world: World,
) -> None:
    app = world.process()
    listening, client = app.socket(), app.socket()
    app.bind(listening, PATH)
    app.listen(listening)
    app.connect(client, PATH)
    door, end = app.socketpair()
    fd, dmabuf = world.buffer(app)
    app.sendmsg(door, b"x", [fd])
    app.sendmsg(client, b"x", [end])
    app.close(fd)
    app.close(end)
    release_another(app)
    assert world.released == []
    again = app.recvmsg(app.accept(listening), 1, ONE_FD).fds[0]
    assert app.fstat(app.recvmsg(again, 1, ONE_FD).fds[0]).st_ino == dmabuf.ino


def test_a_listener_in_a_connection_to_itself_is_collected(world: World) -> None:
    app = world.process()
    listening, client = app.socket(), app.socket()
    app.bind(listening, PATH)
    app.listen(listening)
    app.connect(client, PATH)
    app.sendmsg(client, b"x", [listening])
    app.close(listening)
    app.close(client)
    assert world.live() == []


def test_a_chain_longer_than_the_stack_is_dropped_one_after_the_other(world: World) -> None:
    """Each socket lies in the queue of the next: closing the last must not nest."""
    app = world.process(limit=2000)
    sender, inner = app.socket(SOCK_DGRAM), app.socket(SOCK_DGRAM)
    for number in range(1500):
        outer = app.socket(SOCK_DGRAM)
        app.bind(outer, f"\0{number}")
        app.sendmsg(sender, b"x", [inner], address=f"\0{number}")
        app.close(inner)
        inner = outer
    app.close(sender)
    assert len(world.live()) == 1501
    app.close(inner)
    assert world.live() == []


def test_looking_for_garbage_leaves_a_world_without_any_as_it_is(world: World) -> None:
    app = world.process()
    one, other = app.socketpair()
    fd, dmabuf = world.buffer(app)
    app.sendmsg(one, b"x", [fd, one])
    before = [(str(file), file.held_by()) for file in world.live()]
    unix_gc(world.sockets)
    assert [(str(file), file.held_by()) for file in world.live()] == before
    assert dmabuf.file.f_count == 2
    assert len(app.recvmsg(other, 1, 100).fds) == 2
