"""dma_fence_chain: timeline points, who signals when, what walking forgets."""

from __future__ import annotations

from errno import EINVAL, ENOMEM

import pytest

from soc.dmabuf.fence import (
    DmaFence,
    DmaFenceChain,
    dma_fence_add_callback,
    dma_fence_array_create,
    dma_fence_chain_find_seqno,
    dma_fence_chain_for_each,
    dma_fence_chain_init,
    dma_fence_get,
    dma_fence_is_signaled,
    dma_fence_put,
    dma_fence_set_deadline,
    dma_fence_signal,
    dma_fence_unwrap,
    dma_fence_wait,
)
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from tests.fence.bench import Hardware, live, make_fence


class Timeline:
    """A chain of points 1 .. n; the test keeps a reference to each fence."""

    def __init__(self, kernel: KernelCore, count: int) -> None:
        self.fences: list[DmaFence] = [make_fence(kernel) for _ in range(count)]
        node: DmaFenceChain | None = None
        for point, fence in enumerate(self.fences, 1):
            node = dma_fence_chain_init(kernel, node, dma_fence_get(fence), point)
        assert node is not None
        self.head = node


def nodes(head: DmaFence) -> list[int]:
    return [node.seqno for node in dma_fence_chain_for_each(head)]


def test_points_of_a_timeline_share_a_context(kernel: KernelCore) -> None:
    timeline = Timeline(kernel, 3)
    assert {node.context for node in dma_fence_chain_for_each(timeline.head)} == {4}
    assert (nodes(timeline.head), timeline.head.prev_seqno) == ([3, 2, 1], 2)
    assert (timeline.head.driver_name, timeline.head.timeline_name) == ("dma_fence_chain", "unbound")


def test_a_point_that_is_not_later_begins_a_new_context_at_the_old_point(kernel: KernelCore) -> None:
    head = dma_fence_chain_init(kernel, None, make_fence(kernel), 10)
    odd = dma_fence_chain_init(kernel, head, make_fence(kernel), 7)
    assert (odd.context != head.context, odd.seqno, odd.prev_seqno) == (True, 10, 0)


def test_a_node_signals_when_its_own_and_all_earlier_fences_have(kernel: KernelCore) -> None:
    timeline = Timeline(kernel, 3)
    states = []
    for index in (2, 0, 1):
        dma_fence_signal(timeline.fences[index])
        states.append(dma_fence_is_signaled(timeline.head))
    assert states == [False, False, True]


def test_a_waiter_is_woken_by_the_last_one(kernel: KernelCore) -> None:
    timeline = Timeline(kernel, 3)
    for when, index in ((10, 2), (20, 0), (30, 1)):
        kernel.clock.at(when, lambda index=index: dma_fence_signal(timeline.fences[index]))
    dma_fence_wait(timeline.head)
    assert (kernel.clock.now, timeline.head.timestamp) == (30, 30)


def test_walking_drops_what_is_done(kernel: KernelCore) -> None:
    timeline = Timeline(kernel, 5)
    for index in (1, 2):
        dma_fence_signal(timeline.fences[index])
    assert nodes(timeline.head) == [5, 4, 1]
    dma_fence_signal(timeline.fences[0])
    assert nodes(timeline.head) == [5, 4]


def test_a_plain_fence_may_begin_a_chain(kernel: KernelCore) -> None:
    first, second = make_fence(kernel), make_fence(kernel)
    head = dma_fence_chain_init(kernel, first, second, 1)
    assert list(dma_fence_unwrap(head)) == [second, first]
    dma_fence_signal(second)
    assert not dma_fence_is_signaled(head)
    dma_fence_signal(first)
    assert dma_fence_is_signaled(head)


@pytest.mark.parametrize(
    ("seqno", "found"), [(0, 3), (1, 1), (2, 2), (3, 3)], ids=["0 is the head", "1", "2", "3"]
)
def test_find_seqno_names_the_node_of_a_point(kernel: KernelCore, seqno: int, found: int) -> None:
    timeline = Timeline(kernel, 3)
    node = dma_fence_chain_find_seqno(timeline.head, seqno)
    assert node is not None
    assert node.seqno == found


def test_find_seqno_finds_a_later_node_where_points_were_left_out(kernel: KernelCore) -> None:
    head = dma_fence_chain_init(kernel, None, make_fence(kernel), 10)
    node = dma_fence_chain_find_seqno(head, 4)
    assert node is head


