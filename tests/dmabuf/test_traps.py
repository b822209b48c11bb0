"""Each planted bug is reported with buffer and holder; the clean flow is silent."""

from __future__ import annotations

from collections.abc import Callable
from errno import EMFILE

import pytest

from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_fd,
    dma_buf_get,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
)
from soc.dmabuf.ledger import leaked
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder, UseAfterFree
from soc.kernel.scatterlist import DmaDirection
from soc.kernel.task import Task
from tests.dmabuf.small_kernel import Exporter, SmallDevice, SmallKernel

TO_DEVICE = DmaDirection.TO_DEVICE
FB = Holder("kernel", "fbdev")


def test_the_clean_flow_is_silent(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice, display: SmallDevice
) -> None:
    dmabuf = exporter.export()
    fd = dma_buf_fd(task, dmabuf)
    users = []
    for device in (camera, display):
        imported = dma_buf_get(task, fd, device.importer)
        attachment = dma_buf_attach(imported, device)
        users.append((device, attachment, dma_buf_map_attachment_unlocked(attachment, TO_DEVICE)))
    task.exit()
    for device, attachment, sgt in users:
        dma_buf_unmap_attachment_unlocked(attachment, sgt, TO_DEVICE)
        dma_buf_detach(dmabuf, attachment)
        dma_buf_put(dmabuf, device.importer)
    assert exporter.calls[-1] == "release dma-buf 1 'test'"
    assert kernel.log.warnings == []


def test_put_before_unmap_and_detach(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice
) -> None:
    dmabuf = exporter.export()
    dma_buf_map_attachment_unlocked(dma_buf_attach(dmabuf, camera), TO_DEVICE)
    dma_buf_put(dmabuf, dmabuf.exporter)
    assert kernel.log.warnings == [
        "dma_buf_release: dma-buf 1 'test' is still attached to camera",
        "dma_buf_release: dma-buf 1 'test' is still mapped by camera at iova 0x10000000 (TO_DEVICE)",
    ]
    assert exporter.calls[-1] == "release dma-buf 1 'test'", "the kernel would free it all the same"


def test_detach_while_mapped(kernel: SmallKernel, exporter: Exporter, camera: SmallDevice) -> None:
    dmabuf = exporter.export()
    attachment = dma_buf_attach(dmabuf, camera)
    sgt = dma_buf_map_attachment_unlocked(attachment, TO_DEVICE)
    dma_buf_detach(dmabuf, attachment)
    mapped = "dma-buf 1 'test' is still mapped by camera at iova 0x10000000 (TO_DEVICE)"
    assert kernel.log.warnings == [f"dma_buf_detach: {mapped}"]
    assert exporter.calls[-1] == "detach camera"
    with pytest.raises(UseAfterFree):
        dma_buf_unmap_attachment_unlocked(attachment, sgt, TO_DEVICE)
    dma_buf_put(dmabuf, dmabuf.exporter)
    assert kernel.log.warnings[2:] == [f"dma_buf_release: {mapped}"]


def test_a_detached_attachment_is_gone(kernel: SmallKernel, exporter: Exporter, camera: SmallDevice) -> None:
    dmabuf = exporter.export()
    attachment = dma_buf_attach(dmabuf, camera)
    dma_buf_detach(dmabuf, attachment)
    gone = "attachment of camera to dma-buf 1 'test' used after its release"
    for call in (
        lambda: dma_buf_detach(dmabuf, attachment),
        lambda: dma_buf_map_attachment_unlocked(attachment, TO_DEVICE),
    ):
        with pytest.raises(UseAfterFree, match=gone):
            call()
    assert kernel.log.warnings == [f"dma_buf_detach: {gone}", f"dma_buf_map_attachment: {gone}"]
    assert exporter.calls == ["attach camera", "detach camera"]


def test_every_call_on_a_dead_buffer_is_trapped(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice
) -> None:
    dmabuf = exporter.export()
    attachment = dma_buf_attach(dmabuf, camera)
    sgt = dma_buf_map_attachment_unlocked(attachment, TO_DEVICE)
    dma_buf_put(dmabuf, dmabuf.exporter)
    kernel.log.entries.clear()
    before = list(exporter.calls)
    calls: dict[str, Callable[[], object]] = {
        "dma_buf_fd": lambda: dma_buf_fd(task, dmabuf),
        "dma_buf_put": lambda: dma_buf_put(dmabuf, dmabuf.exporter),
        "dma_buf_attach": lambda: dma_buf_attach(dmabuf, camera),
        "dma_buf_detach": lambda: dma_buf_detach(dmabuf, attachment),
        "dma_buf_map_attachment": lambda: dma_buf_map_attachment_unlocked(attachment, TO_DEVICE),
        "dma_buf_unmap_attachment": lambda: dma_buf_unmap_attachment_unlocked(attachment, sgt, TO_DEVICE),
    }
    for name, call in calls.items():
        with pytest.raises(UseAfterFree) as error:
            call()
        assert str(error.value) == f"{name}: dma-buf 1 'test' used after its release"
    assert kernel.log.warnings == [f"{name}: dma-buf 1 'test' used after its release" for name in calls]
    assert exporter.calls == before, "the exporter never hears of it"
    assert task.files.open_fds() == []


