"""Export, fd, get, put, attach, detach, map and unmap, row by row, in every generation."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from errno import EBADF, EBUSY, EINTR, EINVAL, EIO, EMFILE, ENODEV, ENOMEM

import pytest

from soc.dmabuf import (
    dma_buf_attach,
    dma_buf_detach,
    dma_buf_export,
    dma_buf_fd,
    dma_buf_get,
    dma_buf_map_attachment_unlocked,
    dma_buf_put,
    dma_buf_unmap_attachment_unlocked,
)
from soc.dmabuf.buffer import DmaBufOps
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import FileOperations, Holder
from soc.kernel.scatterlist import DmaDirection, SgTable
from soc.kernel.task import Task
from tests.dmabuf.small_kernel import SIZE, Exporter, SmallDevice, SmallKernel

TO_DEVICE, FROM_DEVICE = DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE


def errno_of(call: Callable[[], object]) -> int:
    with pytest.raises(KernelError) as error:
        call()
    return error.value.errno


# --- export ------------------------------------------------------------------


def test_export_gives_one_reference_to_the_exporter(kernel: SmallKernel, exporter: Exporter) -> None:
    dmabuf = dma_buf_export(kernel, exporter, exporter.ops(), 12345, os.O_RDONLY | os.O_NONBLOCK | os.O_CREAT)
    assert dmabuf.file.held_by() == "kernel dmabuf"
    assert (dmabuf.size, dmabuf.ino, dmabuf.file.f_count) == (12345, 1, 1), "the core does not judge the size"
    assert dmabuf.file.flags == os.O_RDONLY | os.O_NONBLOCK
    assert dmabuf.priv is exporter
    assert exporter.calls == []
    assert kernel.log.warnings == []


@pytest.mark.parametrize("missing", ["priv", "ops", "map_dma_buf", "unmap_dma_buf", "release"])
def test_export_without_a_mandatory_part_is_einval_with_a_warning(
    kernel: SmallKernel, exporter: Exporter, missing: str
) -> None:
    ops: DmaBufOps | None = exporter.ops()
    if missing == "ops":
        ops = None
    elif missing != "priv":
        ops = replace(exporter.ops(), **{missing: None})
    priv = None if missing == "priv" else exporter
    assert errno_of(lambda: dma_buf_export(kernel, priv, ops, SIZE, 0)) == EINVAL
    assert kernel.log.warnings == [
        "dma_buf_export: priv, map_dma_buf, unmap_dma_buf and release are mandatory"
    ]
    assert kernel.files.live() == []


def test_attach_and_detach_operations_are_optional(
    kernel: SmallKernel, exporter: Exporter, camera: SmallDevice
) -> None:
    ops = replace(exporter.ops(), attach=None, detach=None)
    dmabuf = dma_buf_export(kernel, exporter, ops, SIZE, 0)
    dma_buf_detach(dmabuf, dma_buf_attach(dmabuf, camera))
    assert exporter.calls == []
    assert kernel.log.warnings == []


def test_two_exports_are_two_buffers(exporter: Exporter) -> None:
    assert exporter.export().ino != exporter.export().ino


# --- fd ------------------------------------------------------------------------


def test_fd_consumes_the_reference(exporter: Exporter, task: Task) -> None:
    dmabuf = exporter.export()
    assert dma_buf_fd(task, dmabuf) == 0
    assert dmabuf.file.held_by() == "fd 0 of app (pid 1)"
    assert dmabuf.file.f_count == 1


def test_fd_consumes_the_reference_of_the_one_who_asks(exporter: Exporter, task: Task) -> None:
    dmabuf = exporter.export()
    other = Holder("kernel", "fbdev")
    dmabuf.file.get(other)
    dma_buf_fd(task, dmabuf, holder=other)
    assert dmabuf.file.held_by() == "fd 0 of app (pid 1), kernel test"


def test_fd_of_null_is_einval(kernel: SmallKernel, task: Task) -> None:
    assert errno_of(lambda: dma_buf_fd(task, None)) == EINVAL
    assert task.files.open_fds() == []
    assert kernel.log.warnings == []


def test_fd_with_a_full_table_is_emfile_and_the_caller_keeps_its_reference(
    kernel: SmallKernel, exporter: Exporter
) -> None:
    task = kernel.task(limit=0)
    dmabuf = exporter.export()
    assert errno_of(lambda: dma_buf_fd(task, dmabuf)) == EMFILE
    assert dmabuf.file.held_by() == "kernel test"
    dma_buf_put(dmabuf, dmabuf.exporter)
    assert exporter.calls == ["release dma-buf 1 'test'"]
    assert kernel.log.warnings == []


# --- get and put -----------------------------------------------------------------


def test_get_adds_a_reference(exporter: Exporter, task: Task, camera: SmallDevice) -> None:
    dmabuf = exporter.export()
    fd = dma_buf_fd(task, dmabuf)
    assert dma_buf_get(task, fd, camera.importer) is dmabuf
    assert dmabuf.file.held_by() == "fd 0 of app (pid 1), importer camera"


@pytest.mark.parametrize("fd", [-1, 0, 5, 4096])
def test_get_of_a_closed_or_invalid_fd_is_ebadf(
    exporter: Exporter, task: Task, camera: SmallDevice, fd: int
) -> None:
    task.files.close(dma_buf_fd(task, exporter.export()))
    assert errno_of(lambda: dma_buf_get(task, fd, camera.importer)) == EBADF


def test_get_of_another_kind_of_file_is_einval_and_takes_nothing(
    kernel: SmallKernel, task: Task, camera: SmallDevice
) -> None:
    opener = Holder("kernel", "eventfd")
    file = kernel.files.open(FileOperations("file", lambda file: None), None, "eventfd", opener)
    fd = task.files.get_unused_fd()
    task.files.fd_install(fd, file, opener)
    with pytest.raises(KernelError) as error:
        dma_buf_get(task, fd, camera.importer)
    assert str(error.value) == "-EINVAL: fd 0 of app (pid 1) is file 1 'eventfd', not a dma-buf"
    assert file.held_by() == "fd 0 of app (pid 1)"


def test_the_last_put_releases(
    kernel: SmallKernel, exporter: Exporter, task: Task, camera: SmallDevice
) -> None:
    dmabuf = exporter.export()
    fd = dma_buf_fd(task, dmabuf)
    dma_buf_get(task, fd, camera.importer)
    task.files.close(fd)
    assert exporter.calls == []
    dma_buf_put(dmabuf, camera.importer)
    assert exporter.calls == ["release dma-buf 1 'test'"]
    assert dmabuf.released
    assert kernel.files.live() == []
    assert kernel.log.warnings == []


def test_put_of_null_is_einval() -> None:
    """Linux warns; without a buffer there is no kernel to warn in, so it is raised."""
    with pytest.raises(KernelError) as error:
        dma_buf_put(None, Holder("importer", "camera"))
    assert str(error.value) == "-EINVAL: dma_buf_put: no dma-buf, put by importer camera"


# --- attach and detach -------------------------------------------------------------


def test_attach_lists_the_device_and_tells_the_exporter(exporter: Exporter, camera: SmallDevice) -> None:
    dmabuf = exporter.export()
    attachment = dma_buf_attach(dmabuf, camera)
    assert dmabuf.attachments == [attachment]
    assert attachment.device is camera
    assert exporter.calls == ["attach camera"]


@pytest.mark.parametrize(("buffer", "device"), [(True, False), (False, True)])
def test_attach_of_null_is_einval_with_a_warning(
    kernel: SmallKernel, exporter: Exporter, camera: SmallDevice, buffer: bool, device: bool
) -> None:
    dmabuf = exporter.export() if buffer else None
    assert errno_of(lambda: dma_buf_attach(dmabuf, camera if device else None)) == EINVAL
    assert kernel.log.warnings == ["dma_buf_attach: no dma-buf or no device"]
    assert exporter.calls == []


def test_attach_of_nothing_to_nothing_is_einval() -> None:
    assert errno_of(lambda: dma_buf_attach(None, None)) == EINVAL


@pytest.mark.parametrize("number", [EBUSY, ENODEV, EINVAL, ENOMEM])
def test_attach_passes_the_exporters_errno_and_leaves_nothing(
    kernel: SmallKernel, camera: SmallDevice, number: int
) -> None:
    dmabuf = Exporter(kernel, fail=("attach", number)).export()
    assert errno_of(lambda: dma_buf_attach(dmabuf, camera)) == number
    assert dmabuf.attachments == []
    assert kernel.log.warnings == []


def test_detach_takes_the_device_off_and_tells_the_exporter(exporter: Exporter, camera: SmallDevice) -> None:
    dmabuf = exporter.export()
    dma_buf_detach(dmabuf, dma_buf_attach(dmabuf, camera))
    assert dmabuf.attachments == []
    assert exporter.calls == ["attach camera", "detach camera"]


def test_detach_of_null_or_from_another_buffer_is_a_warning_and_no_detach(
    kernel: SmallKernel, exporter: Exporter, camera: SmallDevice
) -> None:
    dmabuf, other = exporter.export(), exporter.export()
    attachment = dma_buf_attach(dmabuf, camera)
    dma_buf_detach(None, attachment)
    dma_buf_detach(dmabuf, None)
    dma_buf_detach(other, attachment)
    assert kernel.log.warnings == [
        "dma_buf_detach: attachment of camera to dma-buf 1 'test', asked of no dma-buf",
        "dma_buf_detach: no attachment, asked of dma-buf 1 'test'",
        "dma_buf_detach: attachment of camera to dma-buf 1 'test', asked of dma-buf 2 'test'",
    ]
    assert dmabuf.attachments == [attachment]
    assert exporter.calls == ["attach camera"]
    assert errno_of(lambda: dma_buf_detach(None, None)) == EINVAL


# --- map and unmap -------------------------------------------------------------------


def test_map_gives_the_exporters_table_and_unmap_gives_it_back(
    exporter: Exporter, camera: SmallDevice
) -> None:
    attachment = dma_buf_attach(exporter.export(), camera)
    sgt = dma_buf_map_attachment_unlocked(attachment, FROM_DEVICE)
    assert sgt.size == SIZE
    assert [(m.sgt, m.direction) for m in attachment.mappings] == [(sgt, FROM_DEVICE)]
    dma_buf_unmap_attachment_unlocked(attachment, sgt, FROM_DEVICE)
    assert attachment.mappings == []
    assert exporter.calls == ["attach camera", "map camera", "unmap camera"]


def test_each_map_is_a_mapping_of_its_own(
    exporter: Exporter, camera: SmallDevice, display: SmallDevice
) -> None:
    dmabuf = exporter.export()
    first, second = dma_buf_attach(dmabuf, camera), dma_buf_attach(dmabuf, display)
    write, read, again = (
        dma_buf_map_attachment_unlocked(first, FROM_DEVICE),
        dma_buf_map_attachment_unlocked(second, TO_DEVICE),
        dma_buf_map_attachment_unlocked(second, TO_DEVICE),
    )
    dma_buf_unmap_attachment_unlocked(second, read, TO_DEVICE)
    assert [m.sgt for m in dmabuf.mappings] == [write, again]


def test_map_of_null_is_einval() -> None:
    assert errno_of(lambda: dma_buf_map_attachment_unlocked(None, TO_DEVICE)) == EINVAL


@pytest.mark.parametrize("number", [EINTR, ENOMEM, EIO, EINVAL])
def test_map_passes_the_exporters_errno_and_leaves_nothing(
    kernel: SmallKernel, camera: SmallDevice, number: int
) -> None:
    attachment = dma_buf_attach(Exporter(kernel, fail=("map", number)).export(), camera)
    assert errno_of(lambda: dma_buf_map_attachment_unlocked(attachment, TO_DEVICE)) == number
    assert attachment.mappings == []
    assert kernel.log.warnings == []


def test_map_of_an_exporter_that_returns_null_is_enomem(kernel: SmallKernel, camera: SmallDevice) -> None:
    """2011 hands NULL to the importer; the model answers as later kernels do, in 2011 too."""
    attachment = dma_buf_attach(Exporter(kernel, null_map=True).export(), camera)
    assert errno_of(lambda: dma_buf_map_attachment_unlocked(attachment, TO_DEVICE)) == ENOMEM
    assert attachment.mappings == []


def test_unmap_of_null_or_of_a_table_not_mapped_is_a_warning(
    kernel: SmallKernel, exporter: Exporter, camera: SmallDevice
) -> None:
    attachment = dma_buf_attach(exporter.export(), camera)
    dma_buf_unmap_attachment_unlocked(attachment, None, TO_DEVICE)
    dma_buf_unmap_attachment_unlocked(attachment, SgTable.of([(0, 4096)]), TO_DEVICE)
    who = "dma_buf_unmap_attachment: attachment of camera to dma-buf 1 'test'"
    assert kernel.log.warnings == [f"{who}: no table", f"{who}: the table is not mapped"]
    assert exporter.calls == ["attach camera"]
    assert errno_of(lambda: dma_buf_unmap_attachment_unlocked(None, None, TO_DEVICE)) == EINVAL


def test_a_mapping_is_given_back_once(kernel: SmallKernel, exporter: Exporter, camera: SmallDevice) -> None:
    attachment = dma_buf_attach(exporter.export(), camera)
    sgt = dma_buf_map_attachment_unlocked(attachment, TO_DEVICE)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, TO_DEVICE)
    dma_buf_unmap_attachment_unlocked(attachment, sgt, TO_DEVICE)
    assert len(kernel.log.warnings) == 1
    assert exporter.calls.count("unmap camera") == 1
