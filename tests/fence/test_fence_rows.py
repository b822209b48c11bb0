"""dma_fence, SEMANTICS 2.1 row by row: contexts, state, error, timestamp, references, the stub."""

from __future__ import annotations

from errno import EDEADLK, EINVAL, EIO, ENOENT, ETIMEDOUT

import pytest

from soc.dmabuf.fence import (
    Fences,
    dma_fence_add_callback,
    dma_fence_allocate_private_stub,
    dma_fence_check_and_signal,
    dma_fence_context_alloc,
    dma_fence_describe,
    dma_fence_get,
    dma_fence_get_status,
    dma_fence_get_stub,
    dma_fence_is_signaled,
    dma_fence_put,
    dma_fence_set_deadline,
    dma_fence_set_error,
    dma_fence_signal,
    dma_fence_signal_timestamp,
)
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import UseAfterFree
from tests.fence.bench import Hardware, live, make_fence

# --- contexts -----------------------------------------------------------------------


def test_contexts_come_in_blocks_that_never_overlap(kernel: KernelCore) -> None:
    assert [dma_fence_context_alloc(kernel, n) for n in (1, 3, 1)] == [1, 2, 5]


def test_a_block_of_no_contexts_is_warned_about(kernel: KernelCore) -> None:
    dma_fence_context_alloc(kernel, 0)
    assert kernel.log.warnings == ["dma_fence_context_alloc: 0 contexts asked for"]


# --- state --------------------------------------------------------------------------


