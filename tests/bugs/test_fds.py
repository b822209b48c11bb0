"""Rows 6, 24 and 39: fds that a program loses, an fd closed while it is polled, one that is on its way."""

from __future__ import annotations

import os
from socket import CMSG_SPACE, MSG_CMSG_CLOEXEC

import pytest

from soc.dmabuf import DmaBuf, dma_buf_fd
from soc.dmabuf.bufinfo import BUFINFO
from soc.dmabuf.fence import DmaFence, dma_fence_context_alloc, dma_fence_put, dma_fence_signal
from soc.dmabuf.poll import DmaBufPolls
from soc.dmabuf.resv import DmaResvUsage, dma_resv_add_fence, dma_resv_reserve_fences
from soc.kernel.errors import KernelBug
from soc.kernel.fs.file import UseAfterFree
from soc.kernel.fs.poll import EPOLLIN, EPOLLNVAL
from soc.kernel.process import Process
from soc.kernel.sched.thread import Spawned
from soc.kernel.task import Task
from tests.bugs.bench import PAGE, Bench, alloc, clean_bench, connect, misc_register, noisy_bench

ONE_FD = CMSG_SPACE(4)
FRAMES = 1000


# --- 6: fds that nobody closes --------------------------------------------------------------------


def serve(bench: Bench, closes: bool) -> tuple[Process, Process]:
    """A thousand frames from a camera server to a client, which closes each, or does not."""
    camera, client = bench.process("camera"), bench.process("client", limit=2048)
    mine, theirs = connect(client, camera)
    for _ in range(FRAMES):
        fd = alloc(camera, "negotiated")
        camera.sendmsg(theirs, b"frame", [fd])
        camera.close(fd)
        (received,) = client.recvmsg(mine, 5, ONE_FD, MSG_CMSG_CLOEXEC).fds
        if closes:
            client.close(received)
        for process in (camera, client):
            bench.kernel.fd_audit.mark(process.files)
    camera.close(theirs)
    client.close(mine)
    return camera, client


def test_row_06_planted_a_client_that_never_closes_is_told_after_thirty_frames_and_at_its_end() -> None:
    with noisy_bench() as bench:
        _, client = serve(bench, closes=False)
        assert bench.kernel.fd_audit.remarks == [
            "client (pid 101) has had more fds after each of the last 30 rounds: "
            "31 of its 32 are dma-buf 'negotiated'"
        ]
        assert bench.kernel.views.read(BUFINFO).splitlines()[-1] == (
            f"Total {FRAMES} objects, {FRAMES * 4 * PAGE} bytes"
        )
        client.exit()
        ends = [text for text in bench.kernel.fd_audit.remarks if "ends with" in text]
        assert len(ends) == FRAMES
        assert ends[0].startswith("client (pid 101) ends with fd 0 open: dma-buf ")


def test_row_06_planted_a_buffer_without_cloexec_is_passed_on_to_another_program() -> None:
    with noisy_bench() as bench:
        app = bench.process()
        fd = alloc(app, flags=0)
        app.exec()
        assert bench.kernel.fd_audit.remarks == [
            f"app (pid 100) passes fd {fd} on by exec: dma-buf 2 'system'"
        ]


def test_row_06_clean_a_thousand_frames_leave_bufinfo_as_it_was() -> None:
    with clean_bench() as bench:
        before = bench.kernel.views.read(BUFINFO)
        serve(bench, closes=True)
        assert bench.kernel.views.read(BUFINFO) == before
        app = bench.process()
        alloc(app)
        app.exec()


# --- 24: a poll and the buffer's life -------------------------------------------------------------


def busy(bench: Bench, dmabuf: DmaBuf) -> DmaFence:
    """A camera writes the buffer until the fence signals."""
    fence = DmaFence(bench.kernel, "camera", "capture", dma_fence_context_alloc(bench.kernel), 1)
    with dmabuf.resv.locked():
        dma_resv_reserve_fences(dmabuf.resv, 1)
        dma_resv_add_fence(dmabuf.resv, fence, DmaResvUsage.WRITE)
    return fence


def poll_and_close(bench: Bench) -> tuple[DmaFence, Spawned, Spawned]:
    """A thread polls a buffer that the camera writes, and another one closes its fd meanwhile."""
    app = bench.process()
    fd = alloc(app)
    fence = busy(bench, bench.dmabuf(app, fd))
    poll = bench.kernel.sched.spawn(app, app.poll, [(fd, EPOLLIN)])
    close = bench.kernel.sched.spawn(app, app.close, fd)
    bench.kernel.sched.run_ready()
    return fence, poll, close


