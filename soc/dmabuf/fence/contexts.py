"""All fences of one kernel: the numbers of their contexts, and which of them live.

Source: drivers/dma-buf/dma-fence.c (dma_fence_context_counter).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soc.dmabuf.fence.fence import DmaFence
    from soc.kernel.core import KernelCore


class Fences:
    """`kernel.subsystem(Fences)`. `watch`, if set, is told of each new fence."""

    def __init__(self, kernel: KernelCore) -> None:
        self.kernel = kernel
        self.watch: Callable[[DmaFence], None] | None = None
        self._next_context = 1
        self._live: dict[DmaFence, None] = {}

    def live(self) -> list[DmaFence]:
        """Every fence that somebody has a reference to, oldest first."""
        return list(self._live)

    def alloc(self, count: int) -> int:
        """The first of `count` contexts in a row that nobody has had before."""
        if count < 1:
            self.kernel.log.warn(f"dma_fence_context_alloc: {count} contexts asked for")
        first = self._next_context
        self._next_context += count
        return first

    def add(self, fence: DmaFence) -> None:
        """`fence` has been initialised."""
        self._live[fence] = None
        if self.watch:
            self.watch(fence)

    def forget(self, fence: DmaFence) -> None:
        """`fence` has no reference left."""
        del self._live[fence]


def dma_fence_context_alloc(kernel: KernelCore, count: int = 1) -> int:
    """`count` contexts in a row, of which the first is returned. WARN for none."""
    return kernel.subsystem(Fences).alloc(count)
