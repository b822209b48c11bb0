"""Bug 22: a fence that user space is to signal, and the program that is to do it waits for it.

Each is planted; beside it stand programs that do the same and are not blocked by themselves.
"""

from __future__ import annotations

import pytest

from soc.dmabuf.fence import dma_fence_put, dma_fence_wait
from soc.dmabuf.resv import DmaResv, DmaResvUsage, dma_resv_wait_timeout
from soc.dmabuf.sync import sync_file_get_fence
from soc.kernel.core import KernelCore
from soc.kernel.fs.poll import EPOLLIN
from soc.kernel.sched.deadlock import Deadlock
from soc.kernel.uapi.sw_sync import SW_SYNC_IOC_INC
from tests.fence.bench import make_fence
from tests.resv.bench import add
from tests.sync.bench import App


def test_a_program_that_waits_for_its_own_timeline_is_a_cycle(app: App) -> None:
    fence = app.fence(app.timeline(), 1)
    with pytest.raises(Deadlock) as found:
        app.process.poll([(fence, EPOLLIN)])
    assert str(found.value) == (
        "deadlock: app (pid 100) waits for poll of fd 1, which needs fence sw_sync 1:1, "
        "to be signalled by app (pid 100)"
    )


def test_a_merge_does_not_hide_it(kernel: KernelCore, app: App) -> None:
    merged = app.merge(app.hand_out(make_fence(kernel)), app.fence(app.timeline(), 1))
    with pytest.raises(Deadlock) as found:
        app.process.poll([(merged, EPOLLIN)])
    assert "which needs fence sw_sync 2:1, to be signalled by app (pid 100)" in str(found.value)


def test_a_timeline_in_other_hands_is_no_cycle(kernel: KernelCore, app: App) -> None:
    timeline = app.timeline()
    fence = app.fence(timeline, 1)
    child = app.process.fork("child")
    app.process.close(timeline)
    assert app.fence_of(fence).blockers() == [child]
    kernel.clock.at(50, lambda: child.ioctl(timeline, SW_SYNC_IOC_INC, bytearray(b"\1\0\0\0")))
    assert app.process.poll([(fence, EPOLLIN)]) == [EPOLLIN]
    assert (app.fence_of(fence).blockers(), kernel.log.warnings) == ([], [])


def test_a_driver_that_waits_for_a_buffer_on_behalf_of_the_program_is_in_it_too(
    kernel: KernelCore, app: App
) -> None:
    resv = DmaResv(kernel, "frame")
    add(resv, sync_file_get_fence(app.process, app.fence(app.timeline(), 1)), DmaResvUsage.WRITE)
    with kernel.sched.running(app.process), pytest.raises(Deadlock) as found:
        dma_resv_wait_timeout(resv, DmaResvUsage.READ)
    assert str(found.value) == (
        "deadlock: app (pid 100) waits for fence sw_sync 1:1, to be signalled by app (pid 100)"
    )


def test_two_programs_with_crossed_timelines_are_one_cycle(kernel: KernelCore, app: App) -> None:
    other = App(kernel, "other")
    mine, theirs = app.timeline(), other.timeline()
    to_wait = [sync_file_get_fence(a.process, a.fence(t, 1)) for a, t in ((other, theirs), (app, mine))]
    kernel.sched.spawn(app.process, dma_fence_wait, to_wait[0])
    kernel.sched.spawn(other.process, dma_fence_wait, to_wait[1])
    with pytest.raises(Deadlock) as found:
        kernel.sched.run()
    text = str(found.value)
    assert text.startswith("deadlock: ")
    assert "waits for fence sw_sync 2:1, to be signalled by other (pid 101)" in text
    assert "waits for fence sw_sync 1:1, to be signalled by app (pid 100)" in text
    for fence in to_wait:
        dma_fence_put(fence)


def test_another_thread_of_the_program_may_move_it_on(kernel: KernelCore, app: App) -> None:
    timeline = app.timeline()
    fence = app.fence(timeline, 1)
    kernel.sched.spawn(app.process, app.inc, timeline)
    assert app.process.poll([(fence, EPOLLIN)]) == [EPOLLIN]
    assert kernel.log.warnings == []
