"""Waiting for fences, SEMANTICS 2.1: what is left, timeout, signals, misuse; one fence and any of several."""

from __future__ import annotations

from errno import EINVAL, ENOMEM

import pytest

from soc.dmabuf.fence import (
    dma_fence_signal,
    dma_fence_wait,
    dma_fence_wait_any_timeout,
    dma_fence_wait_timeout,
)
from soc.kernel.core import KernelCore
from soc.kernel.errors import ERESTARTSYS, KernelError
from tests.fence.bench import Hardware, make_fence


@pytest.mark.parametrize(
    ("timeout", "left"),
    [(100, 60), (41, 1), (None, 1)],
    ids=["some left", "1 left", "no timeout"],
)
def test_a_wait_says_what_is_left(kernel: KernelCore, timeout: int | None, left: int) -> None:
    fence = make_fence(kernel)
    kernel.clock.after(40, lambda: dma_fence_signal(fence))
    assert dma_fence_wait_timeout(fence, False, timeout) == left
    assert (kernel.clock.now, fence.timestamp) == (40, 40)


def test_a_wait_that_runs_out_is_0(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    kernel.clock.after(40, lambda: dma_fence_signal(fence))
    assert (dma_fence_wait_timeout(fence, False, 30), kernel.clock.now) == (0, 30)


@pytest.mark.parametrize(("timeout", "left"), [(0, 1), (50, 50), (None, 1)], ids=["0", "50", "none"])
def test_a_signalled_fence_needs_no_wait(kernel: KernelCore, timeout: int | None, left: int) -> None:
    fence = make_fence(kernel)
    dma_fence_signal(fence)
    assert (dma_fence_wait_timeout(fence, True, timeout), kernel.clock.now) == (left, 0)


def test_no_time_at_all_is_a_look(kernel: KernelCore) -> None:
    assert dma_fence_wait_timeout(make_fence(kernel), False, 0) == 0


def test_less_than_no_time_is_einval_with_a_warning(kernel: KernelCore) -> None:
    with pytest.raises(KernelError) as refused:
        dma_fence_wait_timeout(make_fence(kernel), False, -1)
    assert (refused.value.errno, refused.value.why) == (EINVAL, "dma_fence_wait_timeout: a timeout of -1 ns")
    assert kernel.log.warnings == ["dma_fence_wait_timeout: a timeout of -1 ns"]


@pytest.mark.parametrize("timeout", [None, 100], ids=str)
def test_a_signal_ends_an_interruptible_wait(kernel: KernelCore, timeout: int | None) -> None:
    fence, task = make_fence(kernel), kernel.process("app")
    kernel.clock.after(40, task.send_signal)
    with kernel.sched.running(task), pytest.raises(KernelError) as ended:
        dma_fence_wait_timeout(fence, True, timeout)
    assert (ended.value.errno, kernel.clock.now) == (ERESTARTSYS, 40)
    assert ended.value.why == "app (pid 100): a signal ended the wait for fence gpu 1:1"


def test_a_signal_does_not_end_any_other_wait(kernel: KernelCore) -> None:
    fence, task = make_fence(kernel), kernel.process("app")
    task.send_signal()
    kernel.clock.after(40, lambda: dma_fence_signal(fence))
    with kernel.sched.running(task):
        dma_fence_wait(fence)
    assert kernel.clock.now == 40


def test_a_wait_enables_signaling(kernel: KernelCore) -> None:
    fence = Hardware(kernel)
    fence.done = True
    dma_fence_wait(fence)
    assert (fence.calls, kernel.clock.now) == (["enable_signaling"], 0)


# --- any of several -----------------------------------------------------------------------


def test_the_first_of_several_ends_the_wait(kernel: KernelCore) -> None:
    fences = [make_fence(kernel) for _ in range(3)]
    for fence, when in zip(fences, (70, 30, 50), strict=True):
        kernel.clock.at(when, lambda fence=fence: dma_fence_signal(fence))
    assert dma_fence_wait_any_timeout(fences, False, 100) == (70, 1)
    assert [fence.callbacks for fence in fences] == [[], [], []]


def test_one_that_has_signalled_needs_no_wait(kernel: KernelCore) -> None:
    fences = [make_fence(kernel) for _ in range(3)]
    dma_fence_signal(fences[2])
    assert dma_fence_wait_any_timeout(fences, False, 100) == (100, 2)
    assert dma_fence_wait_any_timeout(fences, False, 0) == (1, 2)
    assert dma_fence_wait_any_timeout(fences, False, None) == (1, 2)
    assert [fence.callbacks for fence in fences] == [[], [], []]


def test_a_look_at_several_needs_no_memory(kernel: KernelCore) -> None:
    kernel.faults.fail_nth(1)
    assert dma_fence_wait_any_timeout([make_fence(kernel)], False, 0) == (0, None)


def test_none_in_time_is_0(kernel: KernelCore) -> None:
    fences = [make_fence(kernel), make_fence(kernel)]
    assert dma_fence_wait_any_timeout(fences, False, 20) == (0, None)
    assert dma_fence_wait_any_timeout(fences, False, 0) == (0, None)


@pytest.mark.parametrize(
    ("count", "timeout", "why"),
    [
        (0, 5, "dma_fence_wait_any_timeout: no fences"),
        (1, -5, "dma_fence_wait_any_timeout: a timeout of -5 ns"),
    ],
    ids=["no fences", "negative"],
)
def test_a_wait_for_any_that_makes_no_sense(kernel: KernelCore, count: int, timeout: int, why: str) -> None:
    with pytest.raises(KernelError) as refused:
        dma_fence_wait_any_timeout([make_fence(kernel) for _ in range(count)], False, timeout)
    assert (refused.value.errno, refused.value.why) == (EINVAL, why)


@pytest.mark.parametrize("interruptible", [False, True], ids=["uninterruptible", "interruptible"])
def test_a_signal_ends_a_wait_for_any_only_if_it_may(kernel: KernelCore, interruptible: bool) -> None:
    fences, task = [make_fence(kernel), make_fence(kernel)], kernel.process("app")
    task.send_signal()
    kernel.clock.after(40, lambda: dma_fence_signal(fences[1]))
    with kernel.sched.running(task):
        if interruptible:
            with pytest.raises(KernelError) as ended:
                dma_fence_wait_any_timeout(fences, interruptible=True)
            assert ended.value.errno == ERESTARTSYS
        else:
            assert dma_fence_wait_any_timeout(fences) == (1, 1)
    assert [fence.callbacks for fence in fences] == [[], []]


def test_a_wait_for_any_without_memory_leaves_no_callback(kernel: KernelCore) -> None:
    fences = [make_fence(kernel), make_fence(kernel)]
    kernel.faults.fail_nth(1)
    with pytest.raises(KernelError) as refused:
        dma_fence_wait_any_timeout(fences, False, None)
    assert refused.value.errno == ENOMEM
    assert [fence.callbacks for fence in fences] == [[], []]
