"""Bug 2: kernel code that gives away a reference of user space's, as who takes dma_buf_fd for a get does."""

from __future__ import annotations

import pytest

from soc.dmabuf import dma_buf_fd, dma_buf_get, dma_buf_put, get_dma_buf
from soc.kernel.fs.file import Holder
from soc.kernel.generation import Generation
from tests.dmabuf.small_kernel import Exporter, SmallKernel

DRIVER = Holder("kernel", "driver")


@pytest.fixture
def generation() -> Generation:
    return Generation.V6_12


@pytest.mark.parametrize("kind", ["fd", "vma", "message"])
def test_a_put_of_user_space_s_reference_is_named(kernel: SmallKernel, exporter: Exporter, kind: str) -> None:
    dmabuf = exporter.export()
    whose = Holder(kind, "3 of app (pid 1)")  # type: ignore[arg-type]
    get_dma_buf(dmabuf, whose)
    dma_buf_put(dmabuf, whose)
    [warning] = kernel.log.warnings
    why = f"the reference of {whose} is not kernel code's to give away"
    assert warning.startswith(f"dma_buf_put: {dmabuf}: {why}; held by ")


def test_an_fd_made_of_another_fd_s_reference_is_named(kernel: SmallKernel, exporter: Exporter) -> None:
    dmabuf, task = exporter.export(), kernel.task()
    first = dma_buf_fd(task, dmabuf)
    second = dma_buf_fd(task, dmabuf, 0, task.files.holder(first))
    whose = f"fd {first} of app (pid 1)"
    why = f"the reference of {whose} is not kernel code's to give away; held by {whose}"
    assert kernel.log.warnings == [f"dma_buf_fd: {dmabuf}: {why}"]
    assert dmabuf.file.held_by() == f"fd {second} of app (pid 1)"


def test_get_before_fd_and_put_after_get_are_right(kernel: SmallKernel, exporter: Exporter) -> None:
    dmabuf, task = exporter.export(), kernel.task()
    get_dma_buf(dmabuf, DRIVER)
    fd = dma_buf_fd(task, dmabuf, 0, DRIVER)
    dma_buf_put(dma_buf_get(task, fd, DRIVER), DRIVER)
    dma_buf_put(dmabuf, dmabuf.exporter)
    task.close(fd)
    assert dmabuf.released
    assert kernel.log.warnings == []
