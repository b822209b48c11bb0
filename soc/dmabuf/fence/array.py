"""A fence made of fences: done when all of them are, or when any is.

Its error is the first one that a member has reported.
Source: drivers/dma-buf/dma-fence-array.c.

Linux signals the array from an irq_work, after the member's callbacks; here it
happens among them. Linux also loses the error of a member that nobody waited
for; here the array has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.lifetime import dma_fence_get, dma_fence_put
from soc.dmabuf.fence.signal import arm, dma_fence_check_and_signal
from soc.dmabuf.fence.status import dma_fence_is_signaled, dma_fence_set_deadline

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.sched.waitable import Blocker


class DmaFenceArray(DmaFence):
    """`fences` are its members; it signals when `num_pending` more of them have."""

    is_container: ClassVar[bool] = True

    def __init__(
        self, kernel: KernelCore, fences: Sequence[DmaFence], context: int, seqno: int, signal_on_any: bool
    ) -> None:
        super().__init__(kernel, "dma_fence_array", "unbound", context, seqno)
        self.fences = tuple(fences)
        self.signal_on_any = signal_on_any
        self.num_pending = 1 if signal_on_any else len(fences)
        self._first_error = 0

    def enable_signaling(self) -> bool:
        for fence in self.fences:
            dma_fence_get(self)  # until the member's callback
            if arm(fence, self._member_signalled) is None:
                dma_fence_put(self)
                if self._count(fence):
                    return False
        return True

    def signaled(self) -> bool:
        if self.signaling_enabled:
            return self.num_pending <= 0
        pending = self.num_pending
        for fence in self.fences:
            if dma_fence_is_signaled(fence):
                self._note_error(fence)
                pending -= 1
                if not pending:
                    self.error = self._first_error
                    return True
        return False

    def set_deadline(self, deadline: int) -> None:
        for fence in self.fences:
            dma_fence_set_deadline(fence, deadline)

    def release(self) -> None:
        for fence in self.fences:
            dma_fence_put(fence)

    def blockers(self) -> Sequence[Blocker]:
        return [] if self.signalled else [fence for fence in self.fences if not fence.signalled]

    def _member_signalled(self, fence: DmaFence) -> None:
        if self._count(fence):
            dma_fence_check_and_signal(self)
        dma_fence_put(self)

    def _count(self, fence: DmaFence) -> bool:
        """A member has signalled. Whether it is the one the array was waiting for."""
        self._note_error(fence)
        self.num_pending -= 1
        if self.num_pending:
            return False
        if not self.signalled:
            self.error = self._first_error
        return True

    def _note_error(self, fence: DmaFence) -> None:
        self._first_error = self._first_error or fence.error


def dma_fence_array_create(
    kernel: KernelCore,
    fences: Sequence[DmaFence],
    context: int,
    seqno: int,
    signal_on_any: bool = False,
) -> DmaFenceArray:
    """An array that takes over the caller's references to `fences`. -ENOMEM, and they stay the caller's.

    WARN for an array of nothing, and for members that are containers themselves.
    """
    kernel.faults.kmalloc("struct dma_fence_array")
    if not fences:
        kernel.log.warn("dma_fence_array_create: no fences")
    for fence in fences:
        if fence.is_container:
            kernel.log.warn(f"dma_fence_array_create: {fence} is a container; arrays hold plain fences only")
    return DmaFenceArray(kernel, fences, context, seqno, signal_on_any)


def dma_fence_match_context(fence: DmaFence, context: int) -> bool:
    """Whether the fence, or every member of the array, is of `context`."""
    members = fence.fences if isinstance(fence, DmaFenceArray) else (fence,)
    return all(member.context == context for member in members)
