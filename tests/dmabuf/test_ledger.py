"""What the ledger says of buffers that live, in data and in lines."""

from __future__ import annotations

from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_fd,
    dma_buf_get,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
)
from soc.dmabuf.ledger import BufferEntry, MappingEntry, leaked, references
from soc.kernel.fs.file import FileOperations, Holder
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.task import Task
from tests.dmabuf.small_kernel import SIZE, Exporter, SmallDevice, SmallKernel


def test_no_buffers_no_lines(kernel: SmallKernel) -> None:
    kernel.files.open(FileOperations("file", lambda file: None), None, "eventfd", Holder("kernel", "x"))
    assert references(kernel) == []
    assert leaked(kernel) == []


def test_every_holder_attachment_and_mapping_is_listed(
    kernel: SmallKernel, exporter: Exporter, camera: SmallDevice, display: SmallDevice
) -> None:
    app = kernel.task(7, "camera-app")
    gone = exporter.export()
    dma_buf_put(gone, gone.exporter)
    dmabuf = exporter.export()
    fd = dma_buf_fd(app, dmabuf)
    app.files.dup(fd)
    attachments = []
    for device in (camera, display):
        dma_buf_get(app, fd, device.importer)
        attachments.append(dma_buf_attach(dmabuf, device))
    dma_buf_get(app, fd, display.importer)
    dma_buf_map_attachment_unlocked(attachments[0], DmaDirection.FROM_DEVICE)
    assert references(kernel) == [
        BufferEntry(
            ino=2,
            exp_name="test",
            size=SIZE,
            count=5,
            holders={
                "fd 0 of camera-app (pid 7)": 1,
                "fd 1 of camera-app (pid 7)": 1,
                "importer camera": 1,
                "importer display": 2,
            },
            attachments=("camera", "display"),
            mappings=(MappingEntry("camera", "FROM_DEVICE", 0x1000_0000, SIZE),),
        )
    ]
    assert leaked(kernel) == [
        "dma-buf 2 'test' (16384 bytes): held by fd 0 of camera-app (pid 7), fd 1 of camera-app (pid 7), "
        "importer camera, importer display (2 times); attached to camera, display; "
        "mapped by camera at iova 0x10000000 (FROM_DEVICE)"
    ]


def test_a_plain_fd_leak_is_one_line(kernel: SmallKernel, exporter: Exporter) -> None:
    app = kernel.task(1, "camera-app")
    for _ in range(5):
        app.files.get_unused_fd()
    dma_buf_fd(app, exporter.export(8294400))
    assert leaked(kernel) == ["dma-buf 1 'test' (8294400 bytes): held by fd 5 of camera-app (pid 1)"]


def test_history_tells_a_buffers_life(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice
) -> None:
    dmabuf = exporter.export()
    kernel.clock.advance(10)
    fd = dma_buf_fd(task, dmabuf)
    dma_buf_get(task, fd, camera.importer)
    kernel.clock.advance(20)
    attachment = dma_buf_attach(dmabuf, camera)
    sgt = dma_buf_map_attachment_unlocked(attachment, DmaDirection.TO_DEVICE)
    kernel.clock.advance(30)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, DmaDirection.TO_DEVICE)
    dma_buf_detach(dmabuf, attachment)
    task.files.close(fd)
    kernel.clock.advance(40)
    dma_buf_put(dmabuf, camera.importer)
    assert [(e.time, e.what, e.who, e.count) for e in dmabuf.history] == [
        (0, "open", "kernel test", 1),
        (10, "from kernel test", "fd 0 of app (pid 1)", 1),
        (10, "get", "importer camera", 2),
        (20, "attach", "camera", 2),
        (20, "map", "camera at iova 0x10000000 (TO_DEVICE)", 2),
        (30, "unmap", "camera at iova 0x10000000 (TO_DEVICE)", 2),
        (30, "detach", "camera", 2),
        (30, "put", "fd 0 of app (pid 1)", 1),
        (40, "put", "importer camera", 0),
        (40, "release", "test", 0),
    ]
