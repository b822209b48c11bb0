"""The annotation of the path to dma_fence_signal: what it must not do, SEMANTICS 2.1 and bug 21."""

from __future__ import annotations

import pytest

from soc.dmabuf.fence import (
    dma_fence_add_callback,
    dma_fence_begin_signalling,
    dma_fence_end_signalling,
    dma_fence_signal,
    dma_fence_wait,
    signalling,
)
from soc.dmabuf.resv import DmaResv
from soc.kernel.core import KernelCore
from soc.kernel.faults import FaultSite
from tests.fence.bench import make_fence

ORDER = "but the order is"
ALL = "reservation_ww_class -> fs_reclaim -> dma_fence_map"


def test_a_dma_resv_lock_on_the_path_is_named_with_the_path(kernel: KernelCore) -> None:
    resv, app = DmaResv(kernel, "camera"), kernel.process("app")
    with kernel.sched.running(app), signalling(kernel, "lcdif interrupt"), resv.locked():
        pass
    assert kernel.log.warnings == [
        "possible circular locking dependency: app (pid 100) takes dma_resv lock of camera "
        f"(reservation_ww_class) while it holds lcdif interrupt (dma_fence_map), {ORDER} {ALL}"
    ]


@pytest.mark.parametrize("site", [FaultSite.SLAB, FaultSite.PAGE_ALLOC], ids=lambda site: site.title)
def test_an_allocation_on_the_path_is_named_with_the_path(kernel: KernelCore, site: FaultSite) -> None:
    with signalling(kernel, "lcdif interrupt"):
        kernel.faults.check(site, "struct frame")
    assert kernel.log.warnings == [
        "possible circular locking dependency: swapper (pid 0) allocates struct frame (fs_reclaim) while it "
        f"holds lcdif interrupt (dma_fence_map), {ORDER} fs_reclaim -> dma_fence_map"
    ]


def test_a_callback_of_a_fence_is_on_the_path(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    dma_fence_add_callback(fence, lambda done: kernel.faults.kmalloc("struct frame"))
    dma_fence_signal(fence)
    assert kernel.log.warnings == [
        "possible circular locking dependency: swapper (pid 0) allocates struct frame (fs_reclaim) while it "
        f"holds dma_fence_signal of fence gpu 1:1 (dma_fence_map), {ORDER} fs_reclaim -> dma_fence_map"
    ]


def test_an_fd_or_a_user_copy_on_the_path_is_no_allocation(kernel: KernelCore) -> None:
    with signalling(kernel, "lcdif interrupt"):
        for site in (FaultSite.FD, FaultSite.USERCOPY, FaultSite.DMA_MAP):
            kernel.faults.check(site, "something")
    assert kernel.log.warnings == []


def test_the_same_work_beside_the_path_is_allowed(kernel: KernelCore) -> None:
    resv, fence = DmaResv(kernel, "camera"), make_fence(kernel)
    with resv.locked():
        kernel.faults.kmalloc("struct frame")
        with signalling(kernel, "lcdif interrupt"):
            dma_fence_signal(fence)
        dma_fence_wait(fence)
    assert kernel.log.warnings == []


def test_a_wait_for_another_fence_on_the_path_is_allowed(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    kernel.clock.after(10, lambda: dma_fence_signal(fence))
    with signalling(kernel, "scheduler"):
        dma_fence_wait(fence)
    assert kernel.log.warnings == []


def test_brackets_nest_and_the_outer_one_counts(kernel: KernelCore) -> None:
    outer = dma_fence_begin_signalling(kernel, "interrupt")
    inner = dma_fence_begin_signalling(kernel, "its helper")
    assert inner is None
    dma_fence_end_signalling(kernel, inner)
    kernel.faults.kmalloc("struct frame")
    assert "while it holds interrupt (dma_fence_map)" in kernel.log.warnings[0]
    dma_fence_end_signalling(kernel, outer)
    assert kernel.sched.thread.held == []


def test_a_bracket_is_its_thread_s_own(kernel: KernelCore) -> None:
    app, other = kernel.process("app"), kernel.process("other")
    fence = make_fence(kernel)

    def wait() -> None:
        with signalling(kernel, "scheduler"):
            dma_fence_wait(fence)

    def allocate() -> None:
        kernel.faults.kmalloc("struct frame")
        dma_fence_signal(fence)

    kernel.sched.spawn(app, wait)
    kernel.sched.spawn(other, allocate)
    kernel.sched.run()
    assert kernel.log.warnings == []
