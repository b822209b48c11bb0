"""The importer's order of calls, and that every failure undoes what was done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from soc.dmabuf import dma_buf_fd
from soc.dmabuf.buffer import DmaBuf
from soc.dmabuf.importer import ImportedBuffer
from soc.dmabuf.ledger import references
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import FileOperations, Holder
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.kernel.task import Task
from tests.dmabuf.small_kernel import SIZE, Exporter, SmallDevice, SmallKernel

READ = DmaDirection.TO_DEVICE


class Scattered(Exporter):
    """An exporter whose mapping for a device has as many segments as `segments` says."""

    segments = 2

    def map(self, attachment: object, direction: DmaDirection) -> SgTable | None:
        sgt = super().map(attachment, direction)
        if sgt:
            sgt.dma_address = sgt.dma_address.repeat(self.segments)
        return sgt


def shared(exporter: Exporter, task: Task) -> tuple[DmaBuf, int]:
    dmabuf = exporter.export()
    return dmabuf, dma_buf_fd(task, dmabuf)


def test_import_gets_attaches_and_maps(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice
) -> None:
    dmabuf, fd = shared(exporter, task)
    buffer = ImportedBuffer(task, fd, camera, READ)
    assert exporter.calls == ["attach camera", "map camera"]
    assert (buffer.iova, buffer.size, buffer.dmabuf) == (0x1000_0000, SIZE, dmabuf)
    (entry,) = references(kernel)
    assert entry.holders == {"fd 0 of app (pid 1)": 1, "importer camera": 1}
    assert (entry.attachments, [m.direction for m in entry.mappings]) == (("camera",), ["TO_DEVICE"])


def test_close_unmaps_detaches_and_puts(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice
) -> None:
    dmabuf, fd = shared(exporter, task)
    before = references(kernel)
    buffer = ImportedBuffer(task, fd, camera, READ)
    exporter.calls.clear()
    buffer.close()
    assert exporter.calls == ["unmap camera", "detach camera"]
    assert references(kernel) == before
    task.files.close(fd)
    assert (dmabuf.released, kernel.log.warnings) == (True, [])


def test_the_import_keeps_the_buffer_when_the_fd_is_closed(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice
) -> None:
    dmabuf, fd = shared(exporter, task)
    buffer = ImportedBuffer(task, fd, camera, READ)
    task.files.close(fd)
    assert not dmabuf.released
    buffer.close()
    assert exporter.calls[-2:] == ["detach camera", f"release {dmabuf}"]
    assert (references(kernel), kernel.log.warnings) == ([], [])


def test_unmap_and_map_again_keep_attachment_and_reference(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice
) -> None:
    dmabuf, fd = shared(exporter, task)
    buffer = ImportedBuffer(task, fd, camera, READ)
    exporter.calls.clear()
    buffer.map()
    assert exporter.calls == []
    buffer.unmap()
    buffer.unmap()
    assert exporter.calls == ["unmap camera"]
    assert references(kernel)[0].attachments == ("camera",)
    with pytest.raises(KernelError, match=rf"^-EINVAL: camera: {dmabuf} is not mapped$"):
        assert buffer.iova
    buffer.map()
    assert buffer.iova == 0x1000_0000
    exporter.calls.clear()
    buffer.unmap()
    buffer.close()
    assert exporter.calls == ["unmap camera", "detach camera"]
    assert kernel.log.warnings == []


def no_fd(kernel: SmallKernel, task: Task) -> int:
    return 7


def not_a_dmabuf(kernel: SmallKernel, task: Task) -> int:
    maker = Holder("kernel", "test")
    file = kernel.files.open(FileOperations("eventfd", lambda file: None), None, "x", maker)
    fd = task.files.get_unused_fd()
    task.files.fd_install(fd, file, maker)
    return fd


def refuses(step: str, errno: int) -> Callable[[SmallKernel, Task], int]:
    return lambda kernel, task: shared(Exporter(kernel, fail=(step, errno)), task)[1]


def maps_to_nothing(kernel: SmallKernel, task: Task) -> int:
    return shared(Exporter(kernel, null_map=True), task)[1]


def maps_to_pieces(kernel: SmallKernel, task: Task) -> int:
    return shared(Scattered(kernel), task)[1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (no_fd, "-EBADF: app (pid 1) has no open fd 7"),
        (not_a_dmabuf, "-EINVAL: fd 0 of app (pid 1) is eventfd 1 'x', not a dma-buf"),
        (refuses("attach", 16), "-EBUSY: attach refused for camera"),
        (refuses("map", 12), "-ENOMEM: map refused for camera"),
        (maps_to_nothing, "-ENOMEM: dma-buf 1 'test': the exporter could not map it for camera"),
        (maps_to_pieces, "-EINVAL: camera: dma-buf 1 'test' does not map to a single segment"),
    ],
)
def test_a_failure_at_any_step_leaves_no_trace(
    kernel: SmallKernel,
    task: Task,
    camera: SmallDevice,
    make: Callable[[SmallKernel, Task], int],
    message: str,
) -> None:
    fd = make(kernel, task)
    before = references(kernel), [file.f_count for file in kernel.files.live()]
    with pytest.raises(KernelError) as caught:
        ImportedBuffer(task, fd, camera, READ)
    assert str(caught.value) == message
    assert (references(kernel), [file.f_count for file in kernel.files.live()]) == before
    task.exit()
    assert (kernel.files.live(), kernel.log.warnings) == ([], [])


def test_a_failed_remap_leaves_the_import_closable(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice
) -> None:
    _, fd = shared(exporter, task)
    before = references(kernel)
    buffer = ImportedBuffer(task, fd, camera, READ)
    buffer.unmap()
    exporter.fail = ("map", 12)
    with pytest.raises(KernelError, match="^-ENOMEM: map refused for camera$"):
        buffer.map()
    buffer.close()
    assert (references(kernel), kernel.log.warnings) == (before, [])


def test_no_segment_at_all_is_refused(kernel: SmallKernel, task: Task, camera: SmallDevice) -> None:
    exporter = Scattered(kernel)
    exporter.segments = 0
    _, fd = shared(exporter, task)
    with pytest.raises(KernelError, match="does not map to a single segment$"):
        ImportedBuffer(task, fd, camera, READ)
    assert exporter.calls == ["attach camera", "map camera", "unmap camera", "detach camera"]
