"""A queue of imported buffers (V4L2_MEMORY_DMABUF): slots, and who has them.

    reqbufs -> (qbuf -> [driver: take, vb2_buffer_done] -> dqbuf)* -> reqbufs(0)

    DEQUEUED   user space has it      QUEUED   the driver may take it
    ACTIVE     the device uses it     DONE, ERROR   user space may have it back

A slot remembers its dma-bufs. When it is queued again with the same ones, their attachments are
used again; mapped they stay since kernels later than 4.9, which unmapped at each DQBUF.
Source: drivers/media/common/videobuf2/videobuf2-core.c (6.12), drivers/media/v4l2-core (4.9).

Not modelled: other memory, formats, the structures of the ioctls, requests, PREPARE_BUF, events,
the driver's minimum of queued buffers, owners by file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from errno import EAGAIN, EBUSY, EINVAL
from typing import TYPE_CHECKING

from soc.kernel.errors import KernelError
from soc.kernel.generation import Generation
from soc.kernel.sched.waitable import Blocker
from soc.v4l2.planes import Plane, acquire, release, unmap_planes

if TYPE_CHECKING:
    from soc.kernel.device import Device
    from soc.kernel.scatterlist import DmaDirection
    from soc.kernel.task import Task

V4L2_MEMORY_MMAP, V4L2_MEMORY_USERPTR, V4L2_MEMORY_DMABUF = 1, 2, 4
VIDEO_MAX_FRAME = 32


class BufferState(Enum):
    """enum vb2_buffer_state; the value is for people."""

    DEQUEUED = "dequeued"
    QUEUED = "queued"
    ACTIVE = "active"
    DONE = "done"
    ERROR = "error"


@dataclass(eq=False)
class Vb2Buffer:
    """Slot `index`, with a plane for each of the queue's."""

    index: int
    planes: list[Plane]
    state: BufferState = BufferState.DEQUEUED

    def dma_addr(self, plane: int = 0) -> int | None:
        """Where the device sees the plane; None while it is not mapped (vb2_dma_contig_plane_dma_addr)."""
        memory = self.planes[plane].memory
        return memory.dma_addr if memory else None


@dataclass(eq=False)
class Vb2Queue:
    """The queue `name` of `device`: frames with planes of `plane_sizes` bytes, DMA in `direction`."""

    device: Device
    name: str
    direction: DmaDirection
    plane_sizes: tuple[int, ...]
    buffers: list[Vb2Buffer] = field(default_factory=list, init=False)
    streaming: bool = field(default=False, init=False)
    _queued: list[Vb2Buffer] = field(default_factory=list, init=False)
    _done: list[Vb2Buffer] = field(default_factory=list, init=False)

    # --- user space ---------------------------------------------------------------

    def reqbufs(self, count: int, memory: int = V4L2_MEMORY_DMABUF) -> int:
        """Make `count` slots, as many as there may be, in place of those there are; how many it are.

        0 gives everything back. -EINVAL for memory but V4L2_MEMORY_DMABUF, -EBUSY while streaming; -ENOMEM
        if not even one can be made.
        """
        if memory != V4L2_MEMORY_DMABUF:
            raise KernelError(EINVAL, f"{self} takes dma-bufs only, not memory {memory}")
        if self.streaming:
            raise KernelError(EBUSY, f"{self} is streaming")
        self._cancel()
        while self.buffers:
            release(self.buffers.pop().planes)
        for index in range(min(count, VIDEO_MAX_FRAME)):
            try:
                self.device.kernel.faults.kmalloc("vb2_buffer")
            except KernelError:
                if not self.buffers:
                    raise
                break
            names = [f"{self} slot {index} plane {number}" for number in range(len(self.plane_sizes))]
            planes = [Plane(name, size) for name, size in zip(names, self.plane_sizes, strict=True)]
            self.buffers.append(Vb2Buffer(index, planes))
        return len(self.buffers)

    def qbuf(self, task: Task, index: int, planes: Sequence[tuple[int, int]]) -> None:
        """Queue slot `index` with (fd, length in bytes, 0 for all of the dma-buf) for each plane.

        -EINVAL for a slot that there is not, that is queued, or other planes than the queue's; the errno
        of `acquire`, and then the slot has no dma-buf.
        """
        buffer = self._slot(index)
        if buffer.state is not BufferState.DEQUEUED:
            raise KernelError(EINVAL, f"{self} slot {index} is {buffer.state.value}")
        if len(planes) != len(buffer.planes):
            raise KernelError(EINVAL, f"{self} has {len(buffer.planes)} planes, not {len(planes)}")
        acquire(task, self.device, self.direction, buffer.planes, planes)
        buffer.state = BufferState.QUEUED
        self._queued.append(buffer)

    def dqbuf(self, nonblock: bool = False) -> int:
        """The slot that was done first, waited for. -EINVAL when not streaming, -EAGAIN, -ERESTARTSYS."""
        if not self.streaming:
            raise KernelError(EINVAL, f"{self} is not streaming")
        if not self._done:
            if nonblock:
                raise KernelError(EAGAIN, f"{self} has no buffer that is done")
            sched = self.device.kernel.sched
            sched.wait_event(lambda: bool(self._done) or not self.streaming, self, interruptible=True)
            if not self._done:
                raise KernelError(EINVAL, f"{self} was stopped")
        buffer = self._done.pop(0)
        self._dequeued(buffer)
        return buffer.index

    def streamon(self) -> None:
        """-EINVAL without slots. Nothing if it is on."""
        if not self.buffers:
            raise KernelError(EINVAL, f"{self} has no buffers")
        self.streaming = True

    def streamoff(self) -> None:
        """Every slot is user space's again, done or not."""
        self.streaming = False
        self._cancel()

    # --- the driver -----------------------------------------------------------------

    def take(self) -> Vb2Buffer | None:
        """The next buffer for the device, if it is streaming and one is queued."""
        if not self.streaming or not self._queued:
            return None
        buffer = self._queued.pop(0)
        buffer.state = BufferState.ACTIVE
        return buffer

    def vb2_buffer_done(self, buffer: Vb2Buffer, error: bool = False) -> None:
        """The device is done with it. WARN for one that it does not have."""
        if buffer.state is not BufferState.ACTIVE:
            state = buffer.state.value
            self.device.kernel.log.warn(f"vb2_buffer_done: {self} slot {buffer.index} is {state}, not active")
            return
        buffer.state = BufferState.ERROR if error else BufferState.DONE
        self._done.append(buffer)

    def blockers(self) -> Sequence[Blocker]:
        """Nobody in particular: a device that works."""
        return []

    # --- inside ---------------------------------------------------------------------

    def _slot(self, index: int) -> Vb2Buffer:
        if not 0 <= index < len(self.buffers):
            raise KernelError(EINVAL, f"{self} has no slot {index}")
        return self.buffers[index]

    def _cancel(self) -> None:
        self._queued, self._done = [], []
        for buffer in self.buffers:
            if buffer.state is not BufferState.DEQUEUED:
                self._dequeued(buffer)

    def _dequeued(self, buffer: Vb2Buffer) -> None:
        buffer.state = BufferState.DEQUEUED
        if self.device.kernel.generation < Generation.V6_12:
            unmap_planes(buffer.planes)

    def __str__(self) -> str:
        return f"{self.device.name} {self.name}"
