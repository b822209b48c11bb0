"""sync_file, SEMANTICS 2.3 row by row: the fd, poll, names, deadlines, what is no ioctl."""

from __future__ import annotations

from errno import EBADF, EFAULT, EINTR, EINVAL, EMFILE, ENOMEM, ENOTTY

import pytest

from soc.dmabuf.fence import (
    dma_fence_array_create,
    dma_fence_get,
    dma_fence_put,
    dma_fence_set_error,
    dma_fence_signal,
)
from soc.dmabuf.sync import sync_file_create, sync_file_get_fence
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from soc.kernel.fs.poll import EPOLLIN, EPOLLOUT
from soc.kernel.generation import Generation
from soc.kernel.sched.deadlock import Deadlock
from soc.kernel.uapi.sync_file import (
    SYNC_IOC_FILE_INFO,
    SYNC_IOC_MERGE,
    SYNC_IOC_SET_DEADLINE,
    SyncSetDeadline,
)
from tests.fence.bench import Hardware, live, make_fence, make_kernel
from tests.sync.bench import HOLDER, SW_SYNC, App

# --- the fd -----------------------------------------------------------------------------


def test_the_numbers_are_those_of_linux() -> None:
    assert [SYNC_IOC_MERGE, SYNC_IOC_FILE_INFO, SYNC_IOC_SET_DEADLINE] == [0xC0303E03, 0xC0383E04, 0x40103E05]


def test_the_file_holds_a_reference_to_the_fence_and_close_drops_it(kernel: KernelCore, app: App) -> None:
    fence = make_fence(kernel)
    fd = app.hand_out(dma_fence_get(fence))
    assert fence.refcount == 2
    app.process.close(fd)
    assert (fence.refcount, fence.signalled) == (1, False)


def test_the_fence_goes_on_without_the_file(kernel: KernelCore, app: App) -> None:
    timeline = app.timeline()
    fd = app.fence(timeline, 1)
    fence = dma_fence_get(app.fence_of(fd))
    app.process.close(fd)
    app.inc(timeline)
    assert fence.signalled


def test_a_dup_is_the_same_file(kernel: KernelCore, app: App) -> None:
    fd = app.hand_out(make_fence(kernel))
    other = app.process.dup(fd)
    app.process.close(fd)
    assert (app.status(other), live(kernel)) == (0, ["fence gpu 1:1"])
    app.process.close(other)
    assert live(kernel) == []


def test_a_child_has_the_same_file(kernel: KernelCore, app: App) -> None:
    fd = app.hand_out(make_fence(kernel))
    child = app.process.fork()
    app.process.close(fd)
    assert live(kernel) == ["fence gpu 1:1"]
    child.exit()
    assert live(kernel) == []


def test_the_link_of_the_fd(kernel: KernelCore, app: App) -> None:
    assert app.process.readlink(app.hand_out(make_fence(kernel))) == "anon_inode:sync_file"
    assert app.process.readlink(app.timeline()) == SW_SYNC


def test_the_fd_has_no_access_mode_but_reading(kernel: KernelCore, app: App) -> None:
    assert "flags:\t00\n" in app.process.fdinfo(app.hand_out(make_fence(kernel)))


def test_new_fds_are_closed_by_exec(kernel: KernelCore, app: App) -> None:
    timeline = app.timeline()
    first = app.fence(timeline, 1)
    merged = app.merge(first, app.fence(timeline, 2))
    assert {first, merged} <= app.process.files.cloexec


def test_get_fence_gives_a_reference(kernel: KernelCore, app: App) -> None:
    fence = make_fence(kernel)
    fd = app.hand_out(dma_fence_get(fence))
    assert sync_file_get_fence(app.process, fd) is fence
    assert fence.refcount == 3
    dma_fence_put(fence)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("closed", "sync_file_get_fence: app (pid 100) has no open fd 77"),
        ("timeline", "sync_file_get_fence: fd 0 of app (pid 100) is sw_sync 1 'sw_sync', not a sync_file"),
    ],
)
def test_get_fence_of_another_fd_is_einval(app: App, kind: str, why: str) -> None:
    timeline = app.timeline()
    with pytest.raises(KernelError) as refused:
        sync_file_get_fence(app.process, 77 if kind == "closed" else timeline)
    assert (refused.value.errno, refused.value.why) == (EINVAL, why)


