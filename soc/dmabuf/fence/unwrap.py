"""Containers taken apart into plain fences, and fences merged into one.

Source: drivers/dma-buf/dma-fence-unwrap.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from soc.dmabuf.fence.array import DmaFenceArray, dma_fence_array_create
from soc.dmabuf.fence.chain import contained, dma_fence_chain_for_each
from soc.dmabuf.fence.contexts import dma_fence_context_alloc
from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.lifetime import dma_fence_get, dma_fence_put
from soc.dmabuf.fence.status import dma_fence_is_later, dma_fence_is_signaled
from soc.dmabuf.fence.stub import dma_fence_allocate_private_stub
from soc.kernel.errors import KernelError

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore


def dma_fence_unwrap(head: DmaFence) -> Iterator[DmaFence]:
    """The plain fences in `head`: of each node of a chain, each member of an array. No references."""
    for node in dma_fence_chain_for_each(head):
        fence = contained(node)
        yield from fence.fences if isinstance(fence, DmaFenceArray) else (fence,)


def dma_fence_unwrap_merge(kernel: KernelCore, *fences: DmaFence) -> DmaFence:
    """One fence for all of `fences`, with a reference; theirs stay the caller's. -ENOMEM.

    Of the plain fences inside, those that have signalled are left out, and of each context only
    the latest stays: an array of them, in the order of their contexts, or the only one itself.
    When all have signalled: a stub with the time of the last one.
    """
    pending: list[DmaFence] = []
    timestamp = 0
    for leaf in (leaf for fence in fences for leaf in dma_fence_unwrap(fence)):
        if dma_fence_is_signaled(leaf):
            timestamp = max(timestamp, leaf.timestamp or 0)
        else:
            pending.append(leaf)
    if not pending:
        return dma_fence_allocate_private_stub(kernel, timestamp)
    if len(pending) == 1:
        return dma_fence_get(pending[0])
    kernel.faults.kmalloc("struct dma_fence *[]")
    latest = [dma_fence_get(fence) for fence in _latest_of_each_context(pending)]
    if len(latest) == 1:
        return latest[0]
    try:
        return dma_fence_array_create(kernel, latest, dma_fence_context_alloc(kernel), 1)
    except KernelError:
        for fence in latest:
            dma_fence_put(fence)
        raise


def _latest_of_each_context(fences: list[DmaFence]) -> list[DmaFence]:
    latest: dict[int, DmaFence] = {}
    for fence in fences:
        other = latest.get(fence.context)
        if other is None or dma_fence_is_later(fence, other):
            latest[fence.context] = fence
    return [latest[context] for context in sorted(latest)]
