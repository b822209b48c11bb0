"""Reservation objects with fences in them."""

from __future__ import annotations

from soc.dmabuf.fence import DmaFence, dma_fence_put
from soc.dmabuf.resv import DmaResv, DmaResvUsage, dma_resv_add_fence, dma_resv_reserve_fences
from soc.kernel.core import KernelCore
from tests.fence.bench import make_fence

KERNEL, WRITE, READ, BOOKKEEP = DmaResvUsage


def add(resv: DmaResv, fence: DmaFence, usage: DmaResvUsage) -> DmaFence:
    """Lock, reserve, add, unlock; the reference of the caller goes to the resv."""
    with resv.locked():
        dma_resv_reserve_fences(resv, 1)
        dma_resv_add_fence(resv, fence, usage)
    dma_fence_put(fence)
    return fence


def filled(kernel: KernelCore) -> tuple[DmaResv, list[DmaFence]]:
    """One pending fence of each usage, KERNEL first."""
    resv = DmaResv(kernel, "camera")
    return resv, [add(resv, make_fence(kernel), usage) for usage in DmaResvUsage]


def content(resv: DmaResv) -> list[tuple[str, DmaResvUsage]]:
    return [(str(slot.fence), slot.usage) for slot in resv.table]
