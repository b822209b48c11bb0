"""A timeline of points: each node adds a fence to all that came before it.

A node signals when its own fence and every earlier one have. Walking a chain
drops the nodes before it that are done, so a long timeline stays short.
Source: drivers/dma-buf/dma-fence-chain.c.

Linux goes on to the next pending fence from an irq_work; here it happens in the
callback. As there, a chain has no error of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from errno import EINVAL
from typing import TYPE_CHECKING, ClassVar

from soc.dmabuf.fence.contexts import dma_fence_context_alloc
from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.lifetime import dma_fence_get, dma_fence_put
from soc.dmabuf.fence.signal import arm, dma_fence_check_and_signal
from soc.dmabuf.fence.status import dma_fence_is_signaled, dma_fence_set_deadline, seqno_is_later
from soc.kernel.errors import KernelError

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.sched.waitable import Blocker


class DmaFenceChain(DmaFence):
    """A node: `fence` is its own, `prev` the node or plain fence before it, `prev_seqno` that one's point."""

    use_64bit_seqno: ClassVar[bool] = True
    is_container: ClassVar[bool] = True

    def __init__(self, kernel: KernelCore, prev: DmaFence | None, fence: DmaFence, seqno: int) -> None:
        self.prev = prev
        self.fence = fence
        self.prev_seqno = 0
        if isinstance(prev, DmaFenceChain) and seqno_is_later(seqno, prev.seqno, use_64bit=True):
            context = prev.context
            self.prev_seqno = prev.seqno
        else:
            context = dma_fence_context_alloc(kernel)
            if isinstance(prev, DmaFenceChain):
                seqno = prev.seqno  # a point never lies before the one it follows
        super().__init__(kernel, "dma_fence_chain", "unbound", context, seqno)

    def enable_signaling(self) -> bool:
        return self._wait_for_next()

    def signaled(self) -> bool:
        return all(dma_fence_is_signaled(contained(node)) for node in dma_fence_chain_for_each(self))

    def set_deadline(self, deadline: int) -> None:
        for node in dma_fence_chain_for_each(self):
            dma_fence_set_deadline(contained(node), deadline)

    def release(self) -> None:
        while isinstance(self.prev, DmaFenceChain) and self.prev.refcount == 1:
            last = self.prev  # nobody else's: unlinked here, so that a long chain does not recurse
            self.prev, last.prev = last.prev, None
            dma_fence_put(last)
        dma_fence_put(self.prev)
        dma_fence_put(self.fence)

    def blockers(self) -> Sequence[Blocker]:
        pending: list[DmaFence] = []
        node: DmaFence | None = None if self.signalled else self
        while node is not None:
            if not contained(node).signalled:
                pending.append(contained(node))
            node = node.prev if isinstance(node, DmaFenceChain) else None
        return pending

    def _wait_for_next(self) -> bool:
        """Ask the next pending fence of the chain to call. False if none is left."""
        dma_fence_get(self)
        for node in dma_fence_chain_for_each(self):
            fence = dma_fence_get(contained(node))
            if arm(fence, self._member_signalled) is not None:
                return True
            dma_fence_put(fence)
        dma_fence_put(self)
        return False

    def _member_signalled(self, fence: DmaFence) -> None:
        dma_fence_put(fence)
        if not self._wait_for_next():
            dma_fence_check_and_signal(self)
        dma_fence_put(self)


def dma_fence_chain_init(
    kernel: KernelCore, prev: DmaFence | None, fence: DmaFence, seqno: int
) -> DmaFenceChain:
    """A new node at point `seqno`, after `prev`; takes over both references. -ENOMEM, and they stay.

    WARN if `fence` is a node itself: a chain grows by `prev`.
    """
    kernel.faults.kmalloc("struct dma_fence_chain")
    if isinstance(fence, DmaFenceChain):
        kernel.log.warn(f"dma_fence_chain_init: {fence} is a chain; it may only be what comes before")
    return DmaFenceChain(kernel, prev, fence, seqno)


def contained(fence: DmaFence) -> DmaFence:
    """The fence a node stands for; any other fence stands for itself (dma_fence_chain_contained)."""
    return fence.fence if isinstance(fence, DmaFenceChain) else fence


def dma_fence_chain_walk(fence: DmaFence) -> DmaFence | None:
    """From a node to the one before it that is not done, dropping those between.

    Consumes the caller's reference to `fence`, and returns one.
    """
    prev: DmaFence | None = None
    if isinstance(fence, DmaFenceChain):
        while (prev := fence.prev) is not None and dma_fence_is_signaled(contained(prev)):
            before = prev.prev if isinstance(prev, DmaFenceChain) else None
            fence.prev = None if before is None else dma_fence_get(before)
            dma_fence_put(prev)
        if prev is not None:
            dma_fence_get(prev)
    dma_fence_put(fence)
    return prev


def dma_fence_chain_for_each(head: DmaFence) -> Iterator[DmaFence]:
    """`head` and the nodes before it, newest first; each is held while the caller looks at it."""
    node: DmaFence | None = dma_fence_get(head)
    try:
        while node is not None:
            yield node
            node = dma_fence_chain_walk(node)
    finally:
        dma_fence_put(node)


def dma_fence_chain_find_seqno(head: DmaFence, seqno: int) -> DmaFence | None:
    """The node to wait for so that point `seqno` is reached, with a reference; None if it is done.

    `head` itself for 0. -EINVAL if it is no chain, or has not come to `seqno` yet.
    """
    if not seqno:
        return dma_fence_get(head)
    if not isinstance(head, DmaFenceChain) or head.seqno < seqno:
        raise KernelError(EINVAL, f"{head} has no point {seqno}")
    for node in dma_fence_chain_for_each(head):
        if not isinstance(node, DmaFenceChain) or node.context != head.context or node.prev_seqno < seqno:
            return dma_fence_get(node)
    return None