def test_create_without_memory_takes_no_reference(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    for nth in (1, 2):
        kernel.faults.fail_nth(nth)
        with pytest.raises(KernelError) as refused:
            sync_file_create(kernel, fence, HOLDER)
        assert (refused.value.errno, fence.refcount, kernel.files.live()) == (ENOMEM, 1, [])


# --- ioctls -----------------------------------------------------------------------------


@pytest.mark.parametrize("cmd", [0x3E03, 0xC0303E02, 0xC0303E04, 0xC0285700, 0x40086200], ids=hex)
def test_an_unknown_ioctl_is_enotty(kernel: KernelCore, app: App, cmd: int) -> None:
    fd = app.hand_out(make_fence(kernel))
    with pytest.raises(KernelError) as refused:
        app.process.ioctl(fd, cmd, 0)
    assert refused.value.errno == ENOTTY


@pytest.mark.parametrize(
    "cmd", [SYNC_IOC_MERGE, SYNC_IOC_FILE_INFO, SYNC_IOC_SET_DEADLINE], ids=["merge", "info", "deadline"]
)
def test_a_bad_pointer_is_efault(kernel: KernelCore, app: App, cmd: int) -> None:
    fd = app.hand_out(make_fence(kernel))
    for address in (None, 0xDEAD_0000):
        with pytest.raises(KernelError) as refused:
            app.process.ioctl(fd, cmd, address)
        assert refused.value.errno == EFAULT
    assert app.process.files.open_fds() == [fd]


def test_a_closed_fd_is_ebadf(app: App) -> None:
    with pytest.raises(KernelError) as refused:
        app.info(5)
    assert refused.value.errno == EBADF


def test_a_deadline_is_a_hint_to_the_driver(kernel: KernelCore, app: App) -> None:
    fence = Hardware(kernel)
    app.set_deadline(app.hand_out(fence), 12345)
    assert fence.calls[-1] == "deadline 12345"


def test_a_deadline_with_padding_is_einval(kernel: KernelCore, app: App) -> None:
    fence = Hardware(kernel)
    fd = app.hand_out(fence)
    with pytest.raises(KernelError) as refused:
        app.process.ioctl(fd, SYNC_IOC_SET_DEADLINE, SyncSetDeadline(deadline_ns=5, pad=1))
    assert (refused.value.errno, refused.value.why) == (EINVAL, "SYNC_IOC_SET_DEADLINE: pad 0x1")
    assert fence.calls == []


def test_linux_4_9_knows_no_deadlines() -> None:
    app = App(make_kernel(Generation.V4_9))
    with pytest.raises(KernelError) as refused:
        app.set_deadline(app.hand_out(make_fence(app.kernel)), 1)
    assert refused.value.errno == ENOTTY


# --- names ------------------------------------------------------------------------------


def test_without_a_name_it_is_that_of_the_fence(kernel: KernelCore, app: App) -> None:
    fd = app.hand_out(make_fence(kernel, context=12, seqno=34))
    assert app.info(fd).name == b"gpu-ring12-34"


def test_a_name_too_long_is_cut(kernel: KernelCore, app: App) -> None:
    fence = make_fence(kernel, context=123456789, seqno=1)
    fence.driver_name, fence.timeline_name = "a-long-driver", "a-long-timeline"
    assert app.info(app.hand_out(fence)).name == b"a-long-driver-a-long-timeline12"


# --- poll -------------------------------------------------------------------------------


def test_poll_is_readable_once_the_fence_has_signalled(app: App) -> None:
    timeline = app.timeline()
    fd = app.fence(timeline, 1)
    assert app.process.poll([(fd, EPOLLIN | EPOLLOUT)], 0) == [0]
    app.inc(timeline)
    assert app.process.poll([(fd, EPOLLIN | EPOLLOUT)], 0) == [EPOLLIN]


def test_poll_is_readable_after_an_error_too(kernel: KernelCore, app: App) -> None:
    fence = make_fence(kernel)
    fd = app.hand_out(dma_fence_get(fence))
    dma_fence_set_error(fence, -5)
    dma_fence_signal(fence)
    assert app.process.poll([(fd, EPOLLIN)], 0) == [EPOLLIN]


def test_poll_waits_until_the_fence_signals(kernel: KernelCore, app: App) -> None:
    fence = make_fence(kernel)
    fd = app.hand_out(dma_fence_get(fence))
    kernel.clock.at(30, lambda: dma_fence_signal(fence))
    assert (app.process.poll([(fd, EPOLLIN)], 100), kernel.clock.now) == ([EPOLLIN], 30)


def test_poll_runs_out_of_time(kernel: KernelCore, app: App) -> None:
    fd = app.hand_out(make_fence(kernel))
    assert (app.process.poll([(fd, EPOLLIN)], 100), kernel.clock.now) == ([0], 100)


def test_a_signal_ends_a_poll_with_eintr(kernel: KernelCore, app: App) -> None:
    fd = app.hand_out(make_fence(kernel))
    kernel.clock.at(30, app.process.send_signal)
    with pytest.raises(KernelError) as ended:
        app.process.poll([(fd, EPOLLIN)])
    assert ended.value.errno == EINTR


def test_the_first_poll_enables_signaling_and_the_callback_goes_with_the_file(
    kernel: KernelCore, app: App
) -> None:
    fence = Hardware(kernel)
    fd = app.hand_out(dma_fence_get(fence))
    for _ in range(3):
        app.process.poll([(fd, EPOLLIN)], 0)
    assert (fence.calls.count("enable_signaling"), len(fence.callbacks)) == (1, 1)
    app.process.close(fd)
    assert fence.callbacks == []
    dma_fence_put(fence)
    assert kernel.log.warnings == []


def test_a_poll_that_nobody_can_end_names_what_it_needs(kernel: KernelCore, app: App) -> None:
    array = dma_fence_array_create(kernel, [make_fence(kernel)], 7, 1)
    fd = app.hand_out(array)
    with pytest.raises(Deadlock) as found:
        app.process.poll([(fd, EPOLLIN)])
    assert str(found.value) == (
        "app (pid 100) waits for ever for poll of fd 0, which needs fence dma_fence_array 7:1, "
        "which needs fence gpu 1:1, which nobody is to signal"
    )


def test_the_table_may_be_full(kernel: KernelCore) -> None:
    app = App(kernel)
    timeline = app.timeline()
    app.process.files.limit = 1
    with pytest.raises(KernelError) as refused:
        app.fence(timeline, 1)
    assert (refused.value.errno, live(kernel)) == (EMFILE, [])
