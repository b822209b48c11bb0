"""Fences that have signalled: for calls that must return one where there is nothing to wait for.

Source: drivers/dma-buf/dma-fence.c (dma_fence_get_stub, dma_fence_allocate_private_stub).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc.dmabuf.fence.contexts import Fences
from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.lifetime import dma_fence_get
from soc.dmabuf.fence.signal import complete

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore


class StubFence(DmaFence):
    """The stub of one kernel: context 0, seqno 0, signalled when it was first asked for."""

    def __init__(self, kernel: KernelCore) -> None:
        super().__init__(kernel, "stub", "stub", 0, 0)
        complete(self, kernel.clock.now)
        kernel.subsystem(Fences).forget(self)  # static in Linux: no leak if it stays


def dma_fence_get_stub(kernel: KernelCore) -> DmaFence:
    """A reference to the kernel's own signalled fence."""
    return dma_fence_get(kernel.subsystem(StubFence))


def dma_fence_allocate_private_stub(kernel: KernelCore, timestamp: int) -> DmaFence:
    """A new fence that signalled at `timestamp` ns. -ENOMEM."""
    kernel.faults.kmalloc("struct dma_fence")
    fence = DmaFence(kernel, "stub", "stub", 0, 0)
    complete(fence, timestamp)
    return fence