def test_find_seqno_finds_the_plain_fence_that_is_left_of_a_point(kernel: KernelCore) -> None:
    first, second = make_fence(kernel), make_fence(kernel)
    chain = dma_fence_chain_init(kernel, first, second, 1)
    head = dma_fence_chain_init(kernel, chain, make_fence(kernel), 2)
    assert dma_fence_chain_find_seqno(head, 1) is chain
    dma_fence_signal(second)
    assert dma_fence_chain_find_seqno(head, 1) is first


def test_find_seqno_ends_where_another_context_begins(kernel: KernelCore) -> None:
    oldest = dma_fence_chain_init(kernel, None, make_fence(kernel), 8)
    old = dma_fence_chain_init(kernel, oldest, make_fence(kernel), 9)
    middle = dma_fence_chain_init(kernel, old, make_fence(kernel), 5)  # not later: a context of its own
    head = dma_fence_chain_init(kernel, middle, make_fence(kernel), 12)
    dma_fence_signal(middle.fence)
    assert (dma_fence_chain_find_seqno(head, 3), nodes(head)) == (old, [12, 9, 8])


def test_a_point_that_is_done_has_no_node_or_one_that_has_signalled(kernel: KernelCore) -> None:
    timeline = Timeline(kernel, 3)
    dma_fence_signal(timeline.fences[0])
    assert dma_fence_chain_find_seqno(timeline.head, 1) is None


def test_a_point_in_the_future_and_a_plain_fence_are_einval(kernel: KernelCore) -> None:
    for fence, text in (
        (Timeline(kernel, 3).head, "fence dma_fence_chain 4:3 has no point 4"),
        (make_fence(kernel), "fence gpu 5:1 has no point 4"),
    ):
        with pytest.raises(KernelError) as refused:
            dma_fence_chain_find_seqno(fence, 4)
        assert (refused.value.errno, refused.value.why) == (EINVAL, text)


def test_a_deadline_reaches_every_pending_fence(kernel: KernelCore) -> None:
    fences = [Hardware(kernel), Hardware(kernel)]
    chain = dma_fence_chain_init(kernel, dma_fence_chain_init(kernel, None, fences[0], 1), fences[1], 2)
    dma_fence_set_deadline(chain, 900)
    assert ["deadline 900" in fence.calls for fence in fences] == [True, True]


def test_a_chain_in_a_chain_is_warned_about(kernel: KernelCore) -> None:
    chain = dma_fence_chain_init(kernel, None, make_fence(kernel), 1)
    dma_fence_chain_init(kernel, None, chain, 2)
    assert kernel.log.warnings == [
        "dma_fence_chain_init: fence dma_fence_chain 2:1 is a chain; it may only be what comes before"
    ]


def test_an_array_in_a_chain_is_allowed_and_unwrapped(kernel: KernelCore) -> None:
    one, two, three = (make_fence(kernel) for _ in range(3))
    array = dma_fence_array_create(kernel, [one, two], 20, 1)
    head = dma_fence_chain_init(kernel, dma_fence_chain_init(kernel, None, array, 1), three, 2)
    assert (list(dma_fence_unwrap(head)), kernel.log.warnings) == ([three, one, two], [])


def test_without_memory_both_references_stay_the_caller_s(kernel: KernelCore) -> None:
    prev, fence = make_fence(kernel), make_fence(kernel)
    kernel.faults.fail_nth(1)
    with pytest.raises(KernelError) as refused:
        dma_fence_chain_init(kernel, prev, fence, 1)
    assert (refused.value.errno, prev.refcount, fence.refcount) == (ENOMEM, 1, 1)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
def test_nothing_is_left_of_a_chain(kernel: KernelCore, order: tuple[int, ...], watched: bool) -> None:
    timeline = Timeline(kernel, 3)
    if watched:
        dma_fence_add_callback(timeline.head, lambda done: None)
    for index in order:
        dma_fence_signal(timeline.fences[index])
        dma_fence_put(timeline.fences[index])
    dma_fence_put(timeline.head)
    assert (live(kernel), kernel.log.warnings) == ([], [])


def test_a_very_long_chain_is_released_signalled_and_asked_without_recursion(kernel: KernelCore) -> None:
    timeline = Timeline(kernel, 5000)
    dma_fence_add_callback(timeline.head, lambda done: None)
    assert len(timeline.head.blockers()) == 5000
    for fence in reversed(timeline.fences):
        dma_fence_signal(fence)
        dma_fence_put(fence)
    assert timeline.head.signalled
    dma_fence_put(timeline.head)
    unsignalled = Timeline(kernel, 5000)
    dma_fence_put(unsignalled.head)
    for fence in unsignalled.fences:
        dma_fence_put(fence)
    assert live(kernel) == []
