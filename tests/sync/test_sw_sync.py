"""sw_sync, SEMANTICS 2.3 and checklist row 35: timelines, their fences, deadlines, the end of the file."""

from __future__ import annotations

from errno import EEXIST, EFAULT, EINVAL, ENOENT, ENOTTY

import pytest

from soc.dmabuf.fence import (
    dma_fence_add_callback,
    dma_fence_chain_init,
    dma_fence_get,
    dma_fence_put,
    dma_fence_set_deadline,
)
from soc.dmabuf.sync import sync_debugfs_init
from soc.dmabuf.sync.sw_sync import SyncTimelines
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from soc.kernel.fs.poll import EPOLLIN
from soc.kernel.generation import Generation
from soc.kernel.uapi.sw_sync import (
    SW_SYNC_GET_DEADLINE,
    SW_SYNC_IOC_CREATE_FENCE,
    SW_SYNC_IOC_INC,
    SwSyncGetDeadline,
)
from tests.fence.bench import live, make_fence, make_kernel
from tests.sync.bench import INFO, SW_SYNC, App, init

INT_MAX = 0x7FFF_FFFF


def test_the_numbers_are_those_of_linux() -> None:
    assert [SW_SYNC_IOC_CREATE_FENCE, SW_SYNC_IOC_INC, SW_SYNC_GET_DEADLINE] == [
        0xC0285700,
        0x40045701,
        0xC0105702,
    ]


# --- timelines --------------------------------------------------------------------------


def test_each_open_is_a_timeline_of_its_own_from_0_on(app: App) -> None:
    one, two = app.timeline(), app.timeline()
    first, second = app.fence(one, 1), app.fence(two, 1)
    assert app.fence_of(first).context != app.fence_of(second).context
    app.inc(one)
    assert [app.status(first), app.status(second)] == [1, 0]


@pytest.mark.parametrize(
    ("value", "steps", "states"),
    [
        (1, [1], [0, 1]),
        (3, [1, 1, 1], [0, 0, 0, 1]),
        (3, [5], [0, 1]),
        (0, [], [1]),
        (INT_MAX, [INT_MAX - 1, 1], [0, 0, 1]),
        (0x8000_0000, [], [1]),
        (0xFFFF_FFFF, [], [1]),
    ],
    ids=["next", "third", "jumped over", "now", "far", "half of 32 bits away is the past", "just past"],
)
def test_a_fence_signals_when_the_timeline_reaches_its_value(
    app: App, value: int, steps: list[int], states: list[int]
) -> None:
    timeline = app.timeline()
    fence = app.fence(timeline, value)
    seen = [app.status(fence)]
    for step in steps:
        app.inc(timeline, step)
        seen.append(app.status(fence))
    assert seen == states


def test_the_fence_is_of_the_program_and_its_value(app: App) -> None:
    fence = app.fence_of(app.fence(app.timeline(), 5))
    assert (fence.driver_name, fence.timeline_name, fence.seqno) == ("sw_sync", "app", 5)


def test_a_long_name_of_a_program_is_cut_to_15(kernel: KernelCore) -> None:
    app = App(kernel, "surfaceflinger-main")
    assert app.fence_of(app.fence(app.timeline(), 5)).timeline_name == "surfaceflinger-"


def test_two_fences_at_one_value_are_one(app: App) -> None:
    timeline = app.timeline()
    first, second = app.fence(timeline, 3), app.fence(timeline, 3)
    assert first != second
    assert app.fence_of(first) is app.fence_of(second)
    app.inc(timeline, 3)
    assert app.fence_of(app.fence(timeline, 3)) is not app.fence_of(first)


def test_fences_signal_in_the_order_of_their_values(app: App) -> None:
    timeline = app.timeline()
    fds = [app.fence(timeline, value) for value in (4, 2, 3, 1)]
    order: list[int] = []
    for fd in fds:
        dma_fence_add_callback(app.fence_of(fd), lambda fence: order.append(fence.seqno))
    app.inc(timeline, 2)
    assert (order, [app.status(fd) for fd in fds]) == ([1, 2], [0, 1, 0, 1])


@pytest.mark.parametrize("by", [INT_MAX, INT_MAX + 1, 0xFFFF_FFFE, 0xFFFF_FFFF], ids=hex)
def test_an_increment_beyond_int_max_jumps_over_nothing(app: App, by: int) -> None:
    timeline = app.timeline()
    fds = [app.fence(timeline, value) for value in (1, 0x4000_0000, INT_MAX)]
    app.inc(timeline, by)
    assert [app.status(fd) for fd in fds] == [1, 1, 1]
    assert [app.status(app.fence(timeline, (by + ahead) & 0xFFFF_FFFF)) for ahead in (0, 1)] == [1, 0]


def test_the_counter_wraps(app: App) -> None:
    timeline = app.timeline()
    app.inc(timeline, 0xFFFF_FFFF)
    fence = app.fence(timeline, 2)
    states = [app.status(fence)]
    for _ in range(3):
        app.inc(timeline)
        states.append(app.status(fence))
    assert states == [0, 0, 0, 1]


# --- the end of the file ----------------------------------------------------------------


def test_closing_the_timeline_signals_what_is_pending_with_enoent(kernel: KernelCore, app: App) -> None:
    timeline = app.timeline()
    done, pending, later = (app.fence(timeline, value) for value in (1, 2, 9))
    app.inc(timeline)
    app.process.close(timeline)
    assert [app.status(fd) for fd in (done, pending, later)] == [1, -ENOENT, -ENOENT]
    assert app.process.poll([(later, EPOLLIN)], 0) == [EPOLLIN]
    assert kernel.log.warnings == []


