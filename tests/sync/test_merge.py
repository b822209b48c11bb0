"""SYNC_IOC_MERGE, SEMANTICS 2.3: errors in their order, what comes out, and set arithmetic."""

from __future__ import annotations

from errno import EFAULT, EINVAL, EMFILE, ENOENT
from mmap import PROT_READ

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.dmabuf.fence import dma_fence_unwrap
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from soc.kernel.uapi.sync_file import SYNC_IOC_MERGE, SyncMergeData
from tests.fence.bench import live, make_fence, make_kernel
from tests.sync.bench import App, counters, init


def test_a_merge_has_the_fences_of_both_which_stay_as_they_are(kernel: KernelCore, app: App) -> None:
    first, second = app.hand_out(make_fence(kernel)), app.hand_out(make_fence(kernel))
    merged = app.merge(first, second)
    assert app.process.files.open_fds() == [first, second, merged]
    names = ["fence gpu 1:1", "fence gpu 2:1"]
    assert [str(fence) for fence in dma_fence_unwrap(app.fence_of(merged))] == names
    assert [str(app.fence_of(fd)) for fd in (first, second)] == names


@pytest.mark.parametrize(
    ("name", "expected"),
    [(b"frame 7", b"frame 7"), (b"x" * 32, b"x" * 31), (b"", b"dma_fence_array-unbound3-1")],
    ids=["given", "too long", "none"],
)
def test_it_has_the_name_it_was_given(kernel: KernelCore, app: App, name: bytes, expected: bytes) -> None:
    first, second = app.hand_out(make_fence(kernel)), app.hand_out(make_fence(kernel))
    assert app.info(app.merge(first, second, name)).name == expected


def test_it_signals_when_both_have(app: App) -> None:
    one, two = app.timeline(), app.timeline()
    merged = app.merge(app.fence(one, 1), app.fence(two, 1))
    states = [app.status(merged)]
    for timeline in (two, one):
        app.inc(timeline)
        states.append(app.status(merged))
    assert states == [0, 0, 1]


def test_a_file_merges_with_itself(kernel: KernelCore, app: App) -> None:
    first = app.hand_out(make_fence(kernel))
    merged = app.merge(first, first)
    assert app.fence_of(merged) is app.fence_of(first)


def test_signalled_fences_are_left_out(kernel: KernelCore, app: App) -> None:
    timeline = app.timeline()
    pending = app.fence(timeline, 9)
    done = app.fence(timeline, 0)
    assert [info.status for info in app.fences(app.merge(done, pending))] == [0]
    both = app.fences(app.merge(done, done))
    assert [(info.driver_name, info.status) for info in both] == [(b"stub", 1)]


@pytest.mark.parametrize(
    ("change", "errno", "why"),
    [
        ({"flags": 1}, EINVAL, "SYNC_IOC_MERGE: flags 0x1, pad 0x0"),
        ({"pad": 2}, EINVAL, "SYNC_IOC_MERGE: flags 0x0, pad 0x2"),
        ({"fd2": 55}, ENOENT, "SYNC_IOC_MERGE: app (pid 100) has no open fd 55"),
        ({"fd2": -1}, ENOENT, "SYNC_IOC_MERGE: app (pid 100) has no open fd -1"),
        (
            {"fd2": 1},
            ENOENT,
            "SYNC_IOC_MERGE: fd 1 of app (pid 100) is sw_sync 2 'sw_sync', not a sync_file",
        ),
        ({"fd2": 55, "flags": 1}, EINVAL, "SYNC_IOC_MERGE: flags 0x1, pad 0x0"),
    ],
    ids=["flags", "pad", "closed fd2", "negative fd2", "no sync_file", "flags come first"],
)
def test_a_merge_that_is_refused(
    kernel: KernelCore, app: App, change: dict[str, int], errno: int, why: str
) -> None:
    first, _ = app.hand_out(make_fence(kernel)), app.timeline()
    before = counters(kernel)
    data = SyncMergeData(**{"fd2": first, **change})
    with pytest.raises(KernelError) as refused:
        app.process.ioctl(first, SYNC_IOC_MERGE, data)
    assert (refused.value.errno, refused.value.why) == (errno, why)
    assert counters(kernel) == before


def test_a_full_table_comes_before_a_bad_pointer(kernel: KernelCore, app: App) -> None:
    first = app.hand_out(make_fence(kernel))
    app.process.files.limit = 1
    with pytest.raises(KernelError) as refused:
        app.process.ioctl(first, SYNC_IOC_MERGE, None)
    assert refused.value.errno == EMFILE


def test_a_result_that_cannot_be_written_leaves_no_fd(kernel: KernelCore, app: App) -> None:
    first = app.hand_out(make_fence(kernel))
    address = app.process.mmap(None, 4096, PROT_READ)  # all 0: fd2 is fd 0
    before = counters(kernel)
    with pytest.raises(KernelError) as refused:
        app.process.ioctl(first, SYNC_IOC_MERGE, address)
    assert (first, refused.value.errno) == (0, EFAULT)
    assert counters(kernel) == before


POINTS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), min_size=2, max_size=7)


@given(points=POINTS, progress=st.tuples(*[st.integers(0, 9)] * 3))
def test_merging_is_set_arithmetic(points: list[tuple[int, int]], progress: tuple[int, int, int]) -> None:
    kernel = init(make_kernel())
    app = App(kernel)
    timelines = [app.timeline() for _ in range(3)]
    fds = [app.fence(timelines[line], value) for line, value in points]
    for line, by in enumerate(progress):
        app.inc(timelines[line], by)
    merged = fds[0]
    for fd in fds[1:]:
        merged = app.merge(merged, fd)
    pending = {(line, value) for line, value in points if value > progress[line]}
    expected = {line: max(value for own, value in pending if own == line) for line, _ in pending}
    found = [fence for fence in dma_fence_unwrap(app.fence_of(merged)) if not fence.signalled]
    assert {(fence.context - 1, fence.seqno) for fence in found} == set(expected.items())
    assert app.status(merged) == (0 if pending else 1)
    app.process.exit()
    assert (live(kernel), kernel.files.live(), kernel.log.warnings) == ([], [], [])
