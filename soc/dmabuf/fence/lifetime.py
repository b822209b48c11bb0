"""References of fences. The last put of an unsignalled fence with callbacks signals it with -EDEADLK.

Source: drivers/dma-buf/dma-fence.c (dma_fence_release), include/linux/dma-fence.h.
"""

from __future__ import annotations

from errno import EDEADLK
from typing import TypeVar

from soc.dmabuf.fence.contexts import Fences
from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.signal import complete
from soc.kernel.fs.file import UseAfterFree

F = TypeVar("F", bound=DmaFence)


def dma_fence_get(fence: F) -> F:
    """The fence with one reference more. WARN and UseAfterFree when it has none."""
    _check_alive(fence, "dma_fence_get")
    fence.refcount += 1
    return fence


def dma_fence_put(fence: DmaFence | None) -> None:
    """One reference less; the last one releases the fence. Nothing happens for NULL."""
    if fence is None:
        return
    _check_alive(fence, "dma_fence_put")
    fence.refcount -= 1
    if not fence.refcount:
        _release(fence)


def _release(fence: DmaFence) -> None:
    if fence.callbacks and not fence.signalled:
        names = f"{fence.driver_name}:{fence.timeline_name}:{fence.context:x}:{fence.seqno:x}"
        fence.kernel.log.warn(f"Fence {names} released with pending signals!")
        fence.error = -EDEADLK
        complete(fence, fence.kernel.clock.now)
    fence.release()
    fence.kernel.subsystem(Fences).forget(fence)


def _check_alive(fence: DmaFence, call: str) -> None:
    if fence.refcount < 1:
        error = UseAfterFree(call, str(fence))
        fence.kernel.log.warn(str(error))
        raise error
