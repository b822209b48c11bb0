"""dma_fence: one point in the work of a device that others can wait for.

A fence goes from unsignalled to signalled once, with or without an error. The
point is (context, seqno): within a context, a greater seqno is later. Drivers
subclass DmaFence and override its operations; everybody else calls the functions:

    lifetime.py   dma_fence_get, dma_fence_put
    signal.py     dma_fence_signal, dma_fence_add_callback, dma_fence_set_error ...
    status.py     dma_fence_is_signaled, dma_fence_get_status, dma_fence_is_later ...
    wait.py       dma_fence_wait, dma_fence_wait_timeout, dma_fence_wait_any_timeout
    array.py, chain.py, unwrap.py, stub.py   fences made of fences, and the one that is done

A fence is what its waiters wait for (soc/kernel/sched): `blockers` says who is
to signal it. Source: drivers/dma-buf/dma-fence.c, include/linux/dma-fence.h.

Not modelled: the spinlock of a fence, RCU (references are taken on time here),
ops->wait, tracepoints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from soc.dmabuf.fence.contexts import Fences

if TYPE_CHECKING:
    from soc.kernel.core import KernelCore
    from soc.kernel.sched.waitable import Blocker


class DmaFenceCb:
    """struct dma_fence_cb: `func` is called with the fence when it signals, unless removed before."""

    def __init__(self, func: Callable[[DmaFence], None]) -> None:
        self.func = func
        self.pending = True


class DmaFence:
    """Made with one reference (dma_fence_init). `signaller` is who is to signal it, if known.

    `error` is 0 or a negative errno, `timestamp` the ns at which it signalled, None before.
    """

    use_64bit_seqno: ClassVar[bool] = False
    """Whether seqnos of this kind never wrap at 32 bits."""
    is_container: ClassVar[bool] = False
    """Whether it is made of other fences (dma_fence_is_container)."""

    def __init__(
        self,
        kernel: KernelCore,
        driver_name: str,
        timeline_name: str,
        context: int,
        seqno: int,
        signaller: Blocker | None = None,
    ) -> None:
        self.kernel = kernel
        self.driver_name = driver_name
        self.timeline_name = timeline_name
        self.context = context
        self.seqno = seqno
        self.signaller = signaller
        self.refcount = 1
        self.signalled = False
        self.signaling_enabled = False
        self.error = 0
        self.timestamp: int | None = None
        self.callbacks: list[DmaFenceCb] = []
        self.created = kernel.clock.now
        kernel.subsystem(Fences).add(self)

    # --- what a driver overrides (struct dma_fence_ops) ---------------------------

    def enable_signaling(self) -> bool:
        """Somebody waits from now on, called once. False: the work is done already."""
        return True

    def signaled(self) -> bool:
        """Ask the hardware; True makes the fence signal now."""
        return False

    def set_deadline(self, deadline: int) -> None:
        """A hint: somebody needs it by `deadline` ns."""

    def release(self) -> None:
        """The last reference is gone."""

    # --- for the wait-for graph ---------------------------------------------------

    def blockers(self) -> Sequence[Blocker]:
        """Who must act before it signals; nobody if it has signalled or nobody is known."""
        return [self.signaller] if self.signaller is not None and not self.signalled else []

    def __str__(self) -> str:
        return f"fence {self.driver_name} {self.context}:{self.seqno}"
