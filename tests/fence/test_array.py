"""dma_fence_array: all or any, the first error, references, misuse."""

from __future__ import annotations

from errno import ECANCELED, EIO, ENOMEM

import pytest

from soc.dmabuf.fence import (
    dma_fence_add_callback,
    dma_fence_array_create,
    dma_fence_context_alloc,
    dma_fence_get,
    dma_fence_get_status,
    dma_fence_is_signaled,
    dma_fence_match_context,
    dma_fence_put,
    dma_fence_set_deadline,
    dma_fence_set_error,
    dma_fence_signal,
    dma_fence_wait,
)
from soc.dmabuf.fence.array import DmaFenceArray
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from tests.fence.bench import Hardware, live, make_fence


def make_array(kernel: KernelCore, count: int, signal_on_any: bool = False) -> DmaFenceArray:
    fences = [make_fence(kernel) for _ in range(count)]
    return dma_fence_array_create(kernel, fences, dma_fence_context_alloc(kernel), 1, signal_on_any)


def test_an_array_is_a_fence_of_its_own(kernel: KernelCore) -> None:
    array = make_array(kernel, 2)
    assert (array.context, array.seqno, array.is_container) == (3, 1, True)
    assert (array.driver_name, array.timeline_name) == ("dma_fence_array", "unbound")


@pytest.mark.parametrize("watched", [False, True], ids=["polled", "with callback"])
@pytest.mark.parametrize(
    ("signal_on_any", "states"),
    [(False, [False, False, True]), (True, [True, True, True])],
    ids=["all", "any"],
)
def test_it_signals_when_all_or_any_have(
    kernel: KernelCore, signal_on_any: bool, states: list[bool], watched: bool
) -> None:
    array = make_array(kernel, 3, signal_on_any)
    if watched:
        dma_fence_add_callback(array, lambda done: None)
    seen = []
    for fence in (array.fences[1], array.fences[0], array.fences[2]):
        dma_fence_signal(fence)
        seen.append(dma_fence_is_signaled(array))
    assert seen == states


def test_it_signals_at_once_when_the_last_member_does(kernel: KernelCore) -> None:
    array = make_array(kernel, 2)
    kernel.clock.at(10, lambda: dma_fence_signal(array.fences[1]))
    kernel.clock.at(25, lambda: dma_fence_signal(array.fences[0]))
    dma_fence_wait(array)
    assert (kernel.clock.now, array.timestamp) == (25, 25)


@pytest.mark.parametrize("watched", [False, True], ids=["polled", "with callback"])
def test_its_error_is_the_first_one_of_a_member(kernel: KernelCore, watched: bool) -> None:
    array = make_array(kernel, 3)
    if watched:
        dma_fence_add_callback(array, lambda done: None)
    for fence, error in zip(array.fences, (0, -EIO, -ECANCELED), strict=True):
        if error:
            dma_fence_set_error(fence, error)
        dma_fence_signal(fence)
        assert dma_fence_get_status(array) in (0, -EIO)
    assert dma_fence_get_status(array) == -EIO


def test_a_member_that_had_failed_before_anybody_waited_counts(kernel: KernelCore) -> None:
    array = make_array(kernel, 2)
    dma_fence_set_error(array.fences[0], -EIO)
    dma_fence_signal(array.fences[0])
    dma_fence_add_callback(array, lambda done: None)
    dma_fence_signal(array.fences[1])
    assert dma_fence_get_status(array) == -EIO


def test_members_are_not_asked_before_somebody_waits(kernel: KernelCore) -> None:
    member = Hardware(kernel)
    array = dma_fence_array_create(kernel, [member], 5, 1)
    assert member.calls == []
    dma_fence_add_callback(array, lambda done: None)
    assert member.calls == ["enable_signaling"]


def test_members_that_are_all_done_end_the_wait_before_it_begins(kernel: KernelCore) -> None:
    members = [Hardware(kernel), Hardware(kernel)]
    for member in members:
        member.done = True
    array = dma_fence_array_create(kernel, members, 5, 1)
    with pytest.raises(KernelError, match="ENOENT"):
        dma_fence_add_callback(array, lambda done: None)
    assert array.signalled


def test_a_deadline_reaches_every_member(kernel: KernelCore) -> None:
    members = [Hardware(kernel), Hardware(kernel)]
    dma_fence_set_deadline(dma_fence_array_create(kernel, members, 5, 1), 900)
    assert [member.calls[-1] for member in members] == ["deadline 900", "deadline 900"]


@pytest.mark.parametrize("signal_on_any", [False, True], ids=["all", "any"])
def test_its_references_end_with_it_and_with_its_members_callbacks(
    kernel: KernelCore, signal_on_any: bool
) -> None:
    array = make_array(kernel, 2, signal_on_any)
    fences = [dma_fence_get(fence) for fence in array.fences]
    dma_fence_add_callback(array, lambda done: None)
    dma_fence_put(array)
    for fence in fences:
        assert array.refcount > 0  # a callback still names it
        dma_fence_signal(fence)
    assert live(kernel) == ["fence gpu 1:1", "fence gpu 2:1"]
    for fence in fences:
        dma_fence_put(fence)
    assert (live(kernel), kernel.log.warnings) == ([], [])


def test_a_member_that_was_done_before_leaves_no_reference(kernel: KernelCore) -> None:
    array = make_array(kernel, 2)
    done, pending = (dma_fence_get(fence) for fence in array.fences)
    dma_fence_signal(done)
    dma_fence_add_callback(array, lambda fence: None)
    assert array.refcount == 2
    dma_fence_signal(pending)
    for fence in (array, done, pending):
        dma_fence_put(fence)
    assert live(kernel) == []


def test_an_array_of_nothing_is_warned_about(kernel: KernelCore) -> None:
    make_array(kernel, 0)
    assert kernel.log.warnings == ["dma_fence_array_create: no fences"]


def test_an_array_of_nothing_signals_once_somebody_waits(kernel: KernelCore) -> None:
    array = make_array(kernel, 0)
    states = [dma_fence_is_signaled(array)]
    dma_fence_add_callback(array, lambda done: None)
    assert [*states, dma_fence_is_signaled(array)] == [False, True]


def test_an_array_of_arrays_is_warned_about(kernel: KernelCore) -> None:
    dma_fence_array_create(kernel, [make_array(kernel, 2)], 9, 1)
    assert kernel.log.warnings == [
        "dma_fence_array_create: fence dma_fence_array 3:1 is a container; arrays hold plain fences only"
    ]


def test_without_memory_the_members_stay_the_caller_s(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    kernel.faults.fail_nth(1)
    with pytest.raises(KernelError) as refused:
        dma_fence_array_create(kernel, [fence], 9, 1)
    assert (refused.value.errno, fence.refcount, live(kernel)) == (ENOMEM, 1, ["fence gpu 1:1"])


def test_match_context_looks_at_every_member(kernel: KernelCore) -> None:
    same = dma_fence_array_create(kernel, [make_fence(kernel, 4, 1), make_fence(kernel, 4, 2)], 9, 1)
    mixed = dma_fence_array_create(kernel, [make_fence(kernel, 4, 1), make_fence(kernel, 6, 2)], 9, 2)
    assert [dma_fence_match_context(fence, 4) for fence in (same, mixed, make_fence(kernel, 4))] == [
        True,
        False,
        True,
    ]
