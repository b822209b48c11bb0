"""Changing the fences of a dma_resv. All of it under the lock.

Source: drivers/dma-buf/dma-resv.c.
"""

from __future__ import annotations

from errno import EINVAL

from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.lifetime import dma_fence_get, dma_fence_put
from soc.dmabuf.fence.status import dma_fence_is_later_or_same, dma_fence_is_signaled
from soc.dmabuf.resv.resv import DmaResv, Slot
from soc.dmabuf.resv.usage import DmaResvUsage
from soc.kernel.errors import KernelBug, KernelError

FIRST_SLOTS = 4


def dma_resv_reserve_fences(resv: DmaResv, count: int) -> None:
    """Make room for `count` more fences, so that adding them cannot fail. -EINVAL with a WARN for 0, -ENOMEM.

    A list that is too short is replaced by one of 4 slots, of twice as many, or of what is
    needed; fences that have signalled stay behind.
    """
    resv.assert_held("dma_resv_reserve_fences")
    if count < 1:
        resv.kernel.log.warn(f"dma_resv_reserve_fences: {resv}: {count} slots asked for")
        raise KernelError(EINVAL, f"dma_resv_reserve_fences: {resv}: {count} slots asked for")
    needed = len(resv.table) + count
    if not resv.max_fences:
        needed = max(FIRST_SLOTS, 1 << (count - 1).bit_length())
    elif needed <= resv.max_fences:
        return
    resv.kernel.faults.kmalloc("struct dma_resv_list")
    pending: list[Slot] = []
    over: list[Slot] = []
    for slot in resv.table:
        (over if dma_fence_is_signaled(slot.fence) else pending).append(slot)
    resv.table, resv.max_fences = pending, max(needed, resv.max_fences * 2)
    for slot in over:
        dma_fence_put(slot.fence)


def dma_resv_add_fence(resv: DmaResv, fence: DmaFence, usage: DmaResvUsage) -> None:
    """Add `fence`, in a slot of its own or in place of one that it makes superfluous.

    That is one that has signalled, or one of the same context whose usage is as wide and which
    is not later. BUG without a slot; WARN for a container, whose fences are to be added one by one.
    """
    resv.assert_held("dma_resv_add_fence")
    log = resv.kernel.log
    if fence.is_container:
        log.warn(f"dma_resv_add_fence: {fence} is a container; {resv} takes plain fences")
    new = Slot(dma_fence_get(fence), usage)
    for index, old in enumerate(resv.table):
        if _superseded(old, new) or dma_fence_is_signaled(old.fence):
            resv.table[index] = new
            dma_fence_put(old.fence)
            return
    if len(resv.table) >= resv.max_fences:
        dma_fence_put(fence)
        bug = f"dma_resv_add_fence: no slot of {resv} is reserved for {fence}"
        log.warn(f"kernel BUG: {bug}")
        raise KernelBug(bug)
    resv.table.append(new)


def dma_resv_replace_fences(resv: DmaResv, context: int, replacement: DmaFence, usage: DmaResvUsage) -> None:
    """`replacement` instead of every fence of `context`: what those did is over when it signals."""
    resv.assert_held("dma_resv_replace_fences")
    for index, old in enumerate(resv.table):
        if old.fence.context == context:
            resv.table[index] = Slot(dma_fence_get(replacement), usage)
            dma_fence_put(old.fence)


def dma_resv_copy_fences(target: DmaResv, source: DmaResv) -> None:
    """Give `target`, which is locked, the pending fences of `source` instead of its own. -ENOMEM."""
    target.assert_held("dma_resv_copy_fences")
    pending = [slot for slot in source.table if not dma_fence_is_signaled(slot.fence)]
    if pending:
        target.kernel.faults.kmalloc("struct dma_resv_list")
    for slot in pending:
        dma_fence_get(slot.fence)
    old, target.table = target.table, pending
    target.max_fences = len(source.table) if pending else 0
    for slot in old:
        dma_fence_put(slot.fence)


def _superseded(old: Slot, new: Slot) -> bool:
    same_context = old.fence.context == new.fence.context
    return same_context and old.usage >= new.usage and dma_fence_is_later_or_same(new.fence, old.fence)
