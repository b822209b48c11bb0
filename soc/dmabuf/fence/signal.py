"""The one transition of a fence, and who is told of it.

Source: drivers/dma-buf/dma-fence.c.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL, ENOENT

from soc.dmabuf.fence.fence import DmaFence, DmaFenceCb
from soc.dmabuf.fence.signalling import signalling
from soc.kernel.errors import KernelError

MAX_ERRNO = 4095

Func = Callable[[DmaFence], None]


def dma_fence_signal(fence: DmaFence | None) -> None:
    """Signal now: waiters go on, callbacks run. -EINVAL for NULL, and the second time, without effect."""
    if fence is None:
        raise KernelError(EINVAL, "dma_fence_signal: no fence")
    dma_fence_signal_timestamp(fence, fence.kernel.clock.now)


def dma_fence_signal_timestamp(fence: DmaFence, timestamp: int) -> None:
    """Signal, as of `timestamp` ns, which the hardware may know better. -EINVAL the second time."""
    with signalling(fence.kernel, f"dma_fence_signal of {fence}"):
        if not complete(fence, timestamp):
            raise KernelError(EINVAL, f"dma_fence_signal: {fence} has signalled already")


def dma_fence_check_and_signal(fence: DmaFence) -> bool:
    """Whether it had signalled before; now it has in any case."""
    with signalling(fence.kernel, f"dma_fence_signal of {fence}"):
        return not complete(fence, fence.kernel.clock.now)


def dma_fence_set_error(fence: DmaFence, error: int) -> None:
    """Say with which errno (-1 .. -4095) the fence is going to signal.

    WARN if it has signalled, and for another value; the value is stored all the same.
    """
    if fence.signalled:
        fence.kernel.log.warn(f"dma_fence_set_error: {fence} gets error {error} after it has signalled")
    if not -MAX_ERRNO <= error < 0:
        fence.kernel.log.warn(f"dma_fence_set_error: {fence}: {error} is not a negative errno")
    fence.error = error


def dma_fence_add_callback(fence: DmaFence | None, func: Func | None) -> DmaFenceCb:
    """Call `func(fence)` once, in atomic context, when the fence signals.

    -ENOENT if it has signalled (nothing is called); -EINVAL with a WARN for NULL.
    """
    if fence is None:
        raise KernelError(EINVAL, "dma_fence_add_callback: no fence")
    if func is None:
        fence.kernel.log.warn(f"dma_fence_add_callback: {fence}: no function to call")
        raise KernelError(EINVAL, f"dma_fence_add_callback: {fence}: no function to call")
    if (callback := arm(fence, func)) is None:
        raise KernelError(ENOENT, f"dma_fence_add_callback: {fence} has signalled already")
    return callback


def dma_fence_remove_callback(fence: DmaFence, callback: DmaFenceCb) -> bool:
    """Whether the callback was still to be called; it is not any more."""
    was_pending, callback.pending = callback.pending, False
    if callback in fence.callbacks:
        fence.callbacks.remove(callback)
    return was_pending


def dma_fence_enable_sw_signaling(fence: DmaFence) -> None:
    """Make the fence signal as soon as its work is done, though nobody waits yet."""
    _enable(fence)


def arm(fence: DmaFence, func: Func) -> DmaFenceCb | None:
    """dma_fence_add_callback for code that handles a fence which has signalled: None then."""
    if not _enable(fence):
        return None
    callback = DmaFenceCb(func)
    fence.callbacks.append(callback)
    return callback


def complete(fence: DmaFence, timestamp: int) -> bool:
    """The transition itself. False if it happened before."""
    if fence.signalled:
        return False
    fence.signalled = True
    fence.timestamp = timestamp
    callbacks, fence.callbacks = fence.callbacks, []
    with fence.kernel.sched.atomic():
        for callback in callbacks:
            if callback.pending:
                callback.pending = False
                callback.func(fence)
    return True


def _enable(fence: DmaFence) -> bool:
    """False if the fence has signalled, or does so because its work turns out to be done."""
    was_enabled, fence.signaling_enabled = fence.signaling_enabled, True
    if fence.signalled:
        return False
    if not was_enabled and not fence.enable_signaling():
        complete(fence, fence.kernel.clock.now)
        return False
    return True
