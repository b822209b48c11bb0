"""/sys/kernel/dmabuf/buffers: a build option of two generations."""

from __future__ import annotations

from errno import EINVAL, ENOENT, ENOMEM

import pytest

from soc.dmabuf import dma_buf_export, dma_buf_fd, dma_buf_put
from soc.dmabuf.mapping import DmaBufConfig
from soc.dmabuf.sysfs_stats import BUFFERS
from soc.kernel.errors import KernelError
from soc.kernel.faults import FaultSite
from soc.kernel.generation import Generation
from soc.kernel.task import Task
from tests.dmabuf.small_kernel import SIZE, Exporter, SmallKernel

WITH = pytest.mark.parametrize("generation", [Generation.V6_12, Generation.V6_15], ids=str)
WITHOUT = pytest.mark.parametrize(
    "generation", [Generation.V2011, Generation.V4_9, Generation.V6_19], ids=str
)


@pytest.fixture
def stats(kernel: SmallKernel) -> SmallKernel:
    """A kernel that is built with them, where it can be."""
    kernel.subsystem(DmaBufConfig).sysfs_stats = True
    return kernel


def errno_of_nameless(kernel: SmallKernel, exporter: Exporter) -> int:
    with pytest.raises(KernelError) as caught:
        dma_buf_export(kernel, exporter, exporter.ops(), SIZE, 2, "")
    return caught.value.errno


@WITH
def test_a_buffer_has_its_two_files_from_export_to_release(
    stats: SmallKernel, exporter: Exporter, task: Task
) -> None:
    dmabuf = exporter.export(3 * SIZE)
    where = f"{BUFFERS}/{dmabuf.ino}"
    assert stats.views.list(BUFFERS) == [f"{where}/exporter_name", f"{where}/size"]
    assert stats.views.read(f"{where}/exporter_name") == "test\n"
    assert stats.views.read(f"{where}/size") == f"{3 * SIZE}\n"
    fd = dma_buf_fd(task, dmabuf)
    assert len(stats.views.list(BUFFERS)) == 2
    task.files.close(fd)
    assert stats.views.list(BUFFERS) == []
    with pytest.raises(KernelError) as caught:
        stats.views.read(f"{where}/size")
    assert caught.value.errno == ENOENT


@WITH
def test_the_files_of_one_buffer_go_and_those_of_others_stay(stats: SmallKernel, exporter: Exporter) -> None:
    """Ten and more of them: 1 is the beginning of 10."""
    buffers = [exporter.export(SIZE) for _ in range(12)]
    first, *others = buffers
    dma_buf_put(first, first.exporter)
    told = {int(path.split("/")[5]) for path in stats.views.list(BUFFERS)}
    assert told == {dmabuf.ino for dmabuf in others}
    for dmabuf in others:
        dma_buf_put(dmabuf, dmabuf.exporter)
    assert stats.views.list(BUFFERS) == []


@WITH
def test_an_exporter_without_a_name_is_refused(stats: SmallKernel, exporter: Exporter) -> None:
    assert errno_of_nameless(stats, exporter) == EINVAL
    assert [entry.text for entry in stats.log.entries if entry.level == "error"] == [
        "dma_buf_export: the statistics of a buffer need the name of its exporter"
    ]
    assert (stats.log.warnings, stats.files.live(), exporter.calls) == ([], [], [])


@WITH
def test_without_memory_for_the_statistics_there_is_no_buffer(stats: SmallKernel, exporter: Exporter) -> None:
    stats.faults.fail_nth(3, FaultSite.SLAB)
    with pytest.raises(KernelError) as caught:
        exporter.export()
    assert (caught.value.errno, "dma_buf_sysfs_entry" in str(caught.value)) == (ENOMEM, True)
    assert (stats.files.live(), stats.views.list(BUFFERS)) == ([], [])


def test_they_are_off_by_default(kernel: SmallKernel, exporter: Exporter) -> None:
    dmabuf = exporter.export()
    assert kernel.views.list(BUFFERS) == []
    nameless = dma_buf_export(kernel, exporter, exporter.ops(), SIZE, 2, "")
    for one in (dmabuf, nameless):
        dma_buf_put(one, one.exporter)


@WITHOUT
def test_other_generations_do_not_have_them(stats: SmallKernel, exporter: Exporter) -> None:
    dmabuf = dma_buf_export(stats, exporter, exporter.ops(), SIZE, 2, "")
    assert stats.views.list(BUFFERS) == []
    dma_buf_put(dmabuf, dmabuf.exporter)
