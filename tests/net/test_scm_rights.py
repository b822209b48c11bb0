"""SCM_RIGHTS row by row: what a message carries, refuses and cuts off."""

from __future__ import annotations

from errno import EBADF, EINVAL, ENOTCONN, EPIPE, ETOOMANYREFS
from os import SEEK_END
from socket import CMSG_SPACE, MSG_CMSG_CLOEXEC, MSG_CTRUNC, SOCK_DGRAM, SOCK_STREAM

import pytest

from soc.kernel.fs.file import Holder
from soc.kernel.process import Process
from tests.net.world import ONE_FD, World, control, errno_of

KINDS = [pytest.param(SOCK_STREAM, id="stream"), pytest.param(SOCK_DGRAM, id="datagram")]


def pair(world: World, kind: int = SOCK_STREAM, limit: int = 1024) -> tuple[Process, int, Process, int]:
    """(sender, its socket, receiver, its socket), each the only fd of its process."""
    sender, receiver = world.process("sender"), world.process("receiver", limit)
    one, other = sender.socketpair(kind)
    receiver.files.close_all()
    child = sender.fork()
    file = child.files.fget(other, Holder("kernel", "test"))
    fd = receiver.files.get_unused_fd()
    receiver.files.fd_install(fd, file, Holder("kernel", "test"))
    child.exit()
    sender.close(other)
    return sender, one, receiver, fd


# --- sending --------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_253_files_fit_into_a_message_and_254_are_einval(world: World, kind: int) -> None:
    sender, one, receiver, other = pair(world, kind)
    fd, dmabuf = world.buffer(sender)
    assert sender.sendmsg(one, b"x", [fd] * 253) == 1
    assert dmabuf.file.f_count == 254
    assert errno_of(lambda: sender.sendmsg(one, b"x", [fd] * 254)) == EINVAL
    assert dmabuf.file.f_count == 254, "the refused message holds nothing"
    received = receiver.recvmsg(other, 10, control(253))
    assert (received.fds, received.flags) == (tuple(range(1, 254)), 0)


@pytest.mark.parametrize("bad", [-1, 99], ids=["negative", "not open"])
def test_an_fd_that_is_not_open_is_ebadf_and_those_before_it_are_put(world: World, bad: int) -> None:
    sender, one, _, _ = pair(world)
    fd, dmabuf = world.buffer(sender)
    assert errno_of(lambda: sender.sendmsg(one, b"x", [fd, fd, bad])) == EBADF
    assert dmabuf.file.f_count == 1


def test_more_files_in_flight_than_the_limit_are_etoomanyrefs(world: World) -> None:
    """As Linux does it looks before it adds: one message may go beyond."""
    sender = world.process("sender", limit=4)
    one, other = sender.socketpair()
    fd, dmabuf = world.buffer(sender)
    assert sender.sendmsg(one, b"x", [fd] * 3) == 1
    assert sender.sendmsg(one, b"x", [fd] * 3) == 1
    assert world.sockets.in_flight == 6
    assert errno_of(lambda: sender.sendmsg(one, b"x", [fd])) == ETOOMANYREFS
    assert dmabuf.file.f_count == 7
    assert sender.sendmsg(one, b"plain") == 5, "a message without files goes"
    sender.recvmsg(other, 1)
    sender.recvmsg(other, 1)
    assert sender.sendmsg(one, b"x", [fd]) == 1


def test_a_stream_without_a_byte_sends_nothing_and_holds_nothing(world: World) -> None:
    sender, one, _, _ = pair(world)
    fd, dmabuf = world.buffer(sender)
    assert sender.sendmsg(one, b"", [fd]) == 0
    assert (dmabuf.file.f_count, world.sockets.in_flight) == (1, 0)


def test_a_datagram_without_a_byte_carries_files(world: World) -> None:
    sender, one, receiver, other = pair(world, SOCK_DGRAM)
    fd, dmabuf = world.buffer(sender)
    assert sender.sendmsg(one, b"", [fd]) == 0
    assert receiver.recvmsg(other, 0, ONE_FD).fds == (1,)
    assert dmabuf.file.f_count == 2


def test_what_cannot_be_sent_is_put(world: World) -> None:
    sender = world.process()
    fd, dmabuf = world.buffer(sender)
    alone = sender.socket()
    assert errno_of(lambda: sender.sendmsg(alone, b"x", [fd])) == ENOTCONN
    one, other = sender.socketpair()
    sender.close(other)
    assert errno_of(lambda: sender.sendmsg(one, b"x", [fd])) == EPIPE
    assert dmabuf.file.f_count == 1


# --- in flight ------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("leave", ["close", "exit"])
def test_the_sender_may_close_or_exit_before_the_message_is_read(world: World, kind: int, leave: str) -> None:
    """Bug row 39: the message alone keeps the buffer."""
    sender, one, receiver, other = pair(world, kind)
    fd, dmabuf = world.buffer(sender)
    sender.sendmsg(one, b"frame", [fd])
    if leave == "close":
        sender.close(fd)
    else:
        sender.exit()
    assert dmabuf.file.held_by() == "message from sender (pid 100) to unix socket 2"
    assert world.released == []
    received = receiver.recvmsg(other, 100, ONE_FD)
    assert (received.data, received.fds, received.flags) == (b"frame", (1,), 0)
    assert dmabuf.file.held_by() == "fd 1 of receiver (pid 101)"


def test_without_a_message_in_flight_the_buffer_goes_with_its_sender(world: World) -> None:
    """The control of the test above."""
    sender, _, _, _ = pair(world)
    _, dmabuf = world.buffer(sender)
    sender.exit()
    assert world.released == [dmabuf.ino]