def test_use_after_the_only_reference_went_to_the_fd_table(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice
) -> None:
    dmabuf = exporter.export()
    fd = dma_buf_fd(task, dmabuf)
    dma_buf_attach(dmabuf, camera)
    assert kernel.log.warnings == [
        "dma_buf_attach: dma-buf 1 'test' is used without a kernel reference; held by fd 0 of app (pid 1)"
    ]
    task.files.close(fd)
    with pytest.raises(UseAfterFree):
        dma_buf_attach(dmabuf, camera)


def test_put_after_dma_buf_fd_is_a_put_too_many(kernel: SmallKernel, exporter: Exporter, task: Task) -> None:
    dmabuf = exporter.export()
    dma_buf_fd(task, dmabuf)
    dma_buf_put(dmabuf, dmabuf.exporter)
    assert kernel.log.warnings == [
        "dma-buf 1 'test': put by kernel test, which has no reference; held by fd 0 of app (pid 1)"
    ]
    assert not dmabuf.released


def test_put_inside_detach_leaves_the_importer_without_its_own(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice
) -> None:
    """The lifetime thread: the exporter's detach must not put what the importer got."""
    dmabuf = exporter.export()
    fd = dma_buf_fd(task, dmabuf)
    attachment = dma_buf_attach(dma_buf_get(task, fd, camera.importer), camera)
    dma_buf_detach(dmabuf, attachment)
    dmabuf.file.put(camera.importer)
    assert kernel.log.warnings == []
    dma_buf_put(dmabuf, camera.importer)
    assert kernel.log.warnings == [
        "dma-buf 1 'test': put by importer camera, which has no reference; held by fd 0 of app (pid 1)"
    ]


def test_the_framebuffer_mail_as_first_asked(kernel: SmallKernel, exporter: Exporter) -> None:
    """One global buffer, fds given back with put_unused_fd after they were installed."""
    init, first, second = kernel.task(1, "init"), kernel.task(2, "first"), kernel.task(3, "second")
    fd = dma_buf_fd(init, exporter.export())
    shared = dma_buf_get(init, fd, FB)
    dma_buf_put(shared, FB)
    init.files.put_unused_fd(fd)
    assert kernel.log.warnings == [
        "put_unused_fd: fd 0 of init (pid 1) holds dma-buf 1 'test'; "
        "after fd_install only close() gives it back"
    ]
    kernel.log.entries.clear()

    for client in (first, second):
        fd = dma_buf_fd(client, shared, holder=FB)
        client.files.put_unused_fd(fd)
    no_reference = "which has no reference; held by fd 0 of init (pid 1)"
    assert [text for text in kernel.log.warnings if text.startswith("dma-buf")] == [
        f"dma-buf 1 'test': transfer to fd 0 of first (pid 2) by kernel fbdev, {no_reference}",
        f"dma-buf 1 'test': transfer to fd 0 of second (pid 3) by kernel fbdev, {no_reference}",
    ]

    init.exit()
    assert kernel.log.warnings[-1] == (
        "exit: slot 0 not NULL! init (pid 1) loses its reference to dma-buf 1 'test'"
    )
    assert shared.file.held_by() == "fd 0 of init (pid 1), overwritten and lost"


def test_the_framebuffer_mail_corrected(kernel: SmallKernel, exporter: Exporter) -> None:
    """The driver keeps a reference of its own and gives each client one of its own; fds are closed."""
    shared = exporter.export()
    shared.file.transfer(shared.exporter, FB)
    for pid in (2, 3):
        client = kernel.task(pid, "client")
        for_client = Holder("kernel", f"fbdev ioctl of {client}")
        shared.file.get(for_client)
        fd = dma_buf_fd(client, shared, holder=for_client)
        user = Holder("importer", f"ion client {pid}")
        dma_buf_get(client, fd, user)
        client.files.close(fd)
        dma_buf_put(shared, user)
    assert shared.file.held_by() == "kernel fbdev"
    dma_buf_put(shared, FB)
    assert shared.released
    assert kernel.log.warnings == []


def test_error_path_after_a_failed_fd_that_forgets_the_put_is_a_leak(
    kernel: SmallKernel, exporter: Exporter
) -> None:
    with pytest.raises(KernelError) as error:
        dma_buf_fd(kernel.task(limit=0), exporter.export())
    assert error.value.errno == EMFILE
    assert leaked(kernel) == ["dma-buf 1 'test' (16384 bytes): held by kernel test"]
