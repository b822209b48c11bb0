"""Nothing leaks: every place that a call passes is made to fail once, and all counters are as before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from soc.dmabuf.fence import dma_fence_put
from soc.dmabuf.resv import (
    DmaResv,
    DmaResvUsage,
    dma_resv_add_fence,
    dma_resv_copy_fences,
    dma_resv_fini,
    dma_resv_get_singleton,
    dma_resv_reserve_fences,
)
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from tests.fence.bench import make_fence, make_kernel
from tests.sync.bench import App, counters, init

Work = Callable[[App, list[int]], object]


def explicit(app: App, fds: list[int]) -> None:
    """Timeline, fences, merge, info with room, deadline: all of user space in one go."""
    timeline, first, second = fds
    fds.append(app.timeline())
    fds.append(app.fence(timeline, 8))
    fds.append(app.merge(first, second))
    app.info(fds[-1], 2, app.process.mm.vmas[0].start)
    app.set_deadline(first, 100)
    app.deadline_of(timeline, first)
    app.inc(timeline, 3)


CALLS: dict[str, tuple[int, Work]] = {
    "open": (2, lambda app, fds: fds.append(app.timeline())),
    "create": (6, lambda app, fds: fds.append(app.fence(fds[0], 9))),
    "create what is there": (6, lambda app, fds: fds.append(app.fence(fds[0], 5))),
    "create what has passed": (6, lambda app, fds: fds.append(app.fence(fds[0], 0))),
    "merge to one fence": (6, lambda app, fds: fds.append(app.merge(fds[1], fds[1]))),
    "merge to an array": (7, lambda app, fds: fds.append(app.merge(fds[1], fds[2]))),
    "inc": (1, lambda app, fds: app.inc(fds[0], 1)),
    "info": (4, lambda app, fds: app.info(fds[1], 1, app.process.mm.vmas[0].start)),
    "deadline": (1, lambda app, fds: app.set_deadline(fds[1], 50)),
    "all": (23, explicit),
}
"""How many places each passes, and the call; fds are a timeline, a fence of it, and one of another."""


@pytest.mark.parametrize(("places", "work"), CALLS.values(), ids=CALLS.keys())
def test_a_failure_anywhere_in_a_call_leaves_nothing(places: int, work: Work) -> None:
    for nth in range(1, places + 2):
        kernel = init(make_kernel())
        app = App(kernel)
        fds = [timeline := app.timeline(), app.fence(timeline, 5), app.fence(app.timeline(), 6)]
        kept = app.process.files.open_fds()
        app.process.mmap(None, 4096)
        before = counters(kernel)
        kernel.faults.fail_nth(nth)
        try:
            work(app, fds)
        except KernelError as error:
            assert error.why == f"injected failure: {kernel.faults.failed}"
        assert (kernel.faults.failed is None) == (nth > places)
        kernel.faults.fail_nth(0)
        if nth <= places:
            for fd in set(app.process.files.open_fds()) - set(kept) & set(fds):
                app.process.close(fd)
            assert counters(kernel) == before
        app.process.exit()
        assert not any(counters(kernel).values())
        assert kernel.log.warnings == []


def test_a_failure_anywhere_in_implicit_sync_leaves_nothing() -> None:
    nth, done = 0, False
    while not done:
        nth += 1
        kernel = init(make_kernel())
        kernel.faults.fail_nth(nth)
        done = implicit(kernel)
        assert all(count == 0 for count in counters(kernel).values())
        assert kernel.log.warnings == []
    assert nth - 1 == 6


def implicit(kernel: KernelCore) -> bool:
    """Five fences on a buffer, a snapshot, a copy. Whether nothing failed."""
    resv, copy = DmaResv(kernel, "camera"), DmaResv(kernel, "display")
    fences = [make_fence(kernel) for _ in range(5)]
    try:
        with resv.locked():
            for fence in fences:
                dma_resv_reserve_fences(resv, 1)
                dma_resv_add_fence(resv, fence, DmaResvUsage.READ)
        with copy.locked():
            dma_resv_copy_fences(copy, resv)
        for usage in (DmaResvUsage.KERNEL, DmaResvUsage.READ):
            dma_fence_put(dma_resv_get_singleton(resv, usage))
        with copy.locked():
            dma_resv_reserve_fences(copy, 20)
    except KernelError:
        return False
    finally:
        for ended in (resv, copy):
            dma_resv_fini(ended)
        for fence in fences:
            dma_fence_put(fence)
    return True