@pytest.mark.parametrize("kind", KINDS)
def test_unread_messages_of_a_destroyed_socket_are_dropped(world: World, kind: int) -> None:
    sender, one, receiver, other = pair(world, kind)
    fd, dmabuf = world.buffer(sender)
    for _ in range(3):
        sender.sendmsg(one, b"frame", [fd])
    sender.close(fd)
    assert dmabuf.file.held_by() == "message from sender (pid 100) to unix socket 2 (3 times)"
    receiver.close(other)
    assert world.released == [dmabuf.ino]
    assert world.sockets.in_flight == 0


def test_a_socket_that_is_open_elsewhere_keeps_its_messages(world: World) -> None:
    sender, one, receiver, other = pair(world)
    fd, dmabuf = world.buffer(sender)
    sender.sendmsg(one, b"frame", [fd])
    child = receiver.fork()
    receiver.exit()
    assert dmabuf.file.f_count == 2
    assert child.recvmsg(other, 100, ONE_FD).fds == (1,)


# --- receiving ------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_same_file_at_the_lowest_free_number(world: World, kind: int) -> None:
    sender, one, receiver, other = pair(world, kind)
    fd, dmabuf = world.buffer(sender)
    for _ in range(3):
        receiver.dup(other)
    receiver.close(2)
    sender.sendmsg(one, b"x", [fd, fd])
    received = receiver.recvmsg(other, 1, control(2))
    assert received.fds == (2, 4)
    assert {receiver.fstat(new).st_ino for new in received.fds} == {sender.fstat(fd).st_ino} == {dmabuf.ino}
    assert receiver.lseek(2, 0, SEEK_END) == 4096
    assert receiver.files.file(2) is sender.files.file(fd)


@pytest.mark.parametrize(
    ("flags", "expected"), [(0, set()), (MSG_CMSG_CLOEXEC, {1})], ids=["plain", "cloexec"]
)
def test_msg_cmsg_cloexec_marks_the_new_fds(world: World, flags: int, expected: set[int]) -> None:
    sender, one, receiver, other = pair(world)
    fd, _ = world.buffer(sender)
    sender.sendmsg(one, b"x", [fd])
    receiver.recvmsg(other, 1, ONE_FD, flags)
    assert receiver.files.cloexec == expected
    receiver.exec()
    assert receiver.files.open_fds() == [0, 1][: 2 - len(expected)]


@pytest.mark.parametrize(
    ("size", "taken"),
    [(0, 0), (15, 0), (16, 0), (19, 0), (20, 1), (CMSG_SPACE(4), 2), (27, 2), (control(3), 3), (1000, 3)],
)
def test_files_that_do_not_fit_the_control_buffer_are_closed(world: World, size: int, taken: int) -> None:
    """Row 32. CMSG_SPACE(4) is padded and takes two."""
    sender, one, receiver, other = pair(world)
    fd, dmabuf = world.buffer(sender)
    sender.sendmsg(one, b"x", [fd] * 3)
    received = receiver.recvmsg(other, 1, size)
    assert received.fds == tuple(range(1, 1 + taken))
    assert received.flags == (0 if taken == 3 else MSG_CTRUNC)
    assert dmabuf.file.f_count == 1 + taken


@pytest.mark.parametrize("room", [0, 1, 2, 3])
def test_files_beyond_rlimit_nofile_are_closed(world: World, room: int) -> None:
    sender, one, receiver, other = pair(world, limit=1 + room)
    fd, dmabuf = world.buffer(sender)
    sender.sendmsg(one, b"x", [fd] * 3)
    received = receiver.recvmsg(other, 1, control(3))
    assert received.fds == tuple(range(1, 1 + room))
    assert received.flags == (0 if room == 3 else MSG_CTRUNC)
    assert dmabuf.file.f_count == 1 + room
    assert received.data == b"x", "the bytes arrive all the same"


def test_files_of_a_message_that_is_cut_off_at_the_end_are_released(world: World) -> None:
    sender, one, receiver, other = pair(world)
    fd, dmabuf = world.buffer(sender)
    sender.sendmsg(one, b"x", [fd])
    sender.close(fd)
    assert receiver.recvmsg(other, 1).flags == MSG_CTRUNC
    assert world.released == [dmabuf.ino]


def test_fork_copies_received_fds_like_any_other(world: World) -> None:
    sender, one, receiver, other = pair(world)
    fd, dmabuf = world.buffer(sender)
    sender.sendmsg(one, b"x", [fd])
    receiver.recvmsg(other, 1, ONE_FD)
    child = receiver.fork()
    assert child.fstat(1).st_ino == dmabuf.ino
    assert dmabuf.file.f_count == 3


# --- bug row 6: a server that never closes what it receives ---------------------------


@pytest.mark.parametrize("closes", [True, False], ids=["clean", "leaks"])
def test_a_server_that_keeps_what_it_receives_runs_out_of_fds(world: World, closes: bool) -> None:
    sender, one, server, other = pair(world, limit=20)
    fd, dmabuf = world.buffer(sender)
    truncated = 0
    for _ in range(1000):
        sender.sendmsg(one, b"x", [fd])
        received = server.recvmsg(other, 1, ONE_FD, MSG_CMSG_CLOEXEC)
        truncated += received.flags == MSG_CTRUNC
        for new in received.fds if closes else ():
            server.close(new)
    assert truncated == (0 if closes else 981)
    assert server.files.open_fds() == ([0] if closes else list(range(20)))
    assert dmabuf.file.f_count == (1 if closes else 20)
