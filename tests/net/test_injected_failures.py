"""Every allocation, fd and copy of a piece of work fails once; afterwards all counters are back."""

from __future__ import annotations

from collections.abc import Callable
from errno import EFAULT, EMFILE, ENOBUFS, ENOMEM
from socket import MSG_CTRUNC, MSG_DONTWAIT, SOCK_DGRAM, SOCK_STREAM

import pytest

from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.process import Process
from tests.net.world import PATH, World, control


def pass_a_buffer(world: World, kind: int) -> None:
    """Two processes connect and pass two buffers; whoever fails exits."""
    server, client = world.process("server"), world.process("client")
    listening = server.socket(kind)
    server.bind(listening, PATH)
    buffers = [world.buffer(client)[0] for _ in range(2)]
    if kind == SOCK_STREAM:
        server.listen(listening)
    sending = client.socket(kind)
    client.connect(sending, PATH)
    receiving = server.accept(listening) if kind == SOCK_STREAM else listening
    client.sendmsg(sending, b"frames", buffers)
    client.exit()
    server.recvmsg(receiving, 10, control(2))
    server.pidfd_open(server.pid)


def steps(world: World, kind: int) -> int:
    """Places the work passes that can fail."""
    world.kernel.faults.fail_nth(0)
    pass_a_buffer(world, kind)
    return world.kernel.faults.count


@pytest.mark.parametrize("kind", [SOCK_STREAM, SOCK_DGRAM], ids=["stream", "datagram"])
def test_nothing_leaks_whatever_fails(kind: int) -> None:
    total = steps(World(), kind)
    assert total > 15
    failed = []
    for nth in range(1, total + 1):
        world = World()
        world.kernel.faults.fail_nth(nth)
        try:
            pass_a_buffer(world, kind)
        except KernelError as error:
            failed.append(error.errno)
        assert world.kernel.faults.failed is not None
        world.kernel.faults.fail_nth(0)
        for process in list(world.kernel.processes.values()):
            process.exit()
        world.assert_clean()
        assert len(world.released) in (0, 1, 2)
    assert set(failed) == {ENOMEM, EMFILE, EFAULT, ENOBUFS}


Call = Callable[[Process, int, int, int], object]


def fails(world: World, site: FaultSite, nth: int, call: Call, kind: int = SOCK_STREAM) -> object:
    """What `call(process, sender, receiver, buffer)` of three fds gives, or the errno, when a place fails."""
    app = world.process()
    one, other = app.socketpair(kind)
    fd, _ = world.buffer(app)
    app.sendmsg(one, b"x", [fd, fd])
    world.kernel.faults.fail_nth(nth, site)
    try:
        return call(app, one, other, fd)
    except KernelError as error:
        return error.errno
    finally:
        world.kernel.faults.fail_nth(0)


def test_a_number_that_cannot_be_had_cuts_the_message(world: World) -> None:
    received = fails(world, FaultSite.FD, 2, lambda app, one, other, fd: app.recvmsg(other, 1, control(2)))
    assert (received.fds, received.flags) == ((3,), MSG_CTRUNC)  # type: ignore[attr-defined]


def test_a_control_buffer_that_faults_cuts_the_message(world: World) -> None:
    received = fails(
        world, FaultSite.USERCOPY, 3, lambda app, one, other, fd: app.recvmsg(other, 1, control(2))
    )
    assert (received.fds, received.flags) == ((3,), MSG_CTRUNC)  # type: ignore[attr-defined]


def test_a_stream_whose_reader_faults_can_be_read_again(world: World) -> None:
    def twice(app: Process, one: int, other: int, fd: int) -> object:
        with pytest.raises(KernelError):
            app.recvmsg(other, 1, control(2))
        return app.recvmsg(other, 1, control(2)).fds

    assert fails(world, FaultSite.USERCOPY, 1, twice) == (3, 4)


def test_a_datagram_whose_reader_faults_is_lost(world: World) -> None:
    def twice(app: Process, one: int, other: int, fd: int) -> object:
        with pytest.raises(KernelError):
            app.recvmsg(other, 1, control(2))
        assert app.files.file(fd).f_count == 1
        return app.recvmsg(other, 1, control(2), MSG_DONTWAIT)

    assert fails(world, FaultSite.USERCOPY, 1, twice, SOCK_DGRAM) == 11


def test_a_sender_that_faults_keeps_its_files(world: World) -> None:
    def send(app: Process, one: int, other: int, fd: int) -> object:
        before = app.files.file(fd).f_count
        with pytest.raises(KernelError):
            app.sendmsg(one, b"x", [fd])
        return app.files.file(fd).f_count - before

    assert fails(world, FaultSite.USERCOPY, 1, send) == 0
    assert fails(world, FaultSite.SLAB, 1, send) == 0
    assert fails(world, FaultSite.SLAB, 2, send) == 0
