"""Containers taken apart and merged: SEMANTICS 2.1, against arithmetic on sets."""

from __future__ import annotations

from errno import ENOMEM

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.dmabuf.fence import (
    DmaFence,
    dma_fence_array_create,
    dma_fence_chain_init,
    dma_fence_context_alloc,
    dma_fence_get,
    dma_fence_put,
    dma_fence_signal,
    dma_fence_signal_timestamp,
    dma_fence_unwrap,
    dma_fence_unwrap_merge,
)
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from tests.fence.bench import live, make_fence, make_kernel

Point = tuple[int, int]
"""Context and seqno."""

POINTS = st.tuples(st.integers(1, 4), st.integers(1, 6))


def points(fence: DmaFence) -> list[Point]:
    return [(leaf.context, leaf.seqno) for leaf in dma_fence_unwrap(fence)]


def test_a_plain_fence_is_all_there_is_in_it(kernel: KernelCore) -> None:
    fence = make_fence(kernel)
    assert list(dma_fence_unwrap(fence)) == [fence]


def test_of_each_context_the_latest_pending_fence_stays_in_order_of_contexts(kernel: KernelCore) -> None:
    made = [make_fence(kernel, *point) for point in ((5, 2), (3, 9), (5, 4), (3, 8))]
    merged = dma_fence_unwrap_merge(kernel, *made)
    assert (points(merged), merged.is_container, merged.seqno) == ([(3, 9), (5, 4)], True, 1)


def test_the_wrap_of_32_bits_is_minded(kernel: KernelCore) -> None:
    made = [make_fence(kernel, *point) for point in ((3, 0xFFFF_FFFF), (3, 1), (4, 1))]
    assert points(dma_fence_unwrap_merge(kernel, *made)) == [(3, 1), (4, 1)]


def test_one_pending_fence_is_returned_itself(kernel: KernelCore) -> None:
    pending, done = make_fence(kernel), make_fence(kernel)
    dma_fence_signal(done)
    assert dma_fence_unwrap_merge(kernel, done, pending) is pending
    assert pending.refcount == 2


def test_two_of_one_context_are_the_later_one(kernel: KernelCore) -> None:
    early, late = make_fence(kernel, 3, 1), make_fence(kernel, 3, 2)
    assert dma_fence_unwrap_merge(kernel, late, early) is late


@pytest.mark.parametrize("times", [(40, 70, 10), (0, 0, 0)], ids=str)
def test_when_all_have_signalled_it_is_a_stub_of_the_last_time(
    kernel: KernelCore, times: tuple[int, ...]
) -> None:
    made = [make_fence(kernel) for _ in times]
    for fence, when in zip(made, times, strict=True):
        dma_fence_signal_timestamp(fence, when)
    merged = dma_fence_unwrap_merge(kernel, *made)
    assert (merged.driver_name, merged.timestamp, merged.signalled) == ("stub", max(times), True)


@given(
    fences=st.lists(st.tuples(POINTS, st.booleans()), min_size=1, max_size=8),
    cuts=st.lists(st.sampled_from(["plain", "array", "chain"]), min_size=1, max_size=8),
)
def test_merging_is_set_arithmetic(fences: list[tuple[Point, bool]], cuts: list[str]) -> None:
    kernel = make_kernel()
    dma_fence_context_alloc(kernel, 10)  # contexts of the points are not given to containers
    heads: list[DmaFence] = []
    made: list[DmaFence] = []
    for index, (point, done) in enumerate(fences):
        fence = make_fence(kernel, *point)
        made.append(dma_fence_get(fence))
        if done:
            dma_fence_signal(fence)
        match cuts[index % len(cuts)]:
            case "array":
                heads.append(dma_fence_array_create(kernel, [fence], 99, index))
            case "chain":
                heads.append(dma_fence_chain_init(kernel, heads.pop() if heads else None, fence, index + 1))
            case _:
                heads.append(fence)
    pending = {point for point, done in fences if not done}
    latest = sorted((context, max(s for c, s in pending if c == context)) for context, _ in pending)
    merged = dma_fence_unwrap_merge(kernel, *heads)
    assert [leaf for leaf in points(merged) if not merged.signalled] == sorted(set(latest))
    assert merged.signalled == (not pending)
    for fence in (merged, *heads, *made):
        dma_fence_put(fence)
    assert (live(kernel), kernel.log.warnings) == ([], [])


@pytest.mark.parametrize("nth", [1, 2], ids=["list", "array"])
def test_a_merge_without_memory_takes_nothing(kernel: KernelCore, nth: int) -> None:
    made = [make_fence(kernel) for _ in range(3)]
    kernel.faults.fail_nth(nth)
    with pytest.raises(KernelError) as refused:
        dma_fence_unwrap_merge(kernel, *made)
    assert (refused.value.errno, [fence.refcount for fence in made]) == (ENOMEM, [1, 1, 1])
    assert len(live(kernel)) == 3
