"""Which of two fences is later: signed 32 bits, or 64 bits for those that ask for it."""

from __future__ import annotations

from ctypes import c_int32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc.dmabuf.fence import (
    dma_fence_chain_init,
    dma_fence_is_later,
    dma_fence_is_later_or_same,
    dma_fence_later,
    dma_fence_signal,
)
from soc.dmabuf.fence.status import seqno_is_later
from soc.kernel.core import KernelCore
from tests.fence.bench import make_fence


@pytest.mark.parametrize(
    ("first", "second", "later", "later_64"),
    [
        (2, 1, True, True),
        (1, 2, False, False),
        (5, 5, False, False),
        (0, 0xFFFF_FFFF, True, False),
        (0xFFFF_FFFF, 0, False, True),
        (0x7FFF_FFFF, 0, True, True),
        (0x8000_0000, 0, False, True),
        (0x1_0000_0001, 1, False, True),
    ],
)
def test_later_by_32_and_by_64_bits(first: int, second: int, later: bool, later_64: bool) -> None:
    assert seqno_is_later(first, second) is later
    assert seqno_is_later(first, second, use_64bit=True) is later_64


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_32_bits_compare_as_c_does(first: int, second: int) -> None:
    assert seqno_is_later(first, second) == (c_int32(first - second).value > 0)


def test_fences_compare_inside_their_context(kernel: KernelCore) -> None:
    old, new = make_fence(kernel, 9, 0xFFFF_FFFE), make_fence(kernel, 9, 1)
    assert dma_fence_is_later(new, old)
    assert not dma_fence_is_later(old, new)
    assert dma_fence_is_later_or_same(old, old)
    assert not dma_fence_is_later(old, old)


def test_a_chain_compares_by_64_bits(kernel: KernelCore) -> None:
    old = dma_fence_chain_init(kernel, None, make_fence(kernel), 1)
    new = dma_fence_chain_init(kernel, old, make_fence(kernel), 0x9000_0000)
    assert new.context == old.context
    assert dma_fence_is_later(new, old)


@pytest.mark.parametrize(
    ("call", "result"), [(dma_fence_is_later, False), (dma_fence_later, None)], ids=["is_later", "later"]
)
def test_other_contexts_do_not_compare(kernel: KernelCore, call: object, result: object) -> None:
    assert call(make_fence(kernel, 1, 1), make_fence(kernel, 2, 5)) is result
    assert kernel.log.warnings == [
        f"{call.__name__}: fence gpu 1:1 and fence gpu 2:5 are of different contexts"
    ]


def test_the_later_one_counts_as_none_once_it_has_signalled(kernel: KernelCore) -> None:
    old, new = make_fence(kernel, 3, 1), make_fence(kernel, 3, 2)
    assert [dma_fence_later(old, new), dma_fence_later(new, old)] == [new, new]
    dma_fence_signal(new)
    assert dma_fence_later(old, new) is None
