"""Who drops which reference: the exporter's in release, the importer's by its own put, after detach."""

from __future__ import annotations

from soc.flows.exynos.app import CameraApp
from soc.flows.stage import Stage


def play(stage: Stage) -> None:
    """The thread's three steps, the release by the user in between, and the end."""
    app = CameraApp(stage)
    steps, task, queue = app.steps, app.task, app.fimc.queue
    handle = app.create()
    fd = app.export(handle)
    steps.call(task, "ioctl(VIDIOC_REQBUFS, 1 buffer, DMABUF)", lambda: queue.reqbufs(1), "{} slot".format)
    steps.call(task, f"ioctl(VIDIOC_QBUF, slot 0, fd {fd})", lambda: queue.qbuf(task, 0, [(fd, 0)]))
    steps.call(task, "ioctl(VIDIOC_STREAMON)", queue.streamon)
    app.close(fd)
    app.gem_close(handle)
    steps.call("fimc", "writes a frame, vb2_buffer_done", lambda: _frame(app))
    steps.call(task, "ioctl(VIDIOC_DQBUF)", queue.dqbuf, "slot {}".format)
    steps.call(task, "ioctl(VIDIOC_STREAMOFF)", queue.streamoff)
    steps.call(
        task, "ioctl(VIDIOC_REQBUFS, 0): unmap, detach, dma_buf_put", lambda: queue.reqbufs(0), lambda _: ""
    )
    app.close_card()


def _frame(app: CameraApp) -> None:
    buffer = app.fimc.queue.take()
    assert buffer is not None  # it has just been queued
    address = buffer.dma_addr()
    assert address is not None  # a queued buffer is mapped
    app.fimc.write_frame(address, 0x5A)
    app.fimc.queue.vb2_buffer_done(buffer)
