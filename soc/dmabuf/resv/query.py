"""The pending fences of a dma_resv: to look at, to wait for, to hand out.

None of it needs the lock, but `dma_resv_describe`. A usage asks for all fences of
that value and below. Source: drivers/dma-buf/dma-resv.c.
"""

from __future__ import annotations

from collections.abc import Iterator

from soc.dmabuf.fence.array import dma_fence_array_create
from soc.dmabuf.fence.contexts import dma_fence_context_alloc
from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.lifetime import dma_fence_get, dma_fence_put
from soc.dmabuf.fence.status import dma_fence_describe, dma_fence_is_signaled, dma_fence_set_deadline
from soc.dmabuf.fence.wait import dma_fence_wait_timeout
from soc.dmabuf.resv.resv import DmaResv
from soc.dmabuf.resv.usage import DmaResvUsage
from soc.kernel.errors import KernelError


def dma_resv_fences(resv: DmaResv, usage: DmaResvUsage) -> Iterator[DmaFence]:
    """Those that have not signalled; each is held while the caller looks at it.

    When the list is replaced meanwhile it begins anew, so a fence may come twice.
    """
    table, index, end = resv.table, 0, len(resv.table)
    while index < end:
        slot = table[index]
        index += 1
        if slot.usage > usage or dma_fence_is_signaled(slot.fence):
            continue
        fence = dma_fence_get(slot.fence)
        try:
            yield fence
        finally:
            dma_fence_put(fence)
        if resv.table is not table:
            table, index, end = resv.table, 0, len(resv.table)


def dma_resv_get_fences(resv: DmaResv, usage: DmaResvUsage) -> list[DmaFence]:
    """The same as a list; every reference is the caller's. -ENOMEM."""
    pending = list(dma_resv_fences(resv, usage))
    if pending:
        resv.kernel.faults.kmalloc("struct dma_fence *[]")
    return [dma_fence_get(fence) for fence in pending]


def dma_resv_get_singleton(resv: DmaResv, usage: DmaResvUsage) -> DmaFence | None:
    """One fence for all, with a reference: None for none, itself for one, an array for more. -ENOMEM."""
    fences = dma_resv_get_fences(resv, usage)
    if len(fences) < 2:
        return fences[0] if fences else None
    kernel = resv.kernel
    try:
        return dma_fence_array_create(kernel, fences, dma_fence_context_alloc(kernel), 1)
    except KernelError:
        for fence in fences:
            dma_fence_put(fence)
        raise


def dma_resv_wait_timeout(
    resv: DmaResv, usage: DmaResvUsage, interruptible: bool = False, timeout: int | None = None
) -> int:
    """Wait for one after the other: what is left of `timeout` ns, at least 1, or 0 if it was not enough.

    -ERESTARTSYS for a pending signal if `interruptible`.
    """
    left = timeout if timeout else 1
    for fence in dma_resv_fences(resv, usage):
        left = dma_fence_wait_timeout(fence, interruptible, timeout)
        if not left:
            break
        timeout = left if timeout else timeout
    return left


def dma_resv_test_signaled(resv: DmaResv, usage: DmaResvUsage) -> bool:
    """Whether there is nothing to wait for."""
    return not any(True for _ in dma_resv_fences(resv, usage))


def dma_resv_set_deadline(resv: DmaResv, usage: DmaResvUsage, deadline: int) -> None:
    """Hint to all of them that somebody needs them by `deadline` ns."""
    for fence in dma_resv_fences(resv, usage):
        dma_fence_set_deadline(fence, deadline)


def dma_resv_describe(resv: DmaResv) -> list[str]:
    """The lines debugfs has of them, signalled ones too, BOOKKEEP left out. With the lock held."""
    resv.assert_held("dma_resv_describe")
    shown = [slot for slot in resv.table if slot.usage <= DmaResvUsage.READ]
    return [f"\t{slot.usage.name.lower()} fence:{dma_fence_describe(slot.fence)}" for slot in shown]
