"""What a fence says of itself, and which of two is later.

Source: drivers/dma-buf/dma-fence.c, include/linux/dma-fence.h.
"""

from __future__ import annotations

from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.signal import dma_fence_check_and_signal


def dma_fence_is_signaled(fence: DmaFence) -> bool:
    """Whether it has signalled; asks its driver, and signals it if the work is done."""
    if not fence.signalled and fence.signaled():
        dma_fence_check_and_signal(fence)
    return fence.signalled


def dma_fence_get_status(fence: DmaFence) -> int:
    """0 while it is pending, 1 when it signalled well, otherwise the negative errno."""
    if not dma_fence_is_signaled(fence):
        return 0
    return fence.error or 1


def dma_fence_set_deadline(fence: DmaFence, deadline: int) -> None:
    """Hint to the driver that somebody needs the fence by `deadline` ns. Nothing once it has signalled."""
    if not dma_fence_is_signaled(fence):
        fence.set_deadline(deadline)


def dma_fence_describe(fence: DmaFence) -> str:
    """What debugfs says of it in one line."""
    state = "signalled" if dma_fence_is_signaled(fence) else "unsignalled"
    return f"{fence.driver_name} {fence.timeline_name} seq {fence.seqno} {state}"


def seqno_is_later(first: int, second: int, use_64bit: bool = False) -> bool:
    """Whether `first` comes after `second`, by the signed difference of 32 bits unless `use_64bit`."""
    if use_64bit:
        return first > second
    return 0 < (first - second) & 0xFFFF_FFFF < 1 << 31


def dma_fence_is_later(first: DmaFence, second: DmaFence) -> bool:
    """Whether `first` comes after `second`. WARN and False if they are of different contexts."""
    if not _comparable(first, second, "dma_fence_is_later"):
        return False
    return seqno_is_later(first.seqno, second.seqno, first.use_64bit_seqno)


def dma_fence_is_later_or_same(first: DmaFence, second: DmaFence) -> bool:
    """Whether `first` is `second`, or comes after it."""
    return first is second or dma_fence_is_later(first, second)


def dma_fence_later(first: DmaFence, second: DmaFence) -> DmaFence | None:
    """The later of two fences of one context, None if that one has signalled. WARN for different contexts."""
    if not _comparable(first, second, "dma_fence_later"):
        return None
    later = first if dma_fence_is_later(first, second) else second
    return None if dma_fence_is_signaled(later) else later


def _comparable(first: DmaFence, second: DmaFence, call: str) -> bool:
    if first.context == second.context:
        return True
    first.kernel.log.warn(f"{call}: {first} and {second} are of different contexts")
    return False