def test_a_fence_begins_unsignalled_and_signals_once(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    assert (dma_fence_is_signaled(fence), dma_fence_get_status(fence), fence.timestamp) == (False, 0, None)
    kernel.clock.advance(70)
    dma_fence_signal(fence)
    assert (dma_fence_is_signaled(fence), dma_fence_get_status(fence), fence.timestamp) == (True, 1, 70)


def test_the_second_signal_is_einval_and_changes_nothing(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    dma_fence_signal(fence)
    kernel.clock.advance(50)
    with pytest.raises(KernelError) as refused:
        dma_fence_signal(fence)
    assert refused.value.errno == EINVAL
    assert refused.value.why == "dma_fence_signal: fence gpu 1:1 has signalled already"
    assert (fence.timestamp, kernel.log.warnings) == (0, [])


def test_check_and_signal_says_whether_it_had_signalled(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    assert [dma_fence_check_and_signal(fence) for _ in range(3)] == [False, True, True]


def test_the_hardware_may_know_better_when_it_was(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    kernel.clock.advance(90)
    dma_fence_signal_timestamp(fence, 40)
    assert fence.timestamp == 40


def test_signal_of_null_is_einval() -> None:
    with pytest.raises(KernelError) as refused:
        dma_fence_signal(None)
    assert (refused.value.errno, refused.value.why) == (EINVAL, "dma_fence_signal: no fence")


# --- error --------------------------------------------------------------------------


@pytest.mark.parametrize("error", [-1, -ETIMEDOUT, -4095], ids=str)
def test_an_error_set_before_the_signal_becomes_the_status(kernel: KernelCore, error: int) -> None:
    fence = make_fence(kernel)
    dma_fence_set_error(fence, error)
    assert dma_fence_get_status(fence) == 0
    dma_fence_signal(fence)
    assert (dma_fence_get_status(fence), kernel.log.warnings) == (error, [])


@pytest.mark.parametrize("error", [0, 5, -4096], ids=str)
def test_an_error_out_of_range_is_warned_about(kernel: KernelCore, error: int) -> None:
    dma_fence_set_error(make_fence(kernel), error)
    assert kernel.log.warnings == [f"dma_fence_set_error: fence gpu 1:1: {error} is not a negative errno"]


def test_an_error_after_the_signal_is_warned_about(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    dma_fence_signal(fence)
    dma_fence_set_error(fence, -EIO)
    assert kernel.log.warnings == ["dma_fence_set_error: fence gpu 1:1 gets error -5 after it has signalled"]


# --- what a driver is asked ---------------------------------------------------------


def test_a_driver_whose_work_is_done_makes_the_fence_signal_when_asked(kernel: KernelCore) -> None:
    fence = Hardware(kernel)
    assert not dma_fence_is_signaled(fence)
    fence.done = True
    assert not fence.signalled
    assert dma_fence_get_status(fence) == 1
    assert dma_fence_is_signaled(fence)
    assert fence.calls == ["signaled", "signaled"]  # once signalled nobody asks


def test_a_deadline_reaches_the_driver_until_the_fence_signals(kernel: KernelCore) -> None:
    fence = Hardware(kernel)
    dma_fence_set_deadline(fence, 1000)
    dma_fence_signal(fence)
    dma_fence_set_deadline(fence, 2000)
    assert fence.calls == ["signaled", "deadline 1000"]


def test_a_fence_is_described_as_debugfs_has_it(kernel: KernelCore) -> None:
    fence = make_fence(kernel, seqno=7)
    assert dma_fence_describe(fence) == "gpu ring seq 7 unsignalled"
    dma_fence_signal(fence)
    assert dma_fence_describe(fence) == "gpu ring seq 7 signalled"
    assert str(fence) == "fence gpu 1:7"


# --- references ---------------------------------------------------------------------


def test_the_last_put_releases_the_fence(kernel: KernelCore) -> None:
    fence = Hardware(kernel)
    assert dma_fence_get(fence) is fence
    dma_fence_put(fence)
    assert (fence.calls, live(kernel)) == ([], ["fence npu 1:1"])
    dma_fence_put(fence)
    assert (fence.calls, live(kernel), kernel.log.warnings) == (["release"], [], [])


def test_put_of_null_is_nothing() -> None:
    dma_fence_put(None)


@pytest.mark.parametrize("call", [dma_fence_get, dma_fence_put], ids=lambda call: call.__name__)
def test_a_released_fence_is_a_trap(kernel: KernelCore, call: object) -> None:
    fence = make_fence(kernel)
    dma_fence_put(fence)
    with pytest.raises(UseAfterFree):
        call(fence)
    assert kernel.log.warnings == [f"{call.__name__}: fence gpu 1:1 used after its release"]


def test_release_of_an_unsignalled_fence_with_callbacks_signals_it_with_edeadlk(kernel: KernelCore) -> None:
    fence = make_fence(kernel, context=0x2A, seqno=0x1F)
    seen: list[int] = []
    dma_fence_add_callback(fence, lambda done: seen.append(dma_fence_get_status(done)))
    dma_fence_put(fence)
    assert seen == [-EDEADLK]
    assert kernel.log.warnings == ["Fence gpu:ring:2a:1f released with pending signals!"]


def test_release_of_an_unsignalled_fence_without_callbacks_is_silent(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    dma_fence_put(fence)
    assert (fence.signalled, kernel.log.warnings) == (False, [])


# --- the stub -----------------------------------------------------------------------


def test_the_stub_is_one_signalled_fence_of_context_0(kernel: KernelCore) -> None:
    stub = dma_fence_get_stub(kernel)
    assert dma_fence_get_stub(kernel) is stub
    assert (stub.context, stub.seqno, dma_fence_get_status(stub)) == (0, 0, 1)
    assert (stub.driver_name, stub.timeline_name) == ("stub", "stub")
    with pytest.raises(KernelError) as refused:
        dma_fence_add_callback(stub, lambda done: None)
    assert refused.value.errno == ENOENT


def test_the_stub_outlives_every_reference_and_is_no_leak(kernel: KernelCore) -> None:
    dma_fence_put(dma_fence_get_stub(kernel))
    assert dma_fence_is_signaled(dma_fence_get_stub(kernel))
    assert kernel.subsystem(Fences).live() == []


def test_a_private_stub_has_the_time_it_was_given(kernel: KernelCore) -> None:
    stub = dma_fence_allocate_private_stub(kernel, 33)
    assert (stub.signalled, stub.timestamp, live(kernel)) == (True, 33, ["fence stub 0:0"])
    dma_fence_put(stub)
    assert live(kernel) == []


def test_a_private_stub_may_not_be_had(kernel: KernelCore) -> None:
    kernel.faults.fail_nth(1)
    with pytest.raises(KernelError, match="injected failure: kmalloc of struct dma_fence"):
        dma_fence_allocate_private_stub(kernel, 33)
    assert live(kernel) == []