def test_row_24_planted_a_poll_that_does_not_hold_the_file_ends_in_a_bug(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The framework before the fix: the callback stands on the fence, and nothing keeps the buffer."""

    def arm(polls: DmaBufPolls, dmabuf: DmaBuf, event: int) -> bool:
        armed = correct(polls, dmabuf, event)
        for holder in [holder for holder in dmabuf.file.holders if holder.who.startswith("poll")]:
            dmabuf.file.put(holder)
        return armed

    correct = DmaBufPolls._arm
    monkeypatch.setattr(DmaBufPolls, "_arm", arm)
    with noisy_bench() as bench:
        _, _, close = poll_and_close(bench)
        with pytest.raises(KernelBug):
            close.result()
        assert bench.warned() == [
            "kernel BUG: dma_buf_release: dma-buf 2 'system' is still waited for by a poll"
        ]


def test_row_24_clean_the_poll_keeps_the_buffer_until_the_fence_signals() -> None:
    with clean_bench() as bench:
        fence, poll, close = poll_and_close(bench)
        assert (poll.done, close.done) == (False, True)
        assert bench.left()[:2] == [
            "dma-buf 2 'system' (16384 bytes): held by kernel poll of dma-buf 2 'system'",
            "dma-buf 2 'system' is kept by a poll, until fence camera 1:1 signals",
        ]
        dma_fence_signal(fence)
        bench.kernel.sched.run()
        assert poll.result() == [EPOLLNVAL], "the second look finds the fd closed"
        dma_fence_put(fence)


# --- 39: freed in flight --------------------------------------------------------------------------


class ByNumber:
    """/dev/share: a driver that passes buffers by a number, and takes no reference for those on their way."""

    SEND, RECEIVE = 1, 2

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.parcels: list[DmaBuf] = []
        misc_register(bench.kernel, "/dev/share", self.ioctl)

    def ioctl(self, task: Task, cmd: int, arg: int) -> int:
        if cmd == self.SEND:
            self.parcels.append(task.files.file(arg).private)
            return 0
        return dma_buf_fd(task, self.parcels.pop(), os.O_CLOEXEC)


def test_row_39_planted_the_sender_exits_and_the_receiver_is_given_a_dead_buffer() -> None:
    with noisy_bench() as bench:
        ByNumber(bench)
        sender, receiver = bench.process("sender"), bench.process("receiver")
        sender.ioctl(sender.open("/dev/share"), ByNumber.SEND, alloc(sender))
        sender.exit()
        with pytest.raises(UseAfterFree):
            receiver.ioctl(receiver.open("/dev/share"), ByNumber.RECEIVE)
        assert bench.warned() == ["dma_buf_fd: dma-buf 3 'system' used after its release"]


def test_row_39_clean_the_message_keeps_the_buffer_of_a_sender_that_was_killed() -> None:
    with clean_bench() as bench:
        sender, receiver = bench.process("sender"), bench.process("receiver")
        mine, theirs = connect(receiver, sender)
        fd = alloc(sender)
        address = sender.mmap(fd, PAGE)
        sender.store(address, b"what was sent")
        dmabuf = bench.dmabuf(sender, fd)
        sender.sendmsg(theirs, b"frame", [fd])
        sender.send_signal(fatal=True)
        sender.close(fd)
        sender.close(theirs)
        sender.exit()
        assert dmabuf.file.held_by() == "message from sender (pid 100) to unix socket 3"
        (received,) = receiver.recvmsg(mine, 5, ONE_FD, MSG_CMSG_CLOEXEC).fds
        address = receiver.mmap(received, PAGE)
        assert receiver.load(address, 13) == b"what was sent"
        receiver.munmap(address, PAGE)
        receiver.close(received)
        receiver.close(mine)


def test_row_39_clean_a_message_that_nobody_receives_releases_what_it_carries() -> None:
    with clean_bench() as bench:
        sender, receiver = bench.process("sender"), bench.process("receiver")
        mine, theirs = connect(receiver, sender)
        fd = alloc(sender)
        sender.sendmsg(theirs, b"frame", [fd])
        sender.close(fd)
        sender.close(theirs)
        receiver.close(mine)
