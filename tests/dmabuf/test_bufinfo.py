"""The exact text of bufinfo, which programs parse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from soc.dmabuf import dma_buf_attach, dma_buf_get
from soc.dmabuf.bufinfo import BUFINFO, dma_buf_init
from soc.dmabuf.fence import dma_fence_signal
from soc.dmabuf.resv import DmaResvUsage
from soc.kernel.generation import Generation
from tests.dmabuf.paged import Job, PagedExporter, PagedKernel, paged_kernel
from tests.dmabuf.small_kernel import SmallDevice


@pytest.fixture
def kernel(generation: Generation) -> Iterator[PagedKernel]:
    with paged_kernel(generation) as kernel:
        dma_buf_init(kernel)
        yield kernel


EMPTY = {
    "4.9": "\nDma-buf Objects:\nsize\tflags\tmode\tcount\texp_name\n\nTotal 0 objects, 0 bytes\n",
    "6.12": "\nDma-buf Objects:\nsize    \tflags   \tmode    \tcount   \texp_name\tino     \tname\n"
    "\nTotal 0 objects, 0 bytes\n",
}


def test_without_buffers(kernel: PagedKernel, generation: Generation) -> None:
    if generation is Generation.V2011:
        assert BUFINFO not in kernel.views.list()
        return
    assert kernel.views.read(BUFINFO) == EMPTY["4.9" if generation is Generation.V4_9 else "6.12"]


@pytest.mark.parametrize("generation", [Generation.V6_12], ids=str)
def test_buffers_fences_and_devices(kernel: PagedKernel) -> None:
    app = kernel.process("app")
    exporter = PagedExporter(kernel)
    fd, first = exporter.open(app)
    first.name = "camera 0"
    exporter.open(app, flags=0)
    for name in ("camera", "display"):
        device = SmallDevice(kernel, name)
        dma_buf_get(app, fd, device.importer)
        dma_buf_attach(first, device)
    job = Job(kernel, "gpu", "ring0")
    done = job.on(first, DmaResvUsage.WRITE)
    Job(kernel, "vpu", "queue").on(first, DmaResvUsage.READ)
    Job(kernel, "mm", "tlb").on(first, DmaResvUsage.BOOKKEEP)
    dma_fence_signal(done)
    assert kernel.views.read(BUFINFO) == (
        "\nDma-buf Objects:\n"
        "size    \tflags   \tmode    \tcount   \texp_name\tino     \tname\n"
        "00016384\t00000002\t00080007\t00000003\ttest\t00000001\tcamera 0\n"
        "\twrite fence:gpu ring0 seq 1 signalled\n"
        "\tread fence:vpu queue seq 1 unsignalled\n"
        "\tAttached Devices:\n"
        "\tcamera\n"
        "\tdisplay\n"
        "Total 2 devices attached\n"
        "\n"
        "00016384\t00000000\t00080005\t00000001\ttest\t00000002\t<none>\n"
        "\tAttached Devices:\n"
        "Total 0 devices attached\n"
        "\n"
        "\n"
        "Total 2 objects, 32768 bytes\n"
    )


@pytest.mark.parametrize("generation", [Generation.V4_9], ids=str)
def test_a_row_of_4_9(kernel: PagedKernel) -> None:
    PagedExporter(kernel).open(kernel.process("app"))
    row = kernel.views.read(BUFINFO).splitlines()[3]
    assert row == "00016384\t00000002\t00000007\t00000001\ttest"
