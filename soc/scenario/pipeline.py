"""The camera-to-display application on the modelled kernel.

It allocates buffers from a heap, passes their fds to both drivers and keeps
them going round: heap -> camera -> display -> camera. Each buffer belongs to
one of them at any time; `queue` and `flip` are the only hand-overs.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from devices.camera.driver import CameraDriver
from devices.lcdif.driver import LcdifDriver
from soc.dmabuf import dma_buf_fd
from soc.dmabuf.buffer import DmaBuf
from soc.kernel.task import Task
from soc.picture import PictureFormat


class Heap(Protocol):
    """Where buffers come from."""

    def allocate(self, size: int) -> DmaBuf: ...


class CameraToDisplay:
    """One stream of `frames` frames through `count` buffers. `done` when the last was shown."""

    def __init__(self, task: Task, camera: CameraDriver, display: LcdifDriver, frames: int) -> None:
        self._task = task
        self._camera = camera
        self._display = display
        self._frames = frames
        self._fds: list[int] = []
        self._ready: deque[int] = deque()
        self._flips = 0
        self.scanned_last = False
        camera.on_frame = self._captured_frame
        display.on_flip = self._flipped
        display.on_scanned = self._scanned

    def open(
        self, heap: Heap, count: int, source: PictureFormat, sink: PictureFormat, pattern: str
    ) -> list[DmaBuf]:
        """Allocate the buffers and import each into both drivers. KernelError if a step fails."""
        self._camera.set_format(source, pattern)
        self._display.set_mode(sink)
        buffers = []
        for _ in range(count):
            dmabuf = heap.allocate(source.buffer_size)
            buffers.append(dmabuf)
            fd = dma_buf_fd(self._task, dmabuf)
            self._fds.append(fd)
            self._camera.import_buffer(self._task, fd)
            self._display.import_framebuffer(self._task, fd)
        return buffers

    def start(self) -> None:
        """Give every buffer to the camera and stream."""
        for index in range(len(self._fds)):
            self._camera.queue(index)
        self._camera.start(self._frames)

    def done(self) -> bool:
        """Whether the last frame has been scanned out completely."""
        return self.scanned_last

    def close(self) -> None:
        """Stop both engines, then close the fds."""
        self._camera.stop()
        self._display.disable()
        for fd in self._fds:
            self._task.files.close(fd)
        self._fds.clear()

    # --- interrupt context -------------------------------------------------

    def _captured_frame(self, index: int, number: int) -> None:
        self._ready.append(index)
        self._show_next()

    def _show_next(self) -> None:
        if self._ready and not self._display.flip_pending:
            self._display.flip(self._ready.popleft())

    def _flipped(self, shown: int, before: int | None) -> None:
        self._flips += 1
        if before is not None and before != shown:
            self._camera.queue(before)

    def _scanned(self) -> None:
        """A whole frame was scanned out: the last one, if everything is flipped."""
        if self._flips == self._frames and not self._display.flip_pending:
            self.scanned_last = True
        self._show_next()
