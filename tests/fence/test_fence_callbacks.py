"""Callbacks of a fence, and enabling its signal: SEMANTICS 2.1, checklist row 33."""

from __future__ import annotations

from errno import EINVAL, ENOENT

import pytest

from soc.dmabuf.fence import (
    DmaFence,
    dma_fence_add_callback,
    dma_fence_enable_sw_signaling,
    dma_fence_put,
    dma_fence_remove_callback,
    dma_fence_signal,
    dma_fence_wait,
)
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelBug, KernelError
from tests.fence.bench import Hardware, make_fence


def test_callbacks_run_once_in_the_order_they_were_added(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    seen: list[str] = []
    for name in ("a", "b", "c"):
        dma_fence_add_callback(fence, lambda done, name=name: seen.append(name))
    assert seen == []
    dma_fence_signal(fence)
    assert seen == ["a", "b", "c"]


def test_a_callback_gets_the_fence_which_has_signalled(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    seen: list[tuple[DmaFence, bool]] = []
    dma_fence_add_callback(fence, lambda done: seen.append((done, done.signalled)))
    dma_fence_signal(fence)
    assert seen == [(fence, True)]


def test_a_signalled_fence_takes_no_callback_and_calls_none(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    dma_fence_signal(fence)
    seen: list[DmaFence] = []
    with pytest.raises(KernelError) as refused:
        dma_fence_add_callback(fence, seen.append)
    assert (refused.value.errno, seen) == (ENOENT, [])
    assert refused.value.why == "dma_fence_add_callback: fence gpu 1:1 has signalled already"


@pytest.mark.parametrize(
    ("has_fence", "has_function", "why", "warns"),
    [
        (False, True, "dma_fence_add_callback: no fence", False),
        (True, False, "dma_fence_add_callback: fence gpu 1:1: no function to call", True),
    ],
    ids=["no fence", "no function"],
)
def test_null_is_einval(
    kernel: KernelCore, has_fence: bool, has_function: bool, why: str, warns: bool
) -> None:
    fence = make_fence(kernel) if has_fence else None
    with pytest.raises(KernelError) as refused:
        dma_fence_add_callback(fence, (lambda done: None) if has_function else None)
    assert (refused.value.errno, refused.value.why) == (EINVAL, why)
    assert kernel.log.warnings == ([why] if warns else [])


def test_remove_says_whether_the_callback_was_pending(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    seen: list[DmaFence] = []
    callback = dma_fence_add_callback(fence, seen.append)
    assert dma_fence_remove_callback(fence, callback)
    assert not dma_fence_remove_callback(fence, callback)
    dma_fence_signal(fence)
    assert seen == []


def test_a_callback_that_ran_is_not_pending(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    callback = dma_fence_add_callback(fence, lambda done: None)
    dma_fence_signal(fence)
    assert not dma_fence_remove_callback(fence, callback)


def test_a_callback_may_remove_one_that_is_next(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    seen: list[DmaFence] = []
    dma_fence_add_callback(fence, lambda done: dma_fence_remove_callback(done, later))
    later = dma_fence_add_callback(fence, seen.append)
    dma_fence_signal(fence)
    assert seen == []


def test_a_callback_may_drop_the_last_reference(kernel: KernelCore) -> None:
    fence = Hardware(kernel)
    dma_fence_add_callback(fence, dma_fence_put)
    dma_fence_signal(fence)
    assert (fence.calls[-1], kernel.log.warnings) == ("release", [])


def test_a_callback_must_not_sleep(kernel: KernelCore) -> None:
    fence, other = make_fence(kernel), make_fence(kernel)
    dma_fence_add_callback(fence, lambda done: dma_fence_wait(other))
    with pytest.raises(KernelBug, match="scheduling while atomic"):
        dma_fence_signal(fence)


# --- enabling the signal ----------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        dma_fence_enable_sw_signaling,
        lambda fence: dma_fence_add_callback(fence, lambda done: None),
    ],
    ids=["enable_sw_signaling", "add_callback"],
)
def test_signaling_is_enabled_once(kernel: KernelCore, first: object) -> None:
    fence = Hardware(kernel)
    for _ in range(3):
        first(fence)
    assert fence.calls == ["enable_signaling"]


def test_a_driver_that_is_done_already_makes_the_fence_signal(kernel: KernelCore) -> None:
    fence = Hardware(kernel)
    fence.done = True
    with pytest.raises(KernelError) as refused:
        dma_fence_add_callback(fence, lambda done: None)
    assert (refused.value.errno, fence.signalled) == (ENOENT, True)


def test_a_fence_that_signalled_unasked_is_never_enabled(kernel: KernelCore) -> None:
    fence = Hardware(kernel)
    dma_fence_signal(fence)
    dma_fence_enable_sw_signaling(fence)
    assert fence.calls == []
