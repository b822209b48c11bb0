"""The camera driver: a capture queue of imported dma-bufs.

import_buffer(task, fd)   once per buffer: get, attach, map
queue(index)              the camera may write it; what the hardware cannot take yet waits here
on_frame(index, number)   called in interrupt context when it is filled
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from errno import EBUSY, EINVAL, ENODEV
from typing import ClassVar

from devices.camera.regs import (
    DMA_ERROR,
    ENABLE,
    EVENTS,
    FORMATS,
    FRAME_DONE,
    LARGEST_SIDE,
    OVERRUN,
    PATTERNS,
    PUSH,
    QUEUE_DEPTH,
    RESET,
    TABLE,
)
from soc.dmabuf.importer import ImportedBuffer
from soc.dmabuf.sanitizer.usable import assert_attached
from soc.kernel.device import Device, Driver
from soc.kernel.errors import KernelError
from soc.kernel.registers import Registers
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.task import Task
from soc.picture import PictureFormat

UNLIMITED_SEGMENT = 0xFFFF_FFFF

FrameHandler = Callable[[int, int], None]


class CameraDriver(Driver):
    """One camera. `errors` and `overruns` count the interrupts of that kind."""

    name: ClassVar[str] = "dmabuf-soc-camera"
    of_match: ClassVar[tuple[str, ...]] = ("dmabuf-soc,camera",)

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.buffers: list[ImportedBuffer] = []
        self.errors = 0
        self.overruns = 0
        self.on_frame: FrameHandler | None = None
        self._format: PictureFormat | None = None
        self._waiting: deque[int] = deque()
        self._queued: deque[int] = deque()
        self._frames_left = 0

    def probe(self) -> None:
        self._regs = Registers(self.device.ioremap(), TABLE)
        found = self._regs.read("ID")
        if found != TABLE["ID"].reset:
            raise KernelError(ENODEV, f"unexpected ID {found:#x}")
        self.device.max_segment_size = UNLIMITED_SEGMENT
        self.device.one_segment = True
        self._regs.write("CTRL", RESET)
        self.device.request_irq(self._interrupt)
        self.kernel.log.info(f"{self.name} {self.device.name}: registered")

    def remove(self) -> None:
        self.stop()

    # --- what an application calls -----------------------------------------

    def set_format(self, picture: PictureFormat, pattern: str = "bars") -> None:
        """-EINVAL for a picture or pattern the camera does not make, -EBUSY with buffers imported."""
        if self.buffers:
            raise KernelError(EBUSY, "buffers are imported for the present format")
        if picture.fourcc not in FORMATS or pattern not in PATTERNS:
            raise KernelError(EINVAL, f"the camera does not make {picture.fourcc} or {pattern!r}")
        step = 2 if picture.fourcc == "NV12" else 1
        if not all(side in range(step, LARGEST_SIDE + 1, step) for side in (picture.width, picture.height)):
            raise KernelError(EINVAL, f"the camera does not make {picture}")
        self._format = picture
        self._regs.write("FORMAT", CODE=FORMATS[picture.fourcc])
        self._regs.write("SIZE", WIDTH=picture.width, HEIGHT=picture.height)
        self._regs.write("STRIDE", picture.stride)
        self._regs.write("STRIDE_UV", picture.stride)
        self._regs.write("PATTERN", CODE=PATTERNS[pattern])

    def import_buffer(self, task: Task, fd: int) -> int:
        """Map the dma-buf behind `fd` for writing; its index. -EINVAL if a picture does not fit."""
        if self._format is None:
            raise KernelError(EINVAL, "no format is set")
        buffer = ImportedBuffer(task, fd, self.device, DmaDirection.FROM_DEVICE)
        if buffer.size < self._format.size:
            buffer.close()
            raise KernelError(
                EINVAL,
                f"a buffer of {buffer.size} bytes is too small for {self._format} ({self._format.size})",
            )
        self.buffers.append(buffer)
        return len(self.buffers) - 1

    def queue(self, index: int) -> None:
        """Hand buffer `index` to the camera. -EINVAL if there is none, -EBUSY if it is there already."""
        if not 0 <= index < len(self.buffers):
            raise KernelError(EINVAL, f"the camera has no buffer {index}")
        if index in self._queued or index in self._waiting:
            raise KernelError(EBUSY, f"buffer {index} is queued already")
        self._waiting.append(index)
        self._feed()

    def start(self, frames: int) -> None:
        """Stream `frames` frames, then stop. -EINVAL for none."""
        if frames < 1:
            raise KernelError(EINVAL, f"{frames} frames were asked for")
        self._frames_left = frames
        self._regs.write("IRQ_ENABLE", EVENTS)
        self._regs.write("CTRL", ENABLE)

    def stop(self) -> None:
        """Stop and give every imported buffer back."""
        self._regs.write("CTRL", RESET)
        self._queued.clear()
        self._waiting.clear()
        for buffer in self.buffers:
            buffer.close()
        self.buffers.clear()

    # --- device ------------------------------------------------------------

    def _feed(self) -> None:
        """Move waiting buffers into the hardware's queue while it has room."""
        while self._waiting and len(self._queued) < QUEUE_DEPTH:
            assert self._format is not None  # buffers exist only with a format
            index = self._waiting.popleft()
            assert_attached(self.buffers[index].dmabuf, self.device)
            base = self.buffers[index].iova
            self._regs.write("BUF_ADDR", base)
            self._regs.write("BUF_ADDR_UV", base + self._format.chroma_offset)
            self._regs.write("QUEUE", PUSH)
            self._queued.append(index)

    def _interrupt(self) -> None:
        status = self._regs.read("IRQ_STATUS")
        self._regs.write("IRQ_STATUS", status)
        self.overruns += bool(status & OVERRUN)
        if status & DMA_ERROR:
            self.errors += 1
            self._queued.popleft()
            self._feed()
        if status & FRAME_DONE:
            index = self._queued.popleft()
            self._feed()
            number = self._regs.read("FRAME_COUNT") - 1
            self._frames_left -= 1
            if not self._frames_left:
                self._regs.write("CTRL", 0)
            if self.on_frame:
                self.on_frame(index, number)
