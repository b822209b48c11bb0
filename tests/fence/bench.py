"""A kernel without a machine, fences for it, and what must be left when all is over."""

from __future__ import annotations

from soc.clock import Clock
from soc.dmabuf.fence import DmaFence, Fences, dma_fence_context_alloc
from soc.kernel.core import KernelCore
from soc.kernel.errors import KernelError
from soc.kernel.generation import DEFAULT_GENERATION, Generation


def make_kernel(generation: Generation = DEFAULT_GENERATION) -> KernelCore:
    return KernelCore(Clock(), generation)


def make_fence(kernel: KernelCore, context: int | None = None, seqno: int = 1) -> DmaFence:
    """A fence of driver `gpu`, timeline `ring`, on a context of its own unless told."""
    number = dma_fence_context_alloc(kernel) if context is None else context
    return DmaFence(kernel, "gpu", "ring", number, seqno)


def live(kernel: KernelCore) -> list[str]:
    """The fences that somebody still holds."""
    return [str(fence) for fence in kernel.subsystem(Fences).live()]


def errno_of(error: KernelError) -> tuple[int, str]:
    return error.errno, error.why


class Hardware(DmaFence):
    """A fence whose driver can be asked: `done` is what the hardware says; `calls` what it was asked for."""

    def __init__(self, kernel: KernelCore, seqno: int = 1, context: int | None = None) -> None:
        number = dma_fence_context_alloc(kernel) if context is None else context
        super().__init__(kernel, "npu", "queue", number, seqno)
        self.done = False
        self.calls: list[str] = []

    def enable_signaling(self) -> bool:
        self.calls.append("enable_signaling")
        return not self.done

    def signaled(self) -> bool:
        self.calls.append("signaled")
        return self.done

    def set_deadline(self, deadline: int) -> None:
        self.calls.append(f"deadline {deadline}")

    def release(self) -> None:
        self.calls.append("release")
