"""Waiting for fences. A wait that can never end is not a hang but a Deadlock, which names the cycle.

Times are in ns; a timeout of None is MAX_SCHEDULE_TIMEOUT.
Source: drivers/dma-buf/dma-fence.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from errno import EINVAL
from typing import TYPE_CHECKING

from soc.dmabuf.fence.fence import DmaFence
from soc.dmabuf.fence.signal import arm, dma_fence_enable_sw_signaling, dma_fence_remove_callback
from soc.dmabuf.fence.signalling import FenceLockdep
from soc.dmabuf.fence.status import dma_fence_is_signaled
from soc.kernel.errors import KernelError

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.sched.waitable import Blocker


def dma_fence_wait_timeout(fence: DmaFence, interruptible: bool = False, timeout: int | None = None) -> int:
    """What is left of `timeout`, at least 1, when the fence signals; 0 if it does not in time.

    -ERESTARTSYS if `interruptible` and a signal is pending for the task; -EINVAL with a WARN for less than 0.
    """
    kernel = fence.kernel
    _check_timeout(kernel, "dma_fence_wait_timeout", timeout)
    kernel.subsystem(FenceLockdep).might_wait(str(fence))
    dma_fence_enable_sw_signaling(fence)
    return kernel.sched.wait_event(
        lambda: fence.signalled, fence, interruptible=interruptible, timeout=timeout
    )


def dma_fence_wait(fence: DmaFence, interruptible: bool = False) -> None:
    """Wait until the fence signals. -ERESTARTSYS if `interruptible`."""
    dma_fence_wait_timeout(fence, interruptible)


def dma_fence_wait_any_timeout(
    fences: Sequence[DmaFence], interruptible: bool = False, timeout: int | None = None
) -> tuple[int, int | None]:
    """As `dma_fence_wait_timeout`, for the first of `fences` that signals; and that one's index.

    -EINVAL without a fence, -ENOMEM.
    """
    if not fences:
        raise KernelError(EINVAL, "dma_fence_wait_any_timeout: no fences")
    kernel = fences[0].kernel
    _check_timeout(kernel, "dma_fence_wait_any_timeout", timeout)
    kernel.subsystem(FenceLockdep).might_wait(str(AnyOf(fences)))
    if timeout == 0:
        found = next((i for i, fence in enumerate(fences) if dma_fence_is_signaled(fence)), None)
        return (0 if found is None else 1), found
    kernel.faults.kmalloc("struct default_wait_cb[]")
    with ExitStack() as armed:
        for i, fence in enumerate(fences):
            if (callback := arm(fence, lambda _: None)) is None:
                return timeout or 1, i
            armed.callback(dma_fence_remove_callback, fence, callback)
        left = kernel.sched.wait_event(
            lambda: any(fence.signalled for fence in fences),
            AnyOf(fences),
            interruptible=interruptible,
            timeout=timeout,
        )
    return left, next((i for i, fence in enumerate(fences) if fence.signalled), None)


@dataclass(frozen=True)
class AnyOf:
    """What a wait for the first of several fences waits for."""

    fences: Sequence[DmaFence]

    def blockers(self) -> Sequence[Blocker]:
        return self.fences

    def __str__(self) -> str:
        return "any of " + ", ".join(str(fence) for fence in self.fences)


def _check_timeout(kernel: KernelCore, call: str, timeout: int | None) -> None:
    if timeout is not None and timeout < 0:
        kernel.log.warn(f"{call}: a timeout of {timeout} ns")
        raise KernelError(EINVAL, f"{call}: a timeout of {timeout} ns")
