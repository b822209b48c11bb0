"""Open brackets of CPU access, and what a module leaves behind when it is unloaded."""

from __future__ import annotations

from errno import EACCES

import pytest

from soc.dmabuf import (
    dma_buf_begin_cpu_access,
    dma_buf_end_cpu_access,
    dma_buf_put,
    dma_buf_vmap_unlocked,
    dma_buf_vunmap_unlocked,
    get_dma_buf,
)
from soc.dmabuf.brackets import Brackets
from soc.dmabuf.sanitizer.module import module_unloaded
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import Holder
from soc.kernel.generation import Generation
from soc.kernel.scatterlist import DmaDirection
from tests.dmabuf.paged import PagedExporter, PagedKernel
from tests.dmabuf.small_kernel import Exporter, SmallKernel

BOTH = DmaDirection.BIDIRECTIONAL
MODULE = Holder("kernel", "tester")


@pytest.fixture
def generation() -> Generation:
    return Generation.V6_12


def test_a_bracket_is_open_from_begin_to_end_and_has_a_name(kernel: SmallKernel, exporter: Exporter) -> None:
    dmabuf, brackets = exporter.export(), kernel.subsystem(Brackets)
    first, second = kernel.process("first"), kernel.process("second")
    for process in (first, second, first):
        with kernel.sched.running(process):
            dma_buf_begin_cpu_access(dmabuf, BOTH)
    assert brackets.open(dmabuf) == ("first (pid 100)", "second (pid 101)", "first (pid 100)")
    with kernel.sched.running(first):
        dma_buf_end_cpu_access(dmabuf, BOTH)
    assert sorted(brackets.open(dmabuf)) == ["first (pid 100)", "second (pid 101)"]
    dma_buf_end_cpu_access(dmabuf, BOTH)  # of somebody who has none: the latest is meant
    dma_buf_end_cpu_access(dmabuf, BOTH)
    assert brackets.open(dmabuf) == ()
    dma_buf_end_cpu_access(dmabuf, BOTH)  # legal, and nothing
    assert brackets.open(dmabuf) == ()
    assert kernel.log.warnings == []


def test_a_begin_that_fails_opens_nothing(kernel: SmallKernel, exporter: Exporter) -> None:
    def refuse(dmabuf: object, direction: DmaDirection) -> None:
        raise KernelError(EACCES, "no")

    dmabuf = exporter.export()
    object.__setattr__(dmabuf.ops, "begin_cpu_access", refuse)
    with pytest.raises(KernelError):
        dma_buf_begin_cpu_access(dmabuf, BOTH)
    assert kernel.subsystem(Brackets).open(dmabuf) == ()


def test_34_a_module_that_leaves_everything_is_named_with_all_of_it() -> None:
    kernel = PagedKernel()
    dmabuf = PagedExporter(kernel).export()
    for _ in range(2):
        get_dma_buf(dmabuf, MODULE)
    dma_buf_begin_cpu_access(dmabuf, BOTH)
    mapping = dma_buf_vmap_unlocked(dmabuf)
    module_unloaded(kernel, MODULE)
    assert kernel.log.warnings == [
        f"tester is unloaded and leaves {dmabuf}: 2 references, "
        "CPU access begun by swapper (pid 0) and not ended, vmapped 1 times"
    ]
    dma_buf_vunmap_unlocked(dmabuf, mapping)
    dma_buf_end_cpu_access(dmabuf, BOTH)
    dma_buf_put(dmabuf, MODULE)
    module_unloaded(kernel, MODULE)
    assert kernel.log.warnings[1:] == [f"tester is unloaded and leaves {dmabuf}: a reference"]
    kernel.dram.banks[0].close()


def test_34_a_module_that_gave_everything_back_is_not_named(kernel: SmallKernel, exporter: Exporter) -> None:
    dmabuf = exporter.export()
    get_dma_buf(dmabuf, MODULE)
    dma_buf_put(dmabuf, MODULE)
    dma_buf_begin_cpu_access(dmabuf, BOTH)
    module_unloaded(kernel, MODULE)
    assert kernel.log.warnings == []