def test_the_timeline_lives_until_the_last_fd_is_closed(app: App) -> None:
    timeline = app.timeline()
    copy, fence = app.process.dup(timeline), app.fence(timeline, 1)
    app.process.close(timeline)
    assert app.status(fence) == 0
    app.inc(copy)
    assert app.status(fence) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["timeline first", "fence first"])
def test_nothing_is_left_of_a_timeline(kernel: KernelCore, app: App, order: tuple[int, int]) -> None:
    timeline = app.timeline()
    fds = (timeline, app.fence(timeline, 1))
    for index in order:
        app.process.close(fds[index])
    assert (live(kernel), kernel.subsystem(SyncTimelines).live) == ([], {})


def test_a_program_that_dies_signals_its_fences(kernel: KernelCore, app: App) -> None:
    fence = dma_fence_get(app.fence_of(app.fence(app.timeline(), 1)))
    app.process.exit()
    assert (fence.signalled, fence.error) == (True, -ENOENT)
    dma_fence_put(fence)
    assert (live(kernel), kernel.subsystem(SyncTimelines).live) == ([], {})


# --- deadlines --------------------------------------------------------------------------


def test_the_earliest_deadline_counts(app: App) -> None:
    timeline = app.timeline()
    fence = app.fence(timeline, 1)
    seen = []
    for deadline in (500, 900, 300):
        app.set_deadline(fence, deadline)
        seen.append(app.deadline_of(timeline, fence))
    assert seen == [500, 500, 300]


def test_a_deadline_reaches_it_through_containers(kernel: KernelCore, app: App) -> None:
    timeline = app.timeline()
    first, second = app.fence(timeline, 1), app.fence(app.timeline(), 1)
    app.set_deadline(app.merge(first, second), 700)
    assert [app.deadline_of(timeline, fd) for fd in (first, second)] == [700, 700]
    chain = dma_fence_chain_init(kernel, None, dma_fence_get(app.fence_of(first)), 1)
    dma_fence_set_deadline(chain, 600)
    assert app.deadline_of(timeline, first) == 600


def test_without_a_deadline_it_is_enoent(app: App) -> None:
    timeline = app.timeline()
    with pytest.raises(KernelError) as refused:
        app.deadline_of(timeline, app.fence(timeline, 1))
    assert (refused.value.errno, refused.value.why) == (
        ENOENT,
        "SW_SYNC_GET_DEADLINE: nobody gave fence sw_sync 1:1 a deadline",
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"deadline_ns": 1}, "SW_SYNC_GET_DEADLINE: deadline 1, pad 0x0"),
        ({"pad": 1}, "SW_SYNC_GET_DEADLINE: deadline 0, pad 0x1"),
        ({"fence_fd": 66}, "sync_file_get_fence: app (pid 100) has no open fd 66"),
        ({"fence_fd": 1}, "SW_SYNC_GET_DEADLINE: fence gpu 2:1 is of no sw_sync timeline"),
    ],
    ids=["deadline given", "pad", "no fd", "another driver's fence"],
)
def test_a_wrong_question_for_a_deadline_is_einval(
    kernel: KernelCore, app: App, change: dict[str, int], why: str
) -> None:
    timeline = app.timeline()
    app.hand_out(make_fence(kernel))
    with pytest.raises(KernelError) as refused:
        app.process.ioctl(timeline, SW_SYNC_GET_DEADLINE, SwSyncGetDeadline(**change))
    assert (refused.value.errno, refused.value.why) == (EINVAL, why)
    assert live(kernel) == ["fence gpu 2:1"]


# --- misuse -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cmd",
    [SW_SYNC_IOC_CREATE_FENCE, SW_SYNC_IOC_INC, SW_SYNC_GET_DEADLINE],
    ids=["create", "inc", "deadline"],
)
def test_a_bad_pointer_is_efault(app: App, cmd: int) -> None:
    timeline = app.timeline()
    with pytest.raises(KernelError) as refused:
        app.process.ioctl(timeline, cmd, 0xBAD_0000)
    assert (refused.value.errno, app.process.files.open_fds()) == (EFAULT, [timeline])


def test_an_unknown_ioctl_is_enotty(app: App) -> None:
    with pytest.raises(KernelError) as refused:
        app.process.ioctl(app.timeline(), 0x5703)
    assert refused.value.errno == ENOTTY


def test_linux_4_9_knows_no_deadlines() -> None:
    app = App(init(make_kernel(Generation.V4_9)))
    timeline = app.timeline()
    with pytest.raises(KernelError) as refused:
        app.deadline_of(timeline, app.fence(timeline, 1))
    assert refused.value.errno == ENOTTY


def test_linux_of_2011_has_none_of_it() -> None:
    kernel = init(make_kernel(Generation.V2011))
    for look in (lambda: App(kernel).timeline(), lambda: kernel.views.read(INFO)):
        with pytest.raises(KernelError) as refused:
            look()
        assert refused.value.errno == ENOENT


def test_it_registers_once(kernel: KernelCore) -> None:
    with pytest.raises(KernelError) as refused:
        sync_debugfs_init(kernel)
    assert (refused.value.errno, SW_SYNC in kernel.devfs.list()) == (EEXIST, True)
